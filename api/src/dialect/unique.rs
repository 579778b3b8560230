//! A JSON object whose member names are all different.
//!
//! RFC 8259 leaves doubled names open, and parsers disagree on which wins; what one reader
//! checked another could then not see. So they are refused, and so are more members than any image
//! may have keys: the time of a check must not grow with what a client sends.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use photolog_domain::metadata::MAX_KEYS;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

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
            if members.len() == MAX_KEYS {
                return Err(A::Error::custom(format!(
                    "an object may have at most {MAX_KEYS} members"
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
        assert_eq!(parse(many(MAX_KEYS)).unwrap().0.len(), MAX_KEYS);
        assert!(parse(many(MAX_KEYS + 1)).is_err());
        for refused in [r#"{"a": "1", "a": "1"}"#, r#"{"a": 1}"#, r#"["a"]"#, "null"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
