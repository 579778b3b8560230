//! Who, when and why: what travels with every event. Not to be confused with an
//! image's own metadata, the customer's keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::Timestamp;
use crate::word::Word;

/// Through which dialect a command came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Moov images.
    Moov,
    /// Uploadcare file metadata.
    Uploadcare,
    /// OpenStack image metadata.
    OpenStack,
    /// Photolog's own endpoints.
    Photolog,
    /// The command line of the operator.
    Cli,
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Moov => "moov",
            Self::Uploadcare => "uploadcare",
            Self::OpenStack => "openstack",
            Self::Photolog => "photolog",
            Self::Cli => "cli",
        })
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
    pub dialect: Word<Dialect>,
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
