//! `/files/`: the list. Eventually consistent, but a write waits until it is visible here.
//!
//! <https://uploadcare.com/api-refs/rest-api/v0.7.0/#operation/filesList>

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use photolog_domain::Timestamp;
use photolog_store::{ImageFilter, ImageList, ImagePage, ListStart, SortOrder};
use serde_json::json;

use crate::app::{App, SharedApp};
use crate::dialect::page_memory;
use crate::dialect::uploadcare::wire::{self, answer};
use crate::error::ApiError;
use crate::http::compute::compute;
use crate::http::memory::Holder;
use crate::http::path::Query;
use crate::http::{Request, Response};

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

/// `GET /files/` with `limit`, `ordering`, `removed`, `stored`, `from`, and the `offset` used in
/// the links of our own responses.
pub async fn list(app: SharedApp, request: Request) -> Result<Response, ApiError> {
    let page = Page::read(&request.query)?;
    let account = request.caller()?.account;
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, page_memory(page.limit)).await?;
    // Every file here is stored, so the list of files that are not stored is empty.
    let (images, total) = if page.stored == Some(false) {
        let rows = Vec::new();
        (
            ImagePage {
                rows,
                is_cut: false,
            },
            0,
        )
    } else {
        let list = ImageList {
            account,
            which: page.which,
            order: page.order,
            start: page.from.map_or(ListStart::First, ListStart::At),
            skip: page.offset,
            count: page.limit + 1,
        };
        let images = app.store.list_images(&list).await?;
        (images, app.store.count_listed(account, page.which).await?)
    };
    let app = app.clone();
    let answer = compute(move || answer(StatusCode::OK, &page.document(&app, &images, total)));
    request.count(answer.await?).await
}

/// The requested page.
struct Page {
    limit: u64,
    offset: u64,
    order: SortOrder,
    which: ImageFilter,
    stored: Option<bool>,
    from: Option<Timestamp>,
}

impl Page {
    fn read(query: &Query) -> Result<Self, ApiError> {
        let limit = query.number("limit", DEFAULT_LIMIT)?;
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::malformed(format!(
                "limit should be from 1 to {MAX_LIMIT}."
            )));
        }
        let order = match query.get("ordering") {
            None | Some("datetime_uploaded") => SortOrder::OldestFirst,
            Some("-datetime_uploaded") => SortOrder::NewestFirst,
            Some(_) => {
                return Err(ApiError::malformed(
                    "ordering should be datetime_uploaded or -datetime_uploaded.",
                ));
            }
        };
        let which = match flag(query, "removed")? {
            Some(true) => ImageFilter::Disabled,
            Some(false) | None => ImageFilter::Enabled,
        };
        let from = query
            .get("from")
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| {
                ApiError::malformed("from should be a time such as 2026-01-31T00:00:00Z.")
            })?;
        Ok(Self {
            limit,
            offset: query.number("offset", 0)?,
            order,
            which,
            stored: flag(query, "stored")?,
            from,
        })
    }

    /// The response. There is a next page if there is one image more than the limit, or if the list
    /// was cut.
    fn document(&self, app: &App, images: &ImagePage, total: u64) -> serde_json::Value {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let results: Vec<_> = images
            .rows
            .iter()
            .take(limit)
            .map(|row| wire::file(app, row.image, &row.state))
            .collect();
        let has_more = images.is_cut || images.rows.len() > limit;
        let next = has_more.then(|| self.link(app, self.offset + results.len() as u64));
        let previous =
            (self.offset > 0).then(|| self.link(app, self.offset.saturating_sub(self.limit)));
        json!({
            "next": next,
            "previous": previous,
            "total": total,
            "per_page": self.limit,
            "results": results,
        })
    }

    fn link(&self, app: &App, offset: u64) -> String {
        let mut link = format!(
            "{}/files/?limit={}&offset={offset}",
            app.public_url, self.limit
        );
        if self.order == SortOrder::NewestFirst {
            link.push_str("&ordering=-datetime_uploaded");
        }
        if self.which == ImageFilter::Disabled {
            link.push_str("&removed=true");
        }
        if let Some(stored) = self.stored {
            link.push_str(&format!("&stored={stored}"));
        }
        if let Some(from) = self.from {
            let from = from.to_string();
            link.push_str(&format!(
                "&from={}",
                utf8_percent_encode(&from, NON_ALPHANUMERIC)
            ));
        }
        link
    }
}

fn flag(query: &Query, name: &'static str) -> Result<Option<bool>, ApiError> {
    match query.get(name) {
        None => Ok(None),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(ApiError::malformed(format!(
            "{name} should be true or false."
        ))),
    }
}
