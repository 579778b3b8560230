//! The entry points, one for each parser.
//!
//! | file | what it feeds |
//! | --- | --- |
//! | `pictures` | headers, decoders, ingest and rendering |
//! | `requests` | what stands in a request: query, path, headers, bodies, forms, tokens |
//! | `events` | what stands in the log: times, events of every version, what subscribers and auditors get |

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

/// Tells kinds of outcomes apart.
fn kind(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}

/// An error by its words alone, for its numbers and names would make every input new.
fn words(error: impl ToString) -> String {
    let text = error.to_string();
    let words = text.split_whitespace().take(8);
    let words = words.filter(|word| word.chars().all(char::is_alphabetic));
    words.collect()
}

/// How large a number is, roughly: as a part of an outcome it must not make every input new.
fn magnitude(number: usize) -> u32 {
    number.checked_ilog2().map_or(0, |log| log + 1)
}

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
