//! The content of an event, if its type is known to this program.

use serde_json::value::RawValue;

/// The content of an event.
#[derive(Clone, Debug)]
pub enum Fact<E> {
    /// An event known to this program.
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
    /// The event, if it is known to this program.
    pub fn known(self) -> Option<E> {
        match self {
            Self::Known(event) => Some(event),
            Self::Newer { .. } => None,
        }
    }
}
