//! The `Image` aggregate: one stream of events per image.
//!
//! [`Image::decide`] returns the facts that follow from a command; [`Aggregate::apply`] folds facts
//! into state. Rules that span images (no two enabled images of an account have the same bytes, and
//! the account's image limit) cannot be decided here: the store checks them in the append's own
//! transaction.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

use crate::command::{AltTextChange, Dated, ImageCommand};
use crate::content::{Content, Master};
use crate::error::ImageError;
use crate::event::{ForwardCompatible, ImageEvent};
use crate::ids::{AccountId, PublicId};
use crate::metadata::{AltText, MAX_KEYS, Metadata, MetadataKey};
use crate::timestamp::Timestamp;

/// One image, or the absence of one before its first event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Image(Option<ImageState>);

/// The state of an image after the events so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageState {
    /// The tenant it belongs to.
    pub account: AccountId,
    /// The name in its public link.
    pub public_id: PublicId,
    /// The uploaded bytes.
    pub content: Content,
    /// The picture made from them.
    pub master: Master,
    /// The customer's keys and values.
    pub metadata: Metadata,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether the stream contains events that only a newer version knows, in which case the rest
    /// of the state may be wrong. Not serialised when `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_newer_events: bool,
}

impl ImageState {
    /// The alternative text, if there is one.
    pub fn alt_text(&self) -> Option<&str> {
        self.metadata
            .get(MetadataKey::ALT_TEXT)
            .map(|value| value.as_str())
    }

    /// Refuses a state that may be incomplete: an unknown event may have forbidden showing the
    /// image.
    ///
    /// # Errors
    /// [`ImageError::WrittenByNewerVersion`].
    pub fn refuse_newer(&self) -> Result<(), ImageError> {
        match self.has_newer_events {
            true => Err(ImageError::WrittenByNewerVersion),
            false => Ok(()),
        }
    }
}

impl Image {
    /// The state, once the image exists.
    pub fn state(&self) -> Option<&ImageState> {
        self.0.as_ref()
    }

    /// The state by value, once the image exists.
    pub fn into_state(self) -> Option<ImageState> {
        self.0
    }

    /// The facts that follow from this command. A command that changes nothing yields none.
    ///
    /// # Errors
    /// An [`ImageError`] if a rule refuses the command.
    pub fn decide(
        &self,
        command: ImageCommand,
        at: Timestamp,
    ) -> Result<Vec<ImageEvent>, ImageError> {
        if let ImageCommand::Upload {
            account,
            public_id,
            content,
            master,
            alt_text,
        } = command
        {
            if self.0.is_some() {
                return Err(ImageError::AlreadyExists);
            }
            let uploaded = ImageEvent::Uploaded {
                at,
                account,
                public_id,
                content,
                master,
            };
            let entries = alt_text_entry(alt_text);
            return Ok(std::iter::once(uploaded).chain(set(entries, at)).collect());
        }

        let image = self.0.as_ref().ok_or(ImageError::NotFound)?;
        image.refuse_newer()?;
        if image.disabled_at.is_some() {
            return match command {
                ImageCommand::Disable => Ok(vec![]),
                _ => Err(ImageError::Disabled),
            };
        }
        match command {
            ImageCommand::Upload { .. } => Err(ImageError::AlreadyExists),
            ImageCommand::Replace {
                content,
                master,
                alt_text,
            } => {
                let replaced =
                    (image.content.digest != content.digest).then_some(ImageEvent::Replaced {
                        at,
                        content,
                        master,
                    });
                let alt_text = image.change_alt_text(alt_text, at)?;
                Ok(replaced.into_iter().chain(alt_text).collect())
            }
            ImageCommand::SetMetadata { entries, max_keys } => {
                image.set_metadata(entries, max_keys, at)
            }
            ImageCommand::ReplaceMetadata(entries) => {
                let mut remaining = image.clone();
                remaining
                    .metadata
                    .retain(|key, _| entries.contains_key(key));
                let deleted: Vec<_> = image
                    .metadata
                    .keys()
                    .filter(|key| !entries.contains_key(*key))
                    .map(|key| ImageEvent::MetadataKeyDeleted {
                        at,
                        key: key.clone(),
                    })
                    .collect();
                let set = remaining.set_metadata(entries, MAX_KEYS, at)?;
                Ok(deleted.into_iter().chain(set).collect())
            }
            ImageCommand::ChangeAltText(change) => image.change_alt_text(change, at),
            ImageCommand::DeleteMetadataKey(key) => {
                if !image.metadata.contains_key(&key) {
                    return Err(ImageError::KeyNotFound(key));
                }
                Ok(vec![ImageEvent::MetadataKeyDeleted { at, key }])
            }
            ImageCommand::Disable => Ok(vec![ImageEvent::Disabled { at }]),
        }
    }
}

/// A state from a read model, to be folded further.
impl From<ImageState> for Image {
    fn from(state: ImageState) -> Self {
        Self(Some(state))
    }
}

impl ImageState {
    fn set_metadata(
        &self,
        mut entries: Metadata,
        max_keys: usize,
        at: Timestamp,
    ) -> Result<Vec<ImageEvent>, ImageError> {
        if let Some(text) = entries.get(MetadataKey::ALT_TEXT) {
            text.as_str().parse::<AltText>()?;
        }
        entries.retain(|key, value| self.metadata.get(key) != Some(value));
        let added = entries
            .keys()
            .filter(|key| !self.metadata.contains_key(*key))
            .count();
        let limit = max_keys.min(MAX_KEYS);
        if added > 0 && self.metadata.len() + added > limit {
            return Err(ImageError::TooManyKeys { limit });
        }
        Ok(set(entries, at).into_iter().collect())
    }

    fn change_alt_text(
        &self,
        change: AltTextChange,
        at: Timestamp,
    ) -> Result<Vec<ImageEvent>, ImageError> {
        match change {
            AltTextChange::Keep => Ok(vec![]),
            AltTextChange::Set(text) => self.set_metadata(alt_text_entry(Some(text)), MAX_KEYS, at),
            AltTextChange::Clear if self.alt_text().is_none() => Ok(vec![]),
            AltTextChange::Clear => Ok(vec![ImageEvent::MetadataKeyDeleted {
                at,
                key: MetadataKey::alt_text(),
            }]),
        }
    }
}

fn alt_text_entry(text: Option<AltText>) -> Metadata {
    text.map(|text| (MetadataKey::alt_text(), text.into()))
        .into_iter()
        .collect()
}

fn set(entries: Metadata, at: Timestamp) -> Option<ImageEvent> {
    (!entries.is_empty()).then_some(ImageEvent::MetadataSet { at, entries })
}

impl Aggregate for Image {
    const TYPE: &'static str = "Image";
    type Command = Dated<ImageCommand>;
    type Event = ImageEvent;
    type Error = ImageError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        _services: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), ImageError> {
        for event in self.decide(command.command, command.at)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ImageEvent) {
        let at = event.at();
        match (&mut self.0, event) {
            (
                state,
                ImageEvent::Uploaded {
                    account,
                    public_id,
                    content,
                    master,
                    ..
                },
            ) => {
                *state = Some(ImageState {
                    account,
                    public_id,
                    content,
                    master,
                    metadata: Metadata::new(),
                    disabled_at: None,
                    created_at: at,
                    updated_at: at,
                    has_newer_events: false,
                });
            }
            (Some(image), event) => {
                image.updated_at = at;
                match event {
                    ImageEvent::Uploaded { .. } => {}
                    ImageEvent::Replaced {
                        content, master, ..
                    } => {
                        image.content = content;
                        image.master = master;
                    }
                    ImageEvent::MetadataSet { entries, .. } => image.metadata.extend(entries),
                    ImageEvent::MetadataKeyDeleted { key, .. } => {
                        image.metadata.remove(&key);
                    }
                    ImageEvent::Disabled { .. } => image.disabled_at = Some(at),
                }
            }
            // A stream begins with `Uploaded`, because `decide` emits nothing else first.
            (None, _) => {}
        }
    }
}

/// After such an event the image accepts no commands. An image whose stream begins with one does
/// not exist for this version.
impl ForwardCompatible for Image {
    fn apply_newer(&mut self) {
        if let Some(image) = &mut self.0 {
            image.has_newer_events = true;
        }
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
