//! The rules of the `Image` aggregate, as given / when / then.

use super::*;
use crate::fixtures::{self, at, content, digest, master};

fn upload(alt_text: Option<&str>) -> ImageCommand {
    ImageCommand::Upload {
        account: "0190f7c2-1111-7aaa-8bbb-123456789abc".parse().unwrap(),
        public_id: "abcdefghij_-ABCDEFGH1".parse().unwrap(),
        content: content(digest(1)),
        master: master(digest(2)),
        alt_text: alt_text.map(|text| text.parse().unwrap()),
    }
}

fn uploaded() -> ImageEvent {
    ImageEvent::Uploaded {
        at: at(),
        account: "0190f7c2-1111-7aaa-8bbb-123456789abc".parse().unwrap(),
        public_id: "abcdefghij_-ABCDEFGH1".parse().unwrap(),
        content: content(digest(1)),
        master: master(digest(2)),
    }
}

fn replaced(seed: u8) -> ImageEvent {
    fixtures::replaced(content(digest(seed)))
}

fn replace(seed: u8, alt_text: AltTextChange) -> ImageCommand {
    ImageCommand::Replace {
        content: content(digest(seed)),
        master: master(digest(seed)),
        alt_text,
    }
}

fn metadata<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Metadata {
    entries
        .into_iter()
        .map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn set_metadata(entries: Metadata) -> ImageCommand {
    ImageCommand::SetMetadata {
        entries,
        max_keys: MAX_KEYS,
    }
}

fn metadata_set<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> ImageEvent {
    ImageEvent::MetadataSet {
        at: at(),
        entries: metadata(entries),
    }
}

fn key_deleted(key: &str) -> ImageEvent {
    ImageEvent::MetadataKeyDeleted {
        at: at(),
        key: key.parse().unwrap(),
    }
}

fn disabled() -> ImageEvent {
    ImageEvent::Disabled { at: at() }
}

struct Given(Image);

fn given(events: impl IntoIterator<Item = ImageEvent>) -> Given {
    let mut image = Image::default();
    events.into_iter().for_each(|event| image.apply(event));
    Given(image)
}

impl Given {
    fn when(&self, command: ImageCommand) -> When {
        When(self.0.decide(command, at()))
    }
}

struct When(Result<Vec<ImageEvent>, ImageError>);

impl When {
    fn then(self, events: impl IntoIterator<Item = ImageEvent>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    fn then_refused(self, error: ImageError) {
        assert_eq!(self.0, Err(error));
    }
}

#[test]
fn an_upload_is_a_fact_and_its_alternative_text_another() {
    given([]).when(upload(None)).then([uploaded()]);
    given([])
        .when(upload(Some("a cat")))
        .then([uploaded(), metadata_set([("altText", "a cat")])]);
    given([uploaded()])
        .when(upload(None))
        .then_refused(ImageError::AlreadyExists);
}

#[test]
fn nothing_can_be_done_to_an_image_that_is_not_there() {
    for command in [
        replace(3, AltTextChange::Keep),
        set_metadata(metadata([("a", "1")])),
        ImageCommand::DeleteMetadataKey("a".parse().unwrap()),
        ImageCommand::Disable,
    ] {
        given([]).when(command).then_refused(ImageError::NotFound);
    }
}

#[test]
fn a_replacement_may_keep_clear_or_set_the_alternative_text() {
    let history = [uploaded(), metadata_set([("altText", "a cat")])];
    given(history.clone())
        .when(replace(3, AltTextChange::Keep))
        .then([replaced(3)]);
    given(history.clone())
        .when(replace(3, AltTextChange::Clear))
        .then([replaced(3), key_deleted("altText")]);
    given(history)
        .when(replace(3, AltTextChange::Set("a dog".parse().unwrap())))
        .then([replaced(3), metadata_set([("altText", "a dog")])]);
}

#[test]
fn a_command_that_changes_nothing_emits_nothing() {
    let history = || given([uploaded(), metadata_set([("a", "1"), ("altText", "x")])]);
    history().when(replace(1, AltTextChange::Keep)).then([]);
    history()
        .when(set_metadata(metadata([("a", "1")])))
        .then([]);
    history()
        .when(ImageCommand::ReplaceMetadata(metadata([
            ("a", "1"),
            ("altText", "x"),
        ])))
        .then([]);
    history()
        .when(ImageCommand::ChangeAltText(AltTextChange::Set(
            "x".parse().unwrap(),
        )))
        .then([]);
    given([uploaded()])
        .when(ImageCommand::ChangeAltText(AltTextChange::Clear))
        .then([]);
}

#[test]
fn setting_metadata_records_only_what_differs() {
    given([uploaded(), metadata_set([("a", "1"), ("b", "2")])])
        .when(set_metadata(metadata([("a", "1"), ("b", "3"), ("c", "4")])))
        .then([metadata_set([("b", "3"), ("c", "4")])]);
}

#[test]
fn replacing_metadata_deletes_what_is_not_named() {
    given([uploaded(), metadata_set([("a", "1"), ("b", "2")])])
        .when(ImageCommand::ReplaceMetadata(metadata([
            ("b", "2"),
            ("c", "3"),
        ])))
        .then([key_deleted("a"), metadata_set([("c", "3")])]);
}

#[test]
fn a_key_that_is_not_there_cannot_be_deleted() {
    given([uploaded(), metadata_set([("a", "1")])])
        .when(ImageCommand::DeleteMetadataKey("a".parse().unwrap()))
        .then([key_deleted("a")]);
    given([uploaded()])
        .when(ImageCommand::DeleteMetadataKey("a".parse().unwrap()))
        .then_refused(ImageError::KeyNotFound("a".parse().unwrap()));
}

#[test]
fn an_image_carries_at_most_128_keys() {
    let keys = |count: usize| -> Metadata {
        (0..count)
            .map(|n| (format!("k{n}").parse().unwrap(), "v".parse().unwrap()))
            .collect()
    };
    let full = ImageEvent::MetadataSet {
        at: at(),
        entries: keys(128),
    };
    given([uploaded()])
        .when(set_metadata(keys(129)))
        .then_refused(ImageError::TooManyKeys { limit: 128 });
    given([uploaded(), full.clone()])
        .when(set_metadata(metadata([("k0", "w")])))
        .then([metadata_set([("k0", "w")])]);
    given([uploaded(), full])
        .when(set_metadata(metadata([("one more", "w")])))
        .then_refused(ImageError::TooManyKeys { limit: 128 });
}

#[test]
fn a_dialect_may_allow_fewer_keys() {
    given([uploaded(), metadata_set([("a", "1")])])
        .when(ImageCommand::SetMetadata {
            entries: metadata([("b", "2")]),
            max_keys: 1,
        })
        .then_refused(ImageError::TooManyKeys { limit: 1 });
}

#[test]
fn the_reserved_alternative_text_keeps_its_rule_under_every_command() {
    let long = "x".repeat(126);
    for command in [
        set_metadata(metadata([("altText", long.as_str())])),
        ImageCommand::ReplaceMetadata(metadata([("altText", "")])),
    ] {
        let refused = given([uploaded()]).when(command).0;
        assert!(matches!(refused, Err(ImageError::Invalid(_))));
    }
}

#[test]
fn a_disabled_image_takes_no_more_writes() {
    given([uploaded()])
        .when(ImageCommand::Disable)
        .then([disabled()]);
    given([uploaded(), disabled()])
        .when(ImageCommand::Disable)
        .then([]);
    for command in [
        replace(3, AltTextChange::Keep),
        set_metadata(metadata([("a", "1")])),
        ImageCommand::ChangeAltText(AltTextChange::Clear),
    ] {
        given([uploaded(), disabled()])
            .when(command)
            .then_refused(ImageError::Disabled);
    }
}

#[test]
fn an_image_with_newer_events_takes_no_command() {
    let mut image = given([uploaded()]).0;
    image.apply_newer();
    image.apply(metadata_set([("altText", "a cat")]));
    for command in [
        ImageCommand::Disable,
        ImageCommand::DeleteMetadataKey(MetadataKey::alt_text()),
        replace(1, AltTextChange::Keep),
    ] {
        let refused = image.decide(command, at());
        assert_eq!(refused, Err(ImageError::WrittenByNewerVersion));
    }
    let stored = serde_json::to_value(image.state()).unwrap();
    assert_eq!(stored["has_newer_events"], true);
    assert_eq!(serde_json::from_value::<Image>(stored).unwrap(), image);
    let known = serde_json::to_value(given([uploaded()]).0).unwrap();
    assert_eq!(known.get("has_newer_events"), None);
}

#[test]
fn a_disabled_image_keeps_its_public_link() {
    let image = given([uploaded(), disabled()]).0;
    let state = image.state().unwrap();
    assert_eq!(state.disabled_at, Some(at()));
    assert_eq!(state.public_id.as_str(), "abcdefghij_-ABCDEFGH1");
}

#[tokio::test]
async fn the_framework_sees_the_same_facts_as_a_direct_decision() {
    let sink = EventSink::default();
    let mut image = Image::default();
    let command = Dated {
        at: at(),
        command: upload(Some("a cat")),
    };
    image.handle(command, &(), &sink).await.unwrap();
    assert_eq!(image.state().unwrap().alt_text(), Some("a cat"));
    assert_eq!(
        sink.collect().await,
        [uploaded(), metadata_set([("altText", "a cat")])]
    );
}
