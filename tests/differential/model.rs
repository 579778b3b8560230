//! The expected outcome of a step: the rules of `docs/dialects.md` once more, written for reading.

use super::step::{Entries, IfMatch};

const ALT_TEXT: &str = "altText";

/// An account's images, oldest first.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) images: Vec<Image>,
}

/// One image.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) picture: u32,
    pub(crate) metadata: Entries,
    pub(crate) is_disabled: bool,
    /// Type and dialect of every event; their number is the image's version.
    pub(crate) events: Vec<(&'static str, &'static str)>,
}

/// Why a command is refused, in the order in which the reasons are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    Stale,
    Disabled,
    /// The reserved key's own rule.
    AltText,
    TooManyKeys,
    NoSuchKey,
    /// Another enabled image shows the same picture.
    Duplicate,
}

impl Model {
    pub(crate) fn is_shown_elsewhere(&self, picture: u32, but: Option<usize>) -> bool {
        self.images.iter().enumerate().any(|(place, image)| {
            Some(place) != but && !image.is_disabled && image.picture == picture
        })
    }

    pub(crate) fn upload(&mut self, id: String, picture: u32, alt_text: Option<&str>) {
        let mut image = Image {
            id,
            picture,
            metadata: Entries::new(),
            is_disabled: false,
            events: vec![("Uploaded", "moov")],
        };
        if let Some(text) = alt_text {
            image.set("moov", [(ALT_TEXT.to_owned(), text.to_owned())].into());
        }
        self.images.push(image);
    }
}

impl Image {
    pub(crate) fn version(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn alt_text(&self) -> Option<&String> {
        self.metadata.get(ALT_TEXT)
    }

    /// The checks that precede every change.
    pub(crate) fn admit(&self, if_match: IfMatch) -> Result<(), Refusal> {
        match if_match {
            IfMatch::Stale => Err(Refusal::Stale),
            _ if self.is_disabled => Err(Refusal::Disabled),
            _ => Ok(()),
        }
    }

    pub(crate) fn merge(
        &mut self,
        dialect: &'static str,
        entries: &Entries,
        most_keys: usize,
    ) -> Result<(), Refusal> {
        self.check(&self.metadata, entries, most_keys)?;
        self.set(dialect, entries.clone());
        Ok(())
    }

    pub(crate) fn replace_metadata(
        &mut self,
        dialect: &'static str,
        entries: &Entries,
    ) -> Result<(), Refusal> {
        let mut kept = self.metadata.clone();
        kept.retain(|key, _| entries.contains_key(key));
        self.check(&kept, entries, 128)?;
        let gone = self.metadata.len() - kept.len();
        self.events
            .extend(std::iter::repeat_n(("MetadataKeyDeleted", dialect), gone));
        self.metadata = kept;
        self.set(dialect, entries.clone());
        Ok(())
    }

    pub(crate) fn delete_key(&mut self, dialect: &'static str, key: &str) -> Result<(), Refusal> {
        self.metadata.remove(key).ok_or(Refusal::NoSuchKey)?;
        self.events.push(("MetadataKeyDeleted", dialect));
        Ok(())
    }

    /// Sets the alternative text, or clears it.
    pub(crate) fn change_alt_text(&mut self, text: Option<&str>) -> Result<(), Refusal> {
        match text {
            Some(text) => {
                let entries = [(ALT_TEXT.to_owned(), text.to_owned())].into();
                self.merge("moov", &entries, 128)
            }
            None if self.alt_text().is_some() => self.delete_key("moov", ALT_TEXT),
            None => Ok(()),
        }
    }

    pub(crate) fn show_other_picture(&mut self, picture: u32) {
        if self.picture != picture {
            self.picture = picture;
            self.events.push(("Replaced", "moov"));
        }
    }

    /// Disabling twice is not a failure, and no event.
    pub(crate) fn disable(
        &mut self,
        dialect: &'static str,
        if_match: IfMatch,
    ) -> Result<(), Refusal> {
        match self.admit(if_match) {
            Err(Refusal::Disabled) => Ok(()),
            Err(refusal) => Err(refusal),
            Ok(()) => {
                self.is_disabled = true;
                self.events.push(("Disabled", dialect));
                Ok(())
            }
        }
    }

    pub(crate) fn has(&self, key: &str) -> Result<(), Refusal> {
        let value = self.metadata.get(key);
        value.map(|_| ()).ok_or(Refusal::NoSuchKey)
    }

    fn check(&self, present: &Entries, entries: &Entries, most_keys: usize) -> Result<(), Refusal> {
        let is_alt_text = |text: &String| (1..=125).contains(&text.chars().count());
        if !entries.get(ALT_TEXT).is_none_or(is_alt_text) {
            return Err(Refusal::AltText);
        }
        let new = entries
            .keys()
            .filter(|key| !present.contains_key(*key))
            .count();
        if new > 0 && present.len() + new > most_keys {
            return Err(Refusal::TooManyKeys);
        }
        Ok(())
    }

    fn set(&mut self, dialect: &'static str, entries: Entries) {
        let changed = entries
            .iter()
            .any(|(key, value)| self.metadata.get(key) != Some(value));
        if changed {
            self.metadata.extend(entries);
            self.events.push(("MetadataSet", dialect));
        }
    }
}
