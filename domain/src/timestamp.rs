//! A moment in UTC with millisecond precision, written as RFC 3339.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::invalid_value::InvalidValue;

/// A moment in UTC, in milliseconds so that text and value round-trip in every client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z; `None` outside the years 0 to
    /// 9999.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .ok()
            .filter(|moment| moment.year() >= 0)
            .map(Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(&self) -> i64 {
        self.0.unix_timestamp() * 1_000 + i64::from(self.0.millisecond())
    }
}

/// Truncates to milliseconds.
impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        let moment = moment.to_offset(UtcOffset::UTC);
        let finer = moment.nanosecond() % 1_000_000;
        Self(moment - time::Duration::nanoseconds(i64::from(finer)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        formatter.write_str(&self.0.format(&format).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .map(|moment| moment.to_offset(UtcOffset::UTC))
            .and_then(|moment| {
                let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
                Self::from_unix_millis(i64::try_from(millis).ok()?)
            })
            .ok_or_else(|| InvalidValue::new("time", "must be an RFC 3339 date and time"))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> String {
        timestamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_round_trip() {
        for text in [
            "2026-11-21T04:36:26.000Z",
            "1970-01-01T00:00:00.001Z",
            "2026-02-28T23:59:59.999Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        let zoned: Timestamp = "2026-11-21T05:36:26.123999+01:00".parse().unwrap();
        assert_eq!(zoned.to_string(), "2026-11-21T04:36:26.123Z");
        assert_eq!(
            Timestamp::from_unix_millis(zoned.unix_millis()),
            Some(zoned)
        );
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
