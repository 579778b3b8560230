//! The response that each dialect must give: the model's outcome in the vendor's statuses and
//! bodies.

use reqwest::Response;
use serde_json::{Map, Value, json};

use super::model::{Image, Model, Refusal};
use super::step::{Action, Asker, Entries, IfMatch, Moov, OpenStack, Uploadcare};

impl Model {
    /// The status that this action must get, after it has changed the model. `place` is one of the
    /// requester's own images.
    pub(crate) fn answer(
        &mut self,
        place: Option<usize>,
        asker: Asker,
        if_match: IfMatch,
        action: &Action,
    ) -> u16 {
        if let Some(status) = malformed(action) {
            // Moov's dialect checks the account, and the image to replace, before it reads the
            // body.
            let is_replace = matches!(action, Action::Moov(Moov::Replace { .. }));
            let is_moov = matches!(action, Action::Moov(_));
            return match place {
                None if is_replace || is_moov && asker == Asker::Stranger => 404,
                Some(place) if is_replace && self.images[place].is_disabled => 409,
                _ => status,
            };
        }
        let outcome = place
            .ok_or(Refusal::NotFound)
            .and_then(|place| self.apply(place, if_match, action));
        match outcome {
            Ok(()) => success(action),
            Err(refusal) => refused(action, refusal),
        }
    }

    fn apply(&mut self, place: usize, if_match: IfMatch, action: &Action) -> Result<(), Refusal> {
        let mut image = self.images[place].clone();
        match action {
            Action::Moov(action) => match action {
                Moov::Show => {}
                Moov::Replace { picture, alt_text } => {
                    if image.is_disabled {
                        return Err(Refusal::Disabled);
                    }
                    image.admit(if_match)?;
                    let is_other = image.picture != *picture;
                    image.show_other_picture(*picture);
                    if let Some(text) = alt_text {
                        image.change_alt_text(text.as_deref().filter(|text| !text.is_empty()))?;
                    }
                    if is_other && self.is_shown_elsewhere(*picture, Some(place)) {
                        return Err(Refusal::Duplicate);
                    }
                }
                Moov::SetAltText(text) => {
                    image.admit(if_match)?;
                    image.change_alt_text(text.as_deref().filter(|text| !text.is_empty()))?;
                }
                Moov::Disable => image.disable("moov", if_match)?,
            },
            Action::Uploadcare(action) => match action {
                Uploadcare::Show | Uploadcare::All => {}
                Uploadcare::One(key) if is_uploadcare_key(key) => image.has(key)?,
                Uploadcare::One(_) => return Err(Refusal::NoSuchKey),
                Uploadcare::Set(key, value) => {
                    image.admit(if_match)?;
                    let entries = [(key.clone(), value.clone())].into();
                    image.merge("uploadcare", &entries, 50)?;
                }
                Uploadcare::Delete(key) if is_uploadcare_key(key) => {
                    image.admit(if_match)?;
                    image.delete_key("uploadcare", key)?;
                }
                Uploadcare::Delete(_) => return Err(Refusal::NoSuchKey),
                Uploadcare::Remove => image.disable("uploadcare", if_match)?,
            },
            Action::OpenStack(_, action) => match action {
                OpenStack::Show | OpenStack::All => {}
                OpenStack::One(key) => image.has(key)?,
                OpenStack::Merge(entries) => {
                    image.admit(if_match)?;
                    image.merge("openstack", entries, 128)?;
                }
                OpenStack::Replace(entries) => {
                    image.admit(if_match)?;
                    image.replace_metadata("openstack", entries)?;
                }
                OpenStack::Set(key, value) => {
                    image.admit(if_match)?;
                    let entries = [(key.clone(), value.clone())].into();
                    image.merge("openstack", &entries, 128)?;
                }
                OpenStack::Delete(key) if is_openstack_key(key) => {
                    image.admit(if_match)?;
                    image.delete_key("openstack", key)?;
                }
                OpenStack::Delete(_) => return Err(Refusal::NoSuchKey),
            },
        }
        self.images[place] = image;
        Ok(())
    }
}

/// The status of a body or path that breaks the dialect's own rules, whichever image it is for.
fn malformed(action: &Action) -> Option<u16> {
    let (is_wrong, status) = match action {
        Action::Moov(Moov::SetAltText(Some(text))) => (is_no_alt_text(text), 422),
        Action::Moov(Moov::Replace {
            alt_text: Some(Some(text)),
            ..
        }) => (is_no_alt_text(text), 422),
        Action::Uploadcare(Uploadcare::Set(key, value)) => {
            (!is_uploadcare_key(key) || !is_value(value, 512), 400)
        }
        Action::OpenStack(_, OpenStack::Merge(entries) | OpenStack::Replace(entries)) => (
            !entries
                .iter()
                .all(|(key, value)| is_openstack_key(key) && is_value(value, 255)),
            400,
        ),
        Action::OpenStack(_, OpenStack::Set(key, value)) => {
            (!is_openstack_key(key) || !is_value(value, 255), 400)
        }
        _ => return None,
    };
    is_wrong.then_some(status)
}

pub(crate) fn is_no_alt_text(text: &str) -> bool {
    text.chars().count() > 125 || text.contains('\0')
}

fn is_value(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.contains('\0')
}

fn is_uploadcare_key(key: &str) -> bool {
    is_openstack_key(key) && key.len() <= 64 && !key.contains(' ')
}

fn is_openstack_key(key: &str) -> bool {
    (1..=255).contains(&key.len())
        && ![".", ".."].contains(&key)
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:- ".contains(&byte))
}

fn success(action: &Action) -> u16 {
    match action {
        Action::Moov(Moov::Disable)
        | Action::Uploadcare(Uploadcare::Delete(_))
        | Action::OpenStack(_, OpenStack::Delete(_)) => 204,
        _ => 200,
    }
}

fn refused(action: &Action, refusal: Refusal) -> u16 {
    match (refusal, action) {
        (Refusal::NotFound | Refusal::NoSuchKey, _) => 404,
        (Refusal::Stale, _) => 412,
        (Refusal::Disabled | Refusal::Duplicate, _) => 409,
        (Refusal::AltText | Refusal::TooManyKeys, Action::Moov(_)) => 422,
        (Refusal::TooManyKeys, Action::OpenStack(..)) => 403,
        (Refusal::AltText | Refusal::TooManyKeys, _) => 400,
    }
}

/// Compares a response with the model's status and the model's image.
pub(crate) async fn compare(answer: Response, status: u16, action: &Action, image: Option<&Image>) {
    let found = answer.status().as_u16();
    let etag = answer.headers().get("etag").cloned();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{action:?}: {text}");
    match image.filter(|_| status < 300) {
        Some(image) => {
            let version = format!("\"{}\"", image.version());
            assert_eq!(etag.unwrap(), version.as_str(), "{action:?}");
            if status == 204 {
                assert_eq!(text, "");
            } else {
                let body: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(picked(action, &body), shown(action, image), "{action:?}");
            }
        }
        None => assert!(is_failure(action, &text, status), "{action:?}: {text}"),
    }
}

/// The members of a response that the model covers.
fn picked(action: &Action, body: &Value) -> Value {
    match action {
        Action::Moov(_) => json!([
            body["imageID"],
            body["altText"],
            body["disabledOn"].is_string()
        ]),
        Action::Uploadcare(Uploadcare::Show | Uploadcare::Remove) => {
            json!([
                body["uuid"],
                body["metadata"],
                body["datetime_removed"].is_string()
            ])
        }
        Action::OpenStack(_, OpenStack::Show) => {
            let image = &body["image"];
            json!([image["id"], image["metadata"], image["status"] == "DELETED"])
        }
        _ => body.clone(),
    }
}

fn shown(action: &Action, image: &Image) -> Value {
    let meta = |key: &String| json!({ "meta": { key: image.metadata[key] } });
    match action {
        Action::Moov(_) => json!([image.id, image.alt_text(), image.is_disabled]),
        Action::Uploadcare(Uploadcare::Show | Uploadcare::Remove) => {
            json!([
                image.id,
                uploadcare_metadata(&image.metadata),
                image.is_disabled
            ])
        }
        Action::Uploadcare(Uploadcare::All) => uploadcare_metadata(&image.metadata),
        Action::Uploadcare(
            Uploadcare::One(key) | Uploadcare::Set(key, _) | Uploadcare::Delete(key),
        ) => json!(image.metadata[key]),
        Action::OpenStack(_, OpenStack::Show) => {
            json!([image.id, image.metadata, image.is_disabled])
        }
        Action::OpenStack(_, OpenStack::One(key) | OpenStack::Set(key, _)) => meta(key),
        Action::OpenStack(..) => json!({ "metadata": image.metadata }),
    }
}

/// What Uploadcare can represent.
pub(crate) fn uploadcare_metadata(metadata: &Entries) -> Value {
    let entries = metadata.iter().filter(|(key, _)| is_uploadcare_key(key));
    let members = entries.map(|(key, value)| (key.clone(), json!(value)));
    members.collect::<Map<_, _>>().into()
}

/// Whether a body is a failure in the dialect's own format.
fn is_failure(action: &Action, text: &str, status: u16) -> bool {
    let body: Value = serde_json::from_str(text).unwrap();
    match action {
        Action::Moov(_) if status == 422 => !body.as_object().unwrap().is_empty(),
        Action::Moov(_) => body["error"].is_string(),
        Action::Uploadcare(_) => body["detail"].is_string(),
        Action::OpenStack(..) => {
            let fault = body.as_object().unwrap().values().next().unwrap();
            fault["code"] == status && fault["message"].is_string()
        }
    }
}
