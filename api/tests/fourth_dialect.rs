//! A dialect that is not one of the program's own: the code that adding one takes, and a test that
//! it is enough.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;

use clap::Parser;
use futures::FutureExt;
use photolog_api::app::SharedApp;
use photolog_api::auth::secret::NewKey;
use photolog_api::config::Serving;
use photolog_api::dialect::Dialect;
use photolog_api::dialect::answer::Answer;
use photolog_api::dialect::command::execute_request;
use photolog_api::dialect::operation::{Description, Operation};
use photolog_api::error::{ApiError, Kind};
use photolog_api::http::response::with_body;
use photolog_api::http::{Request, Response};
use photolog_api::operator::Operator;
use photolog_api::operator_commands::open_account;
use photolog_api::route::{Access, Route};
use photolog_api::routes::{DIALECTS, Dialects};
use photolog_api::serve::Server;
use photolog_domain::metadata::MAX_KEYS;
use photolog_domain::{AccountId, DialectName, ImageCommand, Metadata, Scope};
use photolog_store::{BlobConfig, Blobs, MasterKeyFile, Store, StoreConfig};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// Labels as plain text: `PUT /labels/{image}/{key}` with the value as the body.
struct Labels;

const ROUTES: &[Route] = &[Route {
    method: Method::PUT,
    pattern: "/labels/{image}/{key}",
    access: Access::WRITE,
    handler: |app, request| set(app, request).boxed(),
}];

async fn set(app: SharedApp, mut request: Request) -> Result<Response, ApiError> {
    let image = request.id_of("image")?;
    let key = request.parameters.get("key").parse()?;
    let body = request.body.collect(1_000).await?;
    let value = String::from_utf8_lossy(&body).parse()?;
    let command = ImageCommand::SetMetadata {
        entries: Metadata::from([(key, value)]),
        max_keys: MAX_KEYS,
    };
    let outcome = execute_request(&app, &request, image, command).await?;
    let response = with_body(StatusCode::OK, "text/plain", "labelled\n");
    Ok(response.with_outcome(&outcome))
}

impl Dialect for Labels {
    fn name(&self) -> DialectName {
        DialectName::new("labels")
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["labels"]
    }

    fn error_response(&self, error: &ApiError) -> Response {
        let status = match error.kind {
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        };
        with_body(status, "text/plain", format!("labels: {}\n", error.message)).with_hints(error)
    }

    fn description(&self) -> Description {
        Description {
            tag: "labels",
            about: "Labels as plain text.",
            ends_with_slash: false,
            media_type: "text/plain",
            failure_media_type: "text/plain",
            failure: "LabelError",
            credentials: &["basic"],
            security_schemes: json!({}),
            schemas: json!({ "LabelError": { "type": "string" } }),
            parameters: vec![("key", json!({ "type": "string" }))],
        }
    }

    fn describe(&self, _route: &Route) -> Option<Operation> {
        Some(Operation::new("Set one label"))
    }
}

/// The program's dialects, and one more.
static ALL: &[&dyn Dialect] = &[DIALECTS[0], DIALECTS[1], DIALECTS[2], DIALECTS[3], &Labels];

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    serving: Serving,
}

/// A server with all these dialects over an empty installation with one account.
struct World {
    client: Client,
    address: SocketAddr,
    account: AccountId,
    key: NewKey,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        photolog_telemetry::tls::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Sqlite {
            path: folder.path().join("photolog.sqlite"),
        };
        let master_key = MasterKeyFile::in_data_folder(folder.path());
        let store = Store::open(&config, master_key).await.unwrap();
        let blobs = BlobConfig::Directory {
            path: folder.path().join("blobs"),
        };
        let blobs = Blobs::open(&blobs).await.unwrap();
        let name = "a shop".parse().unwrap();
        let operator = Operator::default();
        let opened = open_account(&store, &operator, name, None, Scope::ALL).await;
        let (account, key) = opened.unwrap();
        let Settings { serving } = Settings::parse_from(["test", "--listen", "127.0.0.1:0"]);
        let opened = Server::open(store, blobs, folder.path(), &serving, Dialects(ALL));
        let server = opened.await.unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            client: Client::new(),
            address: server.address(),
            account,
            key,
            stop,
            serving: tokio::spawn(server.serve(stopped.map(drop).boxed())),
            _folder: folder,
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        let NewKey { key_id, secret, .. } = &self.key;
        let request = self.client.request(method, url);
        request.basic_auth(key_id.to_string(), Some(secret))
    }

    async fn upload(&self) -> String {
        let picture = Part::bytes(include_bytes!("../../docs/sample.jpg").as_slice());
        let form = Form::new().part("image", picture.file_name("sample.jpg"));
        let path = format!("/accounts/{}/images", self.account);
        let uploaded = self.request(Method::POST, &path).multipart(form).send();
        let uploaded = uploaded.await.unwrap();
        assert_eq!(uploaded.status(), StatusCode::CREATED);
        let image: Value = uploaded.json().await.unwrap();
        image["imageID"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_dialect_is_a_type_and_a_line_in_the_list() {
    let world = World::new().await;
    let image = world.upload().await;

    let path = format!("/labels/{image}/colour");
    let set = world.request(Method::PUT, &path).body("red").send();
    let set = set.await.unwrap();
    assert_eq!(set.status(), StatusCode::OK);
    assert_eq!(set.headers()["etag"], "\"2\"");
    assert_eq!(set.text().await.unwrap(), "labelled\n");

    // The other dialects show the value that it wrote, and the history shows who wrote it.
    let NewKey { key_id, secret, .. } = &world.key;
    let url = format!("/v2.1/images/{image}/metadata");
    let metadata = world.request(Method::GET, &url);
    let metadata = metadata.header("x-auth-token", format!("{key_id}:{secret}"));
    let metadata: Value = metadata.send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata, json!({ "metadata": { "colour": "red" } }));
    let url = format!("/accounts/{}/images/{image}/history", world.account);
    let history = world.request(Method::GET, &url).send().await.unwrap();
    let history: Value = history.json().await.unwrap();
    assert_eq!(history["events"][1]["dialect"], "labels");

    let description = world.request(Method::GET, "/openapi.json").send().await;
    let description: Value = description.unwrap().json().await.unwrap();
    let operation = &description["paths"]["/labels/{image}/{key}"]["put"];
    assert_eq!(operation["tags"], json!(["labels"]));

    world.stop.send(()).unwrap();
    world.serving.await.unwrap();
}

#[tokio::test]
async fn it_refuses_in_its_own_words() {
    let world = World::new().await;
    let nothing = "/labels/00000000-0000-7000-8000-000000000000/colour";
    for (method, path, status, text) in [
        (Method::PUT, nothing, 404, "labels: image not found\n"),
        (
            Method::GET,
            nothing,
            405,
            "labels: method GET is not allowed here\n",
        ),
        (
            Method::PUT,
            "/labels/elsewhere",
            404,
            "labels: there is nothing at this path\n",
        ),
    ] {
        let refused = world
            .request(method, path)
            .body("red")
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), status, "{path}");
        assert_eq!(refused.text().await.unwrap(), text);
    }
    let url = format!("http://{}{nothing}", world.address);
    let stranger = world.client.put(url).body("red").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let text = stranger.text().await.unwrap();
    assert!(text.starts_with("labels: "), "{text}");
}
