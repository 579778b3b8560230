//! Paths and queries: split, matched against a pattern, percent-decoded once.

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// The segments of a raw path. One trailing slash is dropped, because the vendors' documents and
/// clients write URLs with and without it.
pub fn segments(raw_path: &str) -> Vec<&str> {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').collect()
}

/// Whether the segments match a pattern such as `/accounts/{account}/images`.
pub fn matches(pattern: &str, path: &[&str]) -> bool {
    let mut wanted = pattern[1..].split('/');
    let fits = path.iter().all(|segment| {
        wanted.next().is_some_and(|want| {
            if want.starts_with('{') {
                !segment.is_empty()
            } else {
                want == *segment
            }
        })
    });
    fits && wanted.next().is_none()
}

/// The values of a pattern's `{names}`, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    values: Vec<(&'static str, String)>,
    tenant: Option<String>,
}

impl Parameters {
    /// Reads the values from a path that matches the pattern; `tenant` is the value of an optional
    /// prefix.
    ///
    /// # Errors
    /// When a value is not UTF-8 after decoding.
    pub fn read(
        pattern: &'static str,
        path: &[&str],
        tenant: Option<&str>,
    ) -> Result<Self, ApiError> {
        let values = pattern[1..]
            .split('/')
            .zip(path)
            .filter_map(|(want, segment)| {
                let name = want.strip_prefix('{')?.strip_suffix('}')?;
                Some(decode(segment).map(|value| (name, value)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            values,
            tenant: tenant.map(decode).transpose()?,
        })
    }

    /// The tenant in the path, on paths where it is optional.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The value of one name; empty when the pattern has no such name.
    pub fn get(&self, name: &str) -> &str {
        self.values
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }
}

/// The query's values, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Each look-up scans all parameters, so their number is limited.
    const MOST: usize = 100;

    /// Reads a raw query string.
    ///
    /// # Errors
    /// When a name or value is not UTF-8 after decoding, or there are more parameters than any
    /// request needs.
    pub fn read(raw: &str) -> Result<Self, ApiError> {
        if raw.split('&').nth(Self::MOST).is_some() {
            let most = Self::MOST;
            return Err(ApiError::malformed(format!(
                "a query may have at most {most} parameters"
            )));
        }
        raw.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((
                    decode(&name.replace('+', " "))?,
                    decode(&value.replace('+', " "))?,
                ))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a name as a number from 0 to the largest `int64`, or `default`.
    ///
    /// # Errors
    /// When the name is present and its value is not such a number.
    pub fn number(&self, name: &'static str, default: u64) -> Result<u64, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse::<i64>()
                .ok()
                .and_then(|number| number.try_into().ok())
                .ok_or_else(|| {
                    ApiError::malformed(format!("{name} must be a number that is not negative"))
                }),
        }
    }
}

fn decode(text: &str) -> Result<String, ApiError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|decoded| decoded.into_owned())
        .map_err(|_| ApiError::malformed("the URL is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = "/images/{image}/metadata/{key}";

    #[test]
    fn a_pattern_fits_its_paths_and_no_others() {
        for path in [
            "/images/1/metadata/a",
            "/images/1/metadata/a/",
            "/images/%2F/metadata/..",
        ] {
            assert!(matches(ITEM, &segments(path)), "{path}");
        }
        for path in [
            "/images/1/metadata",
            "/images//metadata/a",
            "/images/1/metadata/a/b",
            "/images/1/metadata/a//",
            "/images/1/METADATA/a",
            "",
            "/",
            "*",
        ] {
            assert!(!matches(ITEM, &segments(path)), "{path}");
        }
    }

    #[test]
    fn parameters_are_decoded_exactly_once() {
        let path = segments("/images/a%2Fb/metadata/%2561%20+%00");
        let parameters = Parameters::read(ITEM, &path, None).unwrap();
        assert_eq!(parameters.get("image"), "a/b");
        assert_eq!(parameters.get("key"), "%61 +\0");
        assert!(Parameters::read(ITEM, &segments("/images/%ff/metadata/a"), None).is_err());
    }

    #[test]
    fn query_values_are_decoded_and_numbers_checked() {
        let query = Query::read("a=1&b=%20+&a=2&c&n=-1").unwrap();
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.get("b"), Some("  "));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!(query.number("a", 7).unwrap(), 1);
        assert_eq!(query.number("x", 7).unwrap(), 7);
        assert!(query.number("n", 7).is_err());
        let large = Query::read("a=9223372036854775807&b=9223372036854775808").unwrap();
        assert_eq!(large.number("a", 7).unwrap(), i64::MAX as u64);
        assert!(large.number("b", 7).is_err());
        assert!(Query::read("a=%ff").is_err());
        assert!(Query::read(&"a&".repeat(99)).is_ok());
        assert!(Query::read(&"a&".repeat(100)).is_err());
    }
}
