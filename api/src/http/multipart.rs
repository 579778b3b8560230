//! `multipart/form-data` (RFC 7578), read piece by piece.
//!
//! This is our own parser, because forms are where clients without other credentials may send
//! megabytes: it limits the head, looks at each byte once, and buffers nothing beyond the current
//! piece. The existing parser reads everything that the connection has available at each step.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use memchr::memmem::{self, Finder};

use crate::error::ApiError;

/// Maximum size of a part's head, with its boundary.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Maximum length of a boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A form that is being read.
pub struct Multipart<S> {
    stream: S,
    /// The end of a part: a line break, two hyphens, the boundary.
    delimiter: Finder<'static>,
    /// Bytes read but not returned yet.
    buffer: BytesMut,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first delimiter or inside a part.
    Data,
    /// After a delimiter.
    Delimiter,
    /// After the last delimiter.
    End,
}

/// The head of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name.
    pub name: Option<String>,
    /// The file's name on the client.
    pub file_name: Option<String>,
}

impl<S: Stream<Item = Result<Bytes, ApiError>> + Unpin> Multipart<S> {
    /// Begins to read a form.
    ///
    /// # Errors
    /// `Malformed` when the content type is not `multipart/form-data` with a boundary.
    pub fn new(stream: S, content_type: &str) -> Result<Self, ApiError> {
        let boundary = boundary(content_type)
            .ok_or_else(|| ApiError::malformed("the request must be multipart/form-data"))?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Self {
            stream,
            delimiter: Finder::new(&delimiter).into_owned(),
            // A line break, because the first delimiter has none before it, unlike the others.
            buffer: BytesMut::from(&b"\r\n"[..]),
            place: Place::Data,
        })
    }

    /// The head of the next part, skipping the rest of the current one; `None` at the form's end.
    ///
    /// # Errors
    /// `Malformed` when it is not a form or a head is too large, or the stream's error.
    pub async fn next_part(&mut self) -> Result<Option<PartHead>, ApiError> {
        while self.data().await?.is_some() {}
        if self.place == Place::End {
            return Ok(None);
        }
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.place = Place::End;
            return Ok(None);
        }
        let mut searched = 0;
        let end = loop {
            if let Some(found) = memmem::find(&self.buffer[searched..], HEAD_END) {
                break searched + found;
            }
            searched = (self.buffer.len() + 1).saturating_sub(HEAD_END.len());
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(head_too_large());
            }
            self.fill().await?;
        };
        if end > MAX_HEAD_BYTES {
            return Err(head_too_large());
        }
        let head = self.buffer.split_to(end + HEAD_END.len());
        self.place = Place::Data;
        PartHead::parse(&head[..end])
            .map(Some)
            .ok_or_else(|| ApiError::malformed("a part of the form has no readable head"))
    }

    /// The next piece of the current part; `None` at its end.
    ///
    /// # Errors
    /// `Malformed` when the form is truncated, or the stream's error.
    pub async fn data(&mut self) -> Result<Option<Bytes>, ApiError> {
        if self.place != Place::Data {
            return Ok(None);
        }
        loop {
            if let Some(end) = self.delimiter.find(&self.buffer) {
                let piece = self.buffer.split_to(end).freeze();
                let _ = self.buffer.split_to(self.delimiter.needle().len());
                self.place = Place::Delimiter;
                return Ok(Some(piece).filter(|piece| !piece.is_empty()));
            }
            // The last bytes may be the beginning of a delimiter.
            let kept = self.delimiter.needle().len() - 1;
            let sure = self.buffer.len().saturating_sub(kept);
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), ApiError> {
        let chunk = self.stream.next().await.transpose()?;
        let chunk = chunk.ok_or_else(|| ApiError::malformed("the form breaks off"))?;
        self.buffer.extend_from_slice(&chunk);
        Ok(())
    }
}

fn head_too_large() -> ApiError {
    ApiError::malformed(format!(
        "the head of a part may have at most {MAX_HEAD_BYTES} bytes"
    ))
}

impl PartHead {
    /// Parses the lines of a head, which begins right after a boundary.
    fn parse(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let (padding, lines) = text.split_once("\r\n").unwrap_or((text, ""));
        if !padding.trim_matches([' ', '\t']).is_empty() {
            return None;
        }
        let mut found = Self::default();
        for line in lines.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            if !name.eq_ignore_ascii_case("content-disposition") {
                continue;
            }
            let (kind, parameters) = parameters(value)?;
            if !kind.eq_ignore_ascii_case("form-data") {
                return None;
            }
            found.name = only(&parameters, "name")?;
            found.file_name = only(&parameters, "filename")?;
        }
        Some(found)
    }
}

/// The value of a parameter; the outer `None` when it is given twice.
fn only(parameters: &[(String, String)], wanted: &str) -> Option<Option<String>> {
    let mut values = parameters.iter().filter(|(name, _)| name == wanted);
    let value = values.next().map(|(_, value)| value.clone());
    values.next().is_none().then_some(value)
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = parameters(content_type)?;
    let boundary = only(&parameters, "boundary")??;
    let is_plain = boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_form = kind.eq_ignore_ascii_case("multipart/form-data");
    (is_form && is_plain && (1..=MAX_BOUNDARY).contains(&boundary.len())).then_some(boundary)
}

/// A header's value and its parameters, whose names are in lower case (RFC 9110, section 5.6.6).
///
/// In quotes, a backslash escapes a quote or another backslash; before any other character it is
/// literal, because browsers send Windows paths unescaped.
fn parameters(header: &str) -> Option<(&str, Vec<(String, String)>)> {
    let (value, mut rest) = header.split_once(';').unwrap_or((header, ""));
    let mut parameters = Vec::new();
    while !rest.trim().is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let behind = behind.trim_start();
        let value = if let Some(quoted) = behind.strip_prefix('"') {
            let (value, behind) = unquote(quoted)?;
            rest = behind.trim_start();
            rest = if rest.is_empty() {
                rest
            } else {
                rest.strip_prefix(';')?
            };
            value
        } else {
            let (value, behind) = behind.split_once(';').unwrap_or((behind, ""));
            rest = behind;
            value.trim().to_owned()
        };
        parameters.push((name, value));
    }
    Some((value.trim(), parameters))
}

/// The text up to the closing quote, and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[place + 1..])),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;

    const TYPE: &str = "multipart/form-data; boundary=b";

    /// Name and content.
    type Part = (Option<String>, Vec<u8>);

    /// The parts of a form that arrives in pieces of `step` bytes.
    fn read(form: &[u8], step: usize) -> Result<Vec<Part>, ApiError> {
        let pieces: Vec<_> = form
            .chunks(step)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let parsed = async {
            let mut form = Multipart::new(stream::iter(pieces), TYPE)?;
            let mut parts = Vec::new();
            while let Some(head) = form.next_part().await? {
                let mut content = Vec::new();
                while let Some(piece) = form.data().await? {
                    content.extend_from_slice(&piece);
                }
                parts.push((head.name, content));
            }
            Ok(parts)
        };
        futures::executor::block_on(parsed)
    }

    fn part(disposition: &str) -> Option<PartHead> {
        PartHead::parse(format!("\r\nContent-Disposition: {disposition}").as_bytes())
    }

    #[test]
    fn a_form_is_the_same_in_pieces_of_any_size() {
        let form = b"preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--\
            two\r\n--b  \r\ncontent-disposition: form-data; name=c\r\nX: y\r\n\r\n\r\n--b\r\n\r\nbare\
            \r\n--b--epilogue";
        let wanted = vec![
            (Some("a".to_owned()), b"one\r\n--two".to_vec()),
            (Some("c".to_owned()), vec![]),
            (None, b"bare".to_vec()),
        ];
        for step in 1..form.len() {
            assert_eq!(read(form, step).unwrap(), wanted, "{step}");
        }
    }

    #[test]
    fn a_form_that_breaks_off_or_is_none_is_malformed() {
        for form in [
            &b""[..],
            b"--b",
            b"--b\r\n",
            b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\ndata",
            b"--b\r\nno colon\r\n\r\ndata\r\n--b--",
            b"--bx\r\nContent-Disposition: form-data; name=a\r\n\r\ndata\r\n--b--",
            b"--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n\r\n--b--",
        ] {
            let refused = read(form, 7).unwrap_err();
            assert_eq!(
                refused.kind,
                Kind::Malformed,
                "{}",
                String::from_utf8_lossy(form)
            );
        }
    }

    #[test]
    fn a_head_has_a_limit_whether_it_ends_or_not() {
        let head = |bytes| {
            let mut form = b"--b\r\nX: ".to_vec();
            form.resize(form.len() + bytes, b'y');
            form
        };
        let refused = read(&head(1 << 20), 1_000).unwrap_err();
        assert!(refused.message.contains("8192"), "{}", refused.message);
        let mut whole = head(9_000);
        whole.extend_from_slice(b"\r\n\r\n\r\n--b--");
        assert!(read(&whole, 100_000).is_err());
        let mut fits = head(8_000);
        fits.extend_from_slice(b"\r\n\r\n\r\n--b--");
        assert_eq!(read(&fits, 1).unwrap(), [(None, vec![])]);
    }

    #[test]
    fn names_are_read_as_rfc_7578_has_them() {
        let name = |disposition| part(disposition).and_then(|head| head.name);
        assert_eq!(name("form-data; name=\"image\"").unwrap(), "image");
        assert_eq!(name("Form-Data; NAME=image").unwrap(), "image");
        assert_eq!(
            name("form-data; filename=\"name=x\"; name=\"image\"").unwrap(),
            "image"
        );
        assert_eq!(
            name("form-data; name=\"a\\\"b\\\\c\\d;e\"").unwrap(),
            "a\"b\\c\\d;e"
        );
        assert_eq!(
            part("form-data; name*=UTF-8''image").unwrap(),
            PartHead::default()
        );
        for unreadable in [
            "attachment; name=a",
            "form-data; name=\"a",
            "form-data; name",
        ] {
            assert_eq!(part(unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn a_boundary_is_a_token_or_quoted() {
        assert_eq!(boundary("multipart/form-data; boundary=x").unwrap(), "x");
        assert_eq!(
            boundary("Multipart/Form-Data; a=b; Boundary=\"x y\"").unwrap(),
            "x y"
        );
        for none in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"x\ny\"",
            "multipart/mixed; boundary=x",
            &format!("multipart/form-data; boundary={}", "x".repeat(71)),
        ] {
            assert_eq!(boundary(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            contents in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\r\n-bx".to_vec()), 0..40), 0..4),
            step in 1_usize..50,
        ) {
            let holds_delimiter = |content: &Vec<u8>| {
                let framed = [&b"\r\n"[..], content].concat();
                memmem::find(&framed, b"\r\n--b").is_some()
            };
            prop_assume!(!contents.iter().any(holds_delimiter));
            let mut form = Vec::new();
            for content in &contents {
                form.extend_from_slice(b"--b\r\nContent-Disposition: form-data; name=n\r\n\r\n");
                form.extend_from_slice(content);
                form.extend_from_slice(b"\r\n");
            }
            form.extend_from_slice(b"--b--\r\n");
            let parts = read(&form, step).unwrap();
            let read: Vec<_> = parts.into_iter().map(|(_, content)| content).collect();
            prop_assert_eq!(read, contents);
        }
    }
}
