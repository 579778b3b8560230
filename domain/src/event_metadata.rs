//! Who, when and why: what travels with every event. Not to be confused with an
//! image's own metadata, the customer's keys.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// The name of the dialect through which a command came in, such as `moov`. The log may hold names
/// that this program does not know; they stay what they are.
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
    /// The command line of the operator.
    pub const CLI: Self = Self::new("cli");

    /// A name of a dialect; lower-case letters and digits.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as events have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DialectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is stored beside every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventMetadata {
    /// UUID v7, unique to this event; consumers deduplicate by it.
    pub event_id: Uuid,
    /// When the command was decided.
    pub occurred_at: Timestamp,
    /// The key id that asked for it; `operator` or `operator:LABEL` on the command line.
    pub actor: String,
    /// The dialect it came through.
    pub dialect: DialectName,
    /// The request's id, as answered in `x-request-id`.
    pub request_id: String,
    /// What ties several requests together: the client's `x-correlation-id`, else the request id.
    pub correlation_id: String,
    /// The command that caused it: the same for all events of one commit.
    pub causation_id: Uuid,
    /// Why, in the client's words (`X-Photolog-Reason`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
