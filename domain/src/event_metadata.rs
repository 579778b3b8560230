//! Who, when and why: stored with every event. Not to be confused with an image's own metadata, the
//! customer's keys.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// The name of the dialect of a command, such as `moov`. The log may contain names that this
/// version does not know; they are preserved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DialectName(Cow<'static, str>);

impl DialectName {
    /// Moov images.
    pub const MOOV: Self = Self::new("moov");
    /// Uploadcare file metadata.
    pub const UPLOADCARE: Self = Self::new("uploadcare");
    /// OpenStack image metadata.
    pub const OPENSTACK: Self = Self::new("openstack");
    /// Photolog's own endpoints.
    pub const PHOTOLOG: Self = Self::new("photolog");
    /// The operator's command line.
    pub const CLI: Self = Self::new("cli");

    /// A dialect's name: lower-case letters and digits.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as it is in events.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is stored with every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventMetadata {
    /// UUID v7, unique to this event; consumers use it to deduplicate.
    pub event_id: Uuid,
    /// When the command was decided.
    pub occurred_at: Timestamp,
    /// The id of the key that requested it; `operator` or `operator:LABEL` on the command line.
    pub actor: String,
    /// The dialect of the command.
    pub dialect: DialectName,
    /// The request's id, as returned in `x-request-id`.
    pub request_id: String,
    /// The id that connects several requests: the client's `x-correlation-id`, or otherwise the
    /// request id.
    pub correlation_id: String,
    /// The id of the command that caused it: the same for all events of one commit.
    pub causation_id: Uuid,
    /// The reason, as given by the client (`X-Photolog-Reason`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
