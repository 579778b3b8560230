//! The clock of this machine.

use photolog_domain::Timestamp;
use time::OffsetDateTime;

/// The current time.
pub fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}
