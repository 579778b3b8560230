//! The content of an event, if this program knows its type.

use serde_json::value::RawValue;

/// The content of an event.
#[derive(Clone, Debug)]
pub enum Fact<E> {
    /// An event that this program knows.
    Known(E),
    /// An event known only to a newer program.
    Newer {
        /// The stored name.
        event_type: String,
        /// The stored payload, unchanged.
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
