//! The possible requests, and how they are generated: mostly valid, sometimes invalid.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

/// The customer's keys and values.
pub(crate) type Entries = BTreeMap<String, String>;

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A new image, through Moov's dialect.
    Upload {
        picture: u32,
        alt_text: Option<String>,
    },
    /// An operation on an existing image; `number` is taken modulo the number of images.
    With {
        image: usize,
        asker: Asker,
        if_match: IfMatch,
        action: Action,
    },
}

/// Whose key the request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Owner,
    /// Another account.
    Stranger,
}

/// The precondition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    Nothing,
    Current,
    Stale,
}

/// The operations of each dialect.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Moov(Moov),
    Uploadcare(Uploadcare),
    OpenStack(Prefix, OpenStack),
}

#[derive(Clone, Debug)]
pub(crate) enum Moov {
    Show,
    /// `alt_text`: no part, a part without it, a part with it.
    Replace {
        picture: u32,
        alt_text: Option<Option<String>>,
    },
    SetAltText(Option<String>),
    Disable,
}

#[derive(Clone, Debug)]
pub(crate) enum Uploadcare {
    Show,
    All,
    One(String),
    Set(String, String),
    Delete(String),
    Remove,
}

#[derive(Clone, Debug)]
pub(crate) enum OpenStack {
    Show,
    All,
    One(String),
    Merge(Entries),
    Replace(Entries),
    Set(String, String),
    Delete(String),
}

/// The path prefixes under which the same operations are served.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prefix {
    Bare,
    V2,
    V21,
    V2Tenant,
    V21Tenant,
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let upload = (0..8u32, proptest::option::of(alt_text()))
        .prop_map(|(picture, alt_text)| Step::Upload { picture, alt_text });
    let asker = prop_oneof![20 => Just(Asker::Owner), 1 => Just(Asker::Stranger)];
    let if_match = prop_oneof![
        12 => Just(IfMatch::Nothing), 2 => Just(IfMatch::Current), 1 => Just(IfMatch::Stale),
    ];
    let with =
        (0..8usize, asker, if_match, action()).prop_map(|(image, asker, if_match, action)| {
            Step::With {
                image,
                asker,
                if_match,
                action,
            }
        });
    prop_oneof![1 => upload, 9 => with]
}

fn action() -> impl Strategy<Value = Action> {
    let prefix = select(vec![
        Prefix::Bare,
        Prefix::V2,
        Prefix::V21,
        Prefix::V2Tenant,
        Prefix::V21Tenant,
    ]);
    prop_oneof![
        2 => moov().prop_map(Action::Moov),
        3 => uploadcare().prop_map(Action::Uploadcare),
        3 => (prefix, openstack()).prop_map(|(prefix, action)| Action::OpenStack(prefix, action)),
    ]
}

fn moov() -> impl Strategy<Value = Moov> {
    let alt = || proptest::option::of(alt_text());
    prop_oneof![
        3 => Just(Moov::Show),
        3 => (0..8u32, proptest::option::of(alt()))
            .prop_map(|(picture, alt_text)| Moov::Replace { picture, alt_text }),
        6 => alt().prop_map(Moov::SetAltText),
        1 => Just(Moov::Disable),
    ]
}

fn uploadcare() -> impl Strategy<Value = Uploadcare> {
    prop_oneof![
        2 => Just(Uploadcare::Show),
        4 => Just(Uploadcare::All),
        4 => key().prop_map(Uploadcare::One),
        12 => (key(), value()).prop_map(|(key, value)| Uploadcare::Set(key, value)),
        4 => key().prop_map(Uploadcare::Delete),
        1 => Just(Uploadcare::Remove),
    ]
}

fn openstack() -> impl Strategy<Value = OpenStack> {
    prop_oneof![
        1 => Just(OpenStack::Show),
        2 => Just(OpenStack::All),
        2 => key().prop_map(OpenStack::One),
        4 => entries().prop_map(OpenStack::Merge),
        3 => entries().prop_map(OpenStack::Replace),
        4 => (key(), value()).prop_map(|(key, value)| OpenStack::Set(key, value)),
        2 => key().prop_map(OpenStack::Delete),
    ]
}

/// A few entries, or enough to approach a limit.
fn entries() -> impl Strategy<Value = Entries> {
    let few = proptest::collection::btree_map(key(), value(), 0..4);
    let many = select(vec![47usize, 50, 51, 125, 128, 129]).prop_map(|count| {
        (0..count)
            .map(|number| (format!("n{number}"), "v".to_owned()))
            .collect()
    });
    prop_oneof![3 => few, 1 => many]
}

fn key() -> impl Strategy<Value = String> {
    let longest = |length: usize| "k".repeat(length);
    prop_oneof![
        8 => select(vec!["a", "b", "altText", "A.b-c_d:9"]).prop_map(str::to_owned),
        2 => select(vec!["two words".to_owned(), longest(64), longest(65), longest(255)]),
        1 => select(vec!["ä".to_owned(), "a/b".to_owned(), "a\0".to_owned(), longest(256)]),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let round = |length: usize| "\u{1f7e2}".repeat(length);
    prop_oneof![
        6 => select(vec!["", "x", "y", "grün"]).prop_map(str::to_owned),
        3 => select(vec![round(125), round(126), round(255), round(256), round(512)]),
        1 => select(vec![round(513), "\0".to_owned()]),
    ]
}

fn alt_text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec!["", "a dog", "eine Katze \u{1f408}"]).prop_map(str::to_owned),
        1 => select(vec!["ü".repeat(125), "ü".repeat(126), "\0".to_owned()]),
    ]
}
