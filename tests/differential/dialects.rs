//! How a step is sent over each dialect's wire format.

use photolog_tests::{TestApp, pictures};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::answer::{self, is_no_alt_text};
use super::model::{Image, Model};
use super::step::{Action, Asker, IfMatch, Moov, OpenStack, Prefix, Step, Uploadcare};

const NO_IMAGE: &str = "00000000-0000-4000-8000-000000000000";

/// The account of a history, and another account.
pub(crate) struct Tenants<'a> {
    app: &'a TestApp,
    owner: Tenant,
    stranger: Tenant,
}

struct Tenant {
    account: String,
    key: String,
    secret: String,
}

impl<'a> Tenants<'a> {
    pub(crate) fn open(app: &'a TestApp) -> Self {
        let (account, (key, secret)) = app.open_account();
        Self {
            app,
            owner: Tenant {
                account,
                key,
                secret,
            },
            stranger: Tenant {
                account: app.account.clone(),
                key: app.key.0.clone(),
                secret: app.key.1.clone(),
            },
        }
    }

    /// Sends a step, and compares the response with the model's.
    pub(crate) async fn take(&self, step: &Step, model: &mut Model) {
        match step {
            Step::Upload { picture, alt_text } => {
                self.upload(*picture, alt_text.as_deref(), model).await;
            }
            Step::With {
                image,
                asker,
                if_match,
                action,
            } => {
                let place = image.checked_rem(model.images.len());
                let request = self.request(place.map(|at| &model.images[at]), *asker, action);
                let request = match (if_match, place) {
                    (IfMatch::Nothing, _) | (_, None) => request,
                    (demand, Some(at)) => {
                        let lag = usize::from(*demand == IfMatch::Stale);
                        let version = model.images[at].version() + lag;
                        request.header("if-match", format!("\"{version}\""))
                    }
                };
                let answer = request.send().await.unwrap();
                let place = place.filter(|_| *asker == Asker::Owner);
                let expected = model.answer(place, *asker, *if_match, action);
                answer::compare(answer, expected, action, place.map(|at| &model.images[at])).await;
            }
        }
    }

    async fn upload(&self, picture: u32, alt_text: Option<&str>, model: &mut Model) {
        let part = Part::bytes(pictures::png(picture)).file_name("p");
        let mut form = Form::new().part("image", part);
        if let Some(text) = alt_text {
            form = form.text("metadata", json!({ "altText": text }).to_string());
        }
        let answer = self
            .moov(Asker::Owner, Method::POST, "")
            .multipart(form)
            .send()
            .await
            .unwrap();
        let status = if alt_text.is_some_and(is_no_alt_text) {
            422
        } else if model.is_shown_elsewhere(picture, None) {
            409
        } else {
            201
        };
        assert_eq!(
            answer.status().as_u16(),
            status,
            "upload {picture} {alt_text:?}"
        );
        if status == 201 {
            let body: Value = answer.json().await.unwrap();
            let id = body["imageID"].as_str().unwrap().to_owned();
            model.upload(id, picture, alt_text.filter(|text| !text.is_empty()));
            assert_eq!(
                body["altText"],
                json!(model.images.last().unwrap().alt_text())
            );
        }
    }

    fn tenant(&self, asker: Asker) -> &Tenant {
        match asker {
            Asker::Owner => &self.owner,
            Asker::Stranger => &self.stranger,
        }
    }

    /// Below the owner's images, in Moov's dialect.
    pub(crate) fn moov(&self, asker: Asker, method: Method, path: &str) -> RequestBuilder {
        let tenant = self.tenant(asker);
        let url = format!(
            "{}/accounts/{}/images{path}",
            self.app.url, self.owner.account
        );
        let request = self.app.client.request(method, url);
        request.basic_auth(&tenant.key, Some(&tenant.secret))
    }

    /// The owner's account.
    pub(crate) fn account(&self) -> &str {
        &self.owner.account
    }

    /// A page of the owner's feed.
    pub(crate) fn feed(&self, cursor: &str) -> RequestBuilder {
        let Tenant {
            account,
            key,
            secret,
        } = &self.owner;
        let path = format!("/accounts/{account}/events?limit=1000&cursor={cursor}");
        let request = self.app.client.get(format!("{}{path}", self.app.url));
        request.basic_auth(key, Some(secret))
    }

    /// Below `/files`, in Uploadcare's dialect.
    pub(crate) fn uploadcare(&self, asker: Asker, method: Method, path: &str) -> RequestBuilder {
        let Tenant { key, secret, .. } = self.tenant(asker);
        let url = format!("{}/files{path}", self.app.url);
        let request = self.app.client.request(method, url);
        request.header("authorization", format!("Uploadcare.Simple {key}:{secret}"))
    }

    /// Below the images, in OpenStack's dialect.
    pub(crate) fn openstack(
        &self,
        asker: Asker,
        prefix: Prefix,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        let Tenant {
            account,
            key,
            secret,
        } = self.tenant(asker);
        let prefix = match prefix {
            // Image details exist only under a version: without one, the path is Moov's public
            // picture.
            Prefix::Bare if !path.contains("/metadata") => "/v2".to_owned(),
            Prefix::Bare => String::new(),
            Prefix::V2 => "/v2".to_owned(),
            Prefix::V21 => "/v2.1".to_owned(),
            Prefix::V2Tenant => format!("/v2/{account}"),
            Prefix::V21Tenant => format!("/v2.1/{account}"),
        };
        let url = format!("{}{prefix}/images{path}", self.app.url);
        let request = self.app.client.request(method, url);
        request.header("x-auth-token", format!("{key}:{secret}"))
    }

    fn request(&self, image: Option<&Image>, asker: Asker, action: &Action) -> RequestBuilder {
        let id = image.map_or(NO_IMAGE, |image| &image.id);
        let key_path = |key: &str| format!("/{id}/metadata/{}", percent_encoded(key));
        match action {
            Action::Moov(action) => {
                let moov = |method, path| self.moov(asker, method, path);
                match action {
                    Moov::Show => moov(Method::GET, &format!("/{id}")),
                    Moov::Replace { picture, alt_text } => {
                        let part = Part::bytes(pictures::png(*picture)).file_name("p");
                        let mut form = Form::new().part("image", part);
                        if let Some(text) = alt_text {
                            form = form.text("metadata", json!({ "altText": text }).to_string());
                        }
                        moov(Method::PUT, &format!("/{id}")).multipart(form)
                    }
                    Moov::SetAltText(text) => moov(Method::PUT, &format!("/{id}/metadata"))
                        .json(&json!({ "altText": text })),
                    Moov::Disable => moov(Method::DELETE, &format!("/{id}")),
                }
            }
            Action::Uploadcare(action) => {
                let uploadcare =
                    |method, path: &str| self.uploadcare(asker, method, &format!("{path}/"));
                match action {
                    Uploadcare::Show => uploadcare(Method::GET, &format!("/{id}")),
                    Uploadcare::All => uploadcare(Method::GET, &format!("/{id}/metadata")),
                    Uploadcare::One(key) => uploadcare(Method::GET, &key_path(key)),
                    Uploadcare::Set(key, value) => {
                        uploadcare(Method::PUT, &key_path(key)).json(value)
                    }
                    Uploadcare::Delete(key) => uploadcare(Method::DELETE, &key_path(key)),
                    Uploadcare::Remove => uploadcare(Method::DELETE, &format!("/{id}/storage")),
                }
            }
            Action::OpenStack(prefix, action) => {
                let openstack = |method, path: &str| self.openstack(asker, *prefix, method, path);
                let all = format!("/{id}/metadata");
                match action {
                    OpenStack::Show => openstack(Method::GET, &format!("/{id}")),
                    OpenStack::All => openstack(Method::GET, &all),
                    OpenStack::One(key) => openstack(Method::GET, &key_path(key)),
                    OpenStack::Merge(entries) => {
                        openstack(Method::POST, &all).json(&json!({ "metadata": entries }))
                    }
                    OpenStack::Replace(entries) => {
                        openstack(Method::PUT, &all).json(&json!({ "metadata": entries }))
                    }
                    OpenStack::Set(key, value) => openstack(Method::PUT, &key_path(key))
                        .json(&json!({ "meta": { key: value } })),
                    OpenStack::Delete(key) => openstack(Method::DELETE, &key_path(key)),
                }
            }
        }
    }
}

/// A key as one segment of a path.
fn percent_encoded(key: &str) -> String {
    key.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
