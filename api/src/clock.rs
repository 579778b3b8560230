//! The time of this machine.

use photolog_domain::Timestamp;
use time::OffsetDateTime;

/// The present moment.
pub fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}
