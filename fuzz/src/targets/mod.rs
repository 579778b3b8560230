//! The entry points, one for each parser.
//!
//! | file | what it feeds |
//! | --- | --- |
//! | `pictures` | headers, decoders, ingest and rendering |
//! | `requests` | the parts of a request: query, path, headers, bodies, forms, tokens |
//! | `events` | the contents of the log: times, events of every version, formats for subscribers and auditors |

mod events;
mod pictures;
mod requests;

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Target;

/// Every target.
pub fn all() -> Vec<Target> {
    [pictures::targets(), requests::targets(), events::targets()]
        .into_iter()
        .flatten()
        .collect()
}

/// The target of this name.
pub fn named(name: &str) -> Option<Target> {
    all().into_iter().find(|target| target.name == name)
}

/// Identifies the kind of an outcome.
fn kind(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}

/// An error's words alone, because its numbers and names would make every input new.
fn words(error: impl ToString) -> String {
    let text = error.to_string();
    let words = text.split_whitespace().take(8);
    let words = words.filter(|word| word.chars().all(char::is_alphabetic));
    words.collect()
}

/// The magnitude of a number: as part of an outcome, the number itself would make every input new.
fn magnitude(number: usize) -> u32 {
    number.checked_ilog2().map_or(0, |log| log + 1)
}

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
