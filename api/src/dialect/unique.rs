//! A JSON object whose member names are all different.
//!
//! RFC 8259 leaves duplicate names open and parsers disagree on which one wins, so a value that one
//! reader checked may not be the one that another reader uses. Objects with duplicate names are
//! therefore rejected. So are objects with far more members than an image may have keys, because
//! parsing them only costs time.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// The maximum number of members: several times the number of keys that an image may have, so that
/// a client slightly over the limit still gets the real limit from the rule that enforces it.
const MOST_MEMBERS: usize = 1_024;

/// The members of an object in the order they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueMembers<V>(pub Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMembers<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
    type Value = UniqueMembers<V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(String, V)> = Vec::new();
        let mut known = HashSet::new();
        while let Some((name, value)) = map.next_entry::<String, V>()? {
            if members.len() == MOST_MEMBERS {
                return Err(A::Error::custom(format!(
                    "an object may have at most {MOST_MEMBERS} members"
                )));
            }
            if !known.insert(name.clone()) {
                return Err(A::Error::custom(format!("member {name:?} is given twice")));
            }
            members.push((name, value));
        }
        Ok(UniqueMembers(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_member_is_refused() {
        let read = serde_json::from_str::<UniqueMembers<String>>;
        assert_eq!(
            read(r#"{"b": "1", "a": "2"}"#).unwrap().0,
            [
                ("b".to_owned(), "1".to_owned()),
                ("a".to_owned(), "2".to_owned())
            ]
        );
        let many = |count: usize| {
            let members = (0..count).map(|number| format!("\"{number}\": \"\""));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        let parse = |text: String| serde_json::from_str::<UniqueMembers<String>>(&text);
        assert_eq!(parse(many(MOST_MEMBERS)).unwrap().0.len(), MOST_MEMBERS);
        assert!(parse(many(MOST_MEMBERS + 1)).is_err());
        for refused in [r#"{"a": "1", "a": "1"}"#, r#"{"a": 1}"#, r#"["a"]"#, "null"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
