//! Which events of a history to return, and in which format.

use std::collections::BTreeSet;

use photolog_domain::{ImageEvent, Timestamp};

use super::entry::HistoryEntry;
use crate::error::ApiError;
use crate::http::Request;

/// The client's selection of events.
#[derive(Clone, Debug)]
pub struct Filter {
    types: BTreeSet<&'static str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: u64,
}

impl Filter {
    pub(super) fn read(request: &Request) -> Result<Self, ApiError> {
        let types = request
            .query
            .all("type")
            .flat_map(|names| names.split(','))
            .map(|name| {
                ImageEvent::TYPES
                    .into_iter()
                    .find(|known| *known == name)
                    .ok_or_else(|| {
                        let known = ImageEvent::TYPES.join(", ");
                        ApiError::malformed(format!("type must be one of {known}"))
                    })
            })
            .collect::<Result<_, _>>()?;
        let time = |name: &'static str| {
            request
                .query
                .get(name)
                .map(str::parse::<Timestamp>)
                .transpose()
                .map_err(|problem| ApiError::malformed(format!("{name}: {problem}")))
        };
        Ok(Self {
            types,
            from: time("from")?,
            to: time("to")?,
            after: request.query.number("cursor", 0)?,
        })
    }

    pub(super) fn wants(&self, entry: &HistoryEntry) -> bool {
        entry.sequence > self.after
            && (self.types.is_empty() || self.types.contains(entry.event_type.as_str()))
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page with a cursor.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// A table.
    Csv,
}

impl Format {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    pub(super) fn of(request: &Request) -> Result<Self, ApiError> {
        let accept = request.header("accept").unwrap_or_default();
        match request.query.get("format") {
            Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(ApiError::malformed("format must be json, ndjson or csv")),
            None if accept.contains("application/x-ndjson") => Ok(Self::Ndjson),
            None if accept.contains("text/csv") => Ok(Self::Csv),
            None => Ok(Self::Json),
        }
    }
}
