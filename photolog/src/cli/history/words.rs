//! Describes the change that an event made, as a sentence without its subject.

use cqrs_es::Aggregate;
use photolog_domain::{AccountEvent, Content, Image, ImageEvent, Key, KeyId, Reason, Word};
use photolog_store::LogEntry;

/// The description of a log entry.
pub(super) fn of(entry: &LogEntry) -> String {
    let words = match entry.aggregate_type == Image::TYPE {
        true => entry.event().map(|event| event.as_ref().map(of_image)),
        false => entry.event().map(|event| event.as_ref().map(of_account)),
    };
    let name = &entry.event_type;
    match words {
        Ok(Some(words)) => words,
        Ok(None) => format!("{name}, which a newer version of Photolog wrote"),
        Err(error) => format!("{name}: {error}"),
    }
}

fn of_image(event: &ImageEvent) -> String {
    match event {
        ImageEvent::Uploaded { content, .. } => format!("uploaded: {}", picture(content)),
        ImageEvent::Replaced { content, .. } => format!("replaced: {}", picture(content)),
        ImageEvent::MetadataSet { entries, .. } => {
            let entries = entries.iter();
            let entries: Vec<_> = entries
                .map(|(key, value)| format!("{key} to \"{value}\""))
                .collect();
            format!("set {}", entries.join(", "))
        }
        ImageEvent::MetadataKeyDeleted { key, .. } => format!("deleted {key}"),
        ImageEvent::Disabled { .. } => "disabled".to_owned(),
    }
}

fn picture(content: &Content) -> String {
    let Content {
        width,
        height,
        size_bytes,
        media_type,
        ..
    } = content;
    format!("{media_type} of {width}x{height} pixels, {size_bytes} bytes")
}

fn of_account(event: &AccountEvent) -> String {
    match event {
        AccountEvent::AccountOpened {
            name, image_limit, ..
        } => format!("opened as \"{name}\", with {}", limit(*image_limit)),
        AccountEvent::KeyIssued { key_id, key, .. } => issued(key_id, key),
        AccountEvent::KeyRevoked { key_id, .. } => format!("revoked key {key_id}"),
        AccountEvent::ImageLimitSet { image_limit, .. } => {
            format!("set its limit to {}", limit(*image_limit))
        }
        AccountEvent::AccountRenamed { name, .. } => format!("renamed to \"{name}\""),
        AccountEvent::AccountSuspended { reason, .. } => because("suspended", reason.as_ref()),
        AccountEvent::AccountResumed { .. } => "resumed".to_owned(),
        AccountEvent::AccountClosed { reason, .. } => because("closed", reason.as_ref()),
        AccountEvent::AccountReopened { .. } => "reopened".to_owned(),
    }
}

fn issued(key_id: &KeyId, key: &Key) -> String {
    let mut words = format!("issued key {key_id}");
    if let Some(name) = &key.name {
        words += &format!(" \"{name}\"");
    }
    if let Some(owner) = &key.owner {
        words += &format!(" to \"{owner}\"");
    }
    let scopes: Vec<_> = key.scopes.iter().map(Word::to_string).collect();
    words += &format!(" for {}", scopes.join(", "));
    if let Some(end) = &key.expires_at {
        words += &format!(" until {end}");
    }
    words
}

fn because(what: &str, reason: Option<&Reason>) -> String {
    reason.map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
}

fn limit(limit: Option<u32>) -> String {
    match limit {
        Some(limit) => format!("at most {limit} images"),
        None => "the server's limit of images".to_owned(),
    }
}
