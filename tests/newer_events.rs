//! Events of a newer version of the program, under a running server of this version: they are shown
//! and published, commands on their image and account are refused, and everything else goes on.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use photolog_tests::nats::Nats;
use photolog_tests::newer::NewerEvent;
use photolog_tests::{TestApp, pictures, postgres};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::archive::{failed, succeeded, with_the_master_key_of};

const PATIENCE: Duration = Duration::from_secs(20);

const SENTENCE: &str = "was written by a newer version of Photolog: upgrade this server to use it";

async fn append(event: NewerEvent<'_>, app: &TestApp, postgres: Option<&str>) {
    match postgres {
        Some(url) => event.write_to_postgres(url).await,
        None => {
            let database = app.data_dir().join("photolog.sqlite");
            event.write_to_sqlite(&database).await;
        }
    }
}

/// Asserts a 503 that tells the operator what to do.
async fn stands_still(answer: Response) {
    let (status, retry) = (
        answer.status(),
        answer.headers().get("retry-after").cloned(),
    );
    let text = answer.text().await.unwrap();
    assert_eq!((status.as_u16(), retry.is_some()), (503, true), "{text}");
    assert!(text.contains(SENTENCE), "{text}");
}

/// Repeats a request until the response has this status.
async fn until(status: u16, ask: impl AsyncFn() -> Response) -> Response {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status() == status {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sold<'a>(image: &'a str, payload: &'a str) -> NewerEvent<'a> {
    NewerEvent {
        aggregate_type: "Image",
        stream: image,
        event_type: "Sold",
        event_version: "9",
        payload,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn id<'a>(image: &'a Value, member: &str) -> &'a str {
    image[member].as_str().unwrap()
}

async fn an_image_stands_still_and_the_others_go_on(postgres: Option<&str>) {
    let nats = Nats::start();
    let url = nats.url();
    let app = match postgres {
        None => TestApp::with([("PHOTOLOG_NATS_URL", &url)]).await,
        Some(database) => {
            let settings = [
                ("PHOTOLOG_NATS_URL", &*url),
                ("PHOTOLOG_DATABASE_URL", database),
            ];
            TestApp::with(settings).await
        }
    };
    let uploaded = app.uploaded(pictures::png(1)).await;
    let other = app.uploaded(pictures::png(2)).await;
    let (image, link) = (id(&uploaded, "imageID"), id(&uploaded, "publicID"));
    let payload = r#"{"type":"Sold",  "at":"2026-11-21T04:36:26.000Z", "price":1.50}"#;
    append(sold(image, payload), &app, postgres).await;

    stands_still(until(503, async || app.public(link, "", None).await).await).await;
    stands_still(app.set_alt_text(image, "one").await).await;
    stands_still(app.get(&format!("/images/{image}")).await).await;
    let as_uploaded = app.get(&format!("/images/{image}?version=1")).await;
    assert_eq!(as_uploaded.status(), 200);
    stands_still(app.get(&format!("/images/{image}?version=2")).await).await;
    let file = format!("{}/files/{image}/", app.url);
    let (key, secret) = &app.key;
    let uploadcare = app.client.get(file);
    let uploadcare = uploadcare
        .header("accept", "application/vnd.uploadcare-v0.7+json")
        .header("authorization", format!("Uploadcare.Simple {key}:{secret}"));
    stands_still(uploadcare.send().await.unwrap()).await;
    let openstack = app.client.get(format!("{}/v2.1/images/{image}", app.url));
    let openstack = openstack.header("x-auth-token", format!("{key}:{secret}"));
    stands_still(openstack.send().await.unwrap()).await;

    let history = app.get(&format!("/images/{image}/history")).await;
    let history = history.text().await.unwrap();
    assert!(
        history.contains(&format!("\"data\":{payload}")),
        "{history}"
    );
    let events: Value = serde_json::from_str(&history).unwrap();
    let shown = &events["events"][1];
    assert_eq!(
        (
            &shown["type"],
            &shown["dialect"],
            &shown["before"],
            &shown["after"]
        ),
        (&json!("Sold"), &json!("imgix"), &Value::Null, &Value::Null)
    );
    let feed = app.get("/events").await.text().await.unwrap();
    assert!(
        feed.contains(payload) && feed.contains("photolog.v9.Sold"),
        "{feed}"
    );
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let subject = format!("photolog.v1.{}.{image}.Sold", app.account);
    let message = async || {
        let stream = jetstream.get_stream("PHOTOLOG").await.ok()?;
        stream.get_last_raw_message_by_subject(&subject).await.ok()
    };
    let began = Instant::now();
    let message = loop {
        if let Some(message) = message().await {
            break message;
        }
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(String::from_utf8_lossy(&message.payload).contains(payload));

    // The other image, lists and another tenant go on, and another tenant learns nothing.
    let answer = app.set_alt_text(id(&other, "imageID"), "two").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        app.public(id(&other, "publicID"), "", None).await.status(),
        200
    );
    app.uploaded(pictures::png(3)).await;
    assert_eq!(app.list().await.len(), 3);
    let (tenant, (key, secret)) = app.open_account();
    for (path, status) in [
        ("/images".to_owned(), 200),
        (format!("/images/{image}"), 404),
    ] {
        let url = format!("{}/accounts/{tenant}{path}", app.url);
        let request = app.client.get(url).basic_auth(&key, Some(&secret));
        assert_eq!(request.send().await.unwrap().status(), status, "{path}");
    }

    let said = app.command(&["verify"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let finding = format!(
        "was written by a newer version of Photolog: until this program is upgraded, image {image} \
         takes no writes, and its public link is 503"
    );
    assert!(
        said.contains("the event Sold (version 9) at position"),
        "{said}"
    );
    assert!(said.contains(&finding), "{said}");
    assert!(said.contains("1 thing is not as it should be"), "{said}");
    let listed = app.command(&["history", "--image", image]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("Sold, which a newer version"), "{listed}");
    let collected = app.command(&["gc", "--dry-run"]);
    assert!(!collected.status.success());
    let refusal = String::from_utf8_lossy(&collected.stderr).into_owned();
    assert!(
        refusal.contains("run `photolog gc` of that version"),
        "{refusal}"
    );
    assert!(app.command(&["rebuild"]).status.success());
    stands_still(app.public(link, "", None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_stands_still_and_the_others_go_on_on_sqlite() {
    an_image_stands_still_and_the_others_go_on(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_stands_still_and_the_others_go_on_on_postgres() {
    let url = postgres::new_database().await;
    an_image_stands_still_and_the_others_go_on(Some(&url)).await;
}

async fn the_keys_of_an_account_are_refused_and_others_work(postgres: Option<&str>) {
    let app = match postgres {
        None => TestApp::spawn().await,
        Some(database) => TestApp::with([("PHOTOLOG_DATABASE_URL", database)]).await,
    };
    let image = app.uploaded(pictures::png(1)).await;
    let link = id(&image, "publicID");
    let (tenant, (key, secret)) = app.open_account();
    let credentials = json!({ "grant_type": "client_credentials", "client_id": app.key.0,
        "client_secret": app.key.1 });
    let log_in = async || {
        let request = app
            .client
            .post(format!("{}/oauth2/token", app.url))
            .json(&credentials);
        request.send().await.unwrap()
    };
    let token: Value = log_in().await.json().await.unwrap();
    let by_token = async || {
        let url = format!("{}/accounts/{}/images", app.url, app.account);
        let request = app.client.get(url).bearer_auth(id(&token, "access_token"));
        request.send().await.unwrap()
    };
    assert_eq!(by_token().await.status(), 200);

    let newer = NewerEvent {
        aggregate_type: "Account",
        stream: &app.account,
        event_type: "AccountFrozen",
        event_version: "1",
        payload: r#"{"type":"AccountFrozen","at":"2026-11-21T04:36:26.000Z"}"#,
    };
    append(newer, &app, postgres).await;
    stands_still(app.get("/images").await).await;
    stands_still(by_token().await).await;
    stands_still(log_in().await).await;
    let images = format!("{}/accounts/{}/images", app.url, app.account);
    let wrong = app.client.get(images).basic_auth(&app.key.0, Some("wrong"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    assert_eq!(app.public(link, "", None).await.status(), 200);
    let others = app
        .client
        .get(format!("{}/accounts/{tenant}/images", app.url));
    let others = others.basic_auth(&key, Some(&secret)).send().await.unwrap();
    assert_eq!(others.status(), 200);

    let renamed = app.command(&["account", "rename", &app.account, "Web shop"]);
    assert!(!renamed.status.success());
    assert!(String::from_utf8_lossy(&renamed.stderr).contains(SENTENCE));
    let said = app.command(&["verify"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let finding = format!("account {} has its keys refused", app.account);
    assert!(said.contains(&finding), "{said}");
    assert!(said.contains("1 thing is not as it should be"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_account_are_refused_and_others_work_on_sqlite() {
    the_keys_of_an_account_are_refused_and_others_work(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_account_are_refused_and_others_work_on_postgres() {
    let url = postgres::new_database().await;
    the_keys_of_an_account_are_refused_and_others_work(Some(&url)).await;
}

#[tokio::test]
async fn an_unknown_scope_is_not_issued() {
    let app = TestApp::spawn().await;
    let scopes = ["key", "issue", &app.account, "--scopes", "images.share"];
    let refused = app.command(&scopes);
    assert!(!refused.status.success(), "{refused:?}");
}

#[tokio::test]
async fn a_backup_and_its_restore_keep_what_a_newer_event_may_name() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = id(&image, "imageID");
    // The state after an upload whose event this program does not know.
    let digest = hex(&Sha256::digest(b"sold"));
    let name = Path::new(&digest[0..2]).join(&digest[2..4]).join(&digest);
    let blob = app.data_dir().join("blobs").join(&name);
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, b"sold").unwrap();
    let payload = format!(r#"{{"type":"Sold","picture":"{digest}"}}"#);
    append(sold(image, &payload), &app, None).await;

    let folder = tempfile::tempdir().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (backup, data) = (folder.path().join("backup"), folder.path().join("data"));
    succeeded(&app.command(&["backup", &text(&backup)]));
    let said = app.command(&["verify", "--backup", &text(&backup)]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("1 thing is not as it should be"), "{said}");
    with_the_master_key_of(&app.data_dir(), &data);
    let elsewhere = |command: &[&str]| {
        let data = text(&data);
        let arguments = [&["--data-dir", data.as_str()], command].concat();
        app.command(&arguments)
    };
    succeeded(&elsewhere(&["restore", &text(&backup)]));
    assert_eq!(fs::read(data.join("blobs").join(&name)).unwrap(), b"sold");
    let refused = failed(&elsewhere(&["gc", "--grace-hours", "1"]));
    assert!(refused.contains("may name any picture"), "{refused}");
    let history = succeeded(&elsewhere(&["history", "--format", "ndjson"]));
    assert!(
        history.contains("Sold") && history.contains("imgix"),
        "{history}"
    );
}
