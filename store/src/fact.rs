//! What an event says, if this program knows.

use serde_json::value::RawValue;

/// What an event of a stream says.
#[derive(Clone, Debug)]
pub enum Fact<E> {
    /// One that this program knows.
    Known(E),
    /// One that only a newer program knows.
    Newer {
        /// The stored name.
        event_type: String,
        /// The stored payload, as it is.
        payload: Box<RawValue>,
    },
}

impl<E> Fact<E> {
    /// The event, if this program knows it.
    pub fn known(self) -> Option<E> {
        match self {
            Self::Known(event) => Some(event),
            Self::Newer { .. } => None,
        }
    }
}
