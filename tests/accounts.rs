//! Accounts and keys, changed by the operator while the service runs.

use std::process::Output;
use std::time::{Duration, Instant};

use photolog_tests::scaled::Scaled;
use photolog_tests::{TestApp, pictures, postgres};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::archive::succeeded;

/// On SQLite and on PostgreSQL.
async fn on_both() -> [TestApp; 2] {
    let url = postgres::new_database().await;
    [
        TestApp::spawn().await,
        TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await,
    ]
}

/// A picture to upload.
fn form(seed: u32) -> Form {
    Form::new().part("image", Part::bytes(pictures::png(seed)).file_name("p"))
}

/// The exit status and message of a refused command.
fn refused(output: &Output) -> (i32, String) {
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code().unwrap(), said)
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&succeeded(output)).unwrap()
}

/// The state of a key in the operator's list.
fn listed_key(app: &TestApp, key: &str) -> Value {
    let keys = json_of(&app.command(&["key", "list", &app.account, "--format", "json"]));
    let mut keys = keys.as_array().unwrap().iter();
    keys.find(|listed| listed["key"] == key).unwrap().clone()
}

/// Every way to use a key, each with the part of the dialect's response that explains a refusal.
struct Dialects {
    client: Client,
    url: String,
    account: String,
    key: (String, String),
    bearer: String,
    keystone: String,
}

impl Dialects {
    async fn of(app: &TestApp, key: (String, String)) -> Self {
        let mut dialects = Self {
            client: app.client.clone(),
            url: app.url.clone(),
            account: app.account.clone(),
            key,
            bearer: String::new(),
            keystone: String::new(),
        };
        let tokens: Value = dialects
            .log_in()
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        dialects.bearer = tokens["access_token"].as_str().unwrap().to_owned();
        let answer = dialects.keystone_log_in().send().await.unwrap();
        let token = answer.headers()["x-subject-token"].to_str().unwrap();
        dialects.keystone = token.to_owned();
        dialects
    }

    fn log_in(&self) -> RequestBuilder {
        let body = json!({"grant_type": "client_credentials", "client_id": self.key.0,
            "client_secret": self.key.1});
        self.client
            .post(format!("{}/oauth2/token", self.url))
            .json(&body)
    }

    fn keystone_log_in(&self) -> RequestBuilder {
        let user = json!({"id": self.key.0, "password": self.key.1});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        self.client
            .post(format!("{}/v3/auth/tokens", self.url))
            .json(&json!({"auth": {"identity": identity}}))
    }

    fn all(&self) -> Vec<(RequestBuilder, &'static str)> {
        let (key, secret) = (&self.key.0, &self.key.1);
        let get = |path: &str| self.client.get(format!("{}{path}", self.url));
        let images = format!("/accounts/{}/images", self.account);
        let events = format!("/accounts/{}/events", self.account);
        let simple = format!("Uploadcare.Simple {key}:{secret}");
        let fixed = format!("{key}:{secret}");
        let fault = "/forbidden/message";
        vec![
            (get(&images).basic_auth(key, Some(secret)), "/error"),
            (get(&images).bearer_auth(&self.bearer), "/error"),
            (get(&events).basic_auth(key, Some(secret)), "/detail"),
            (get("/files/").header("authorization", simple), "/detail"),
            (get("/v2.1/images").header("x-auth-token", fixed), fault),
            (
                get("/v2.1/images").header("x-auth-token", &self.keystone),
                fault,
            ),
            (self.log_in(), "/error"),
            (self.keystone_log_in(), fault),
        ]
    }

    async fn are_open(&self) {
        for (request, _) in self.all() {
            let status = request.send().await.unwrap().status();
            assert!(status.is_success(), "{status}");
        }
    }

    async fn are_refused(&self, why: &str) {
        for (number, (request, place)) in self.all().into_iter().enumerate() {
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            assert_eq!(status, StatusCode::FORBIDDEN, "{number}: {body}");
            let said = body.pointer(place).and_then(Value::as_str);
            assert_eq!(said, Some(why), "{number}: {body}");
        }
    }

    async fn know_no_such_key(&self) {
        for (number, (request, _)) in self.all().into_iter().enumerate() {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{number}");
        }
    }
}

/// Seconds until a live feed ends, measured from `then`.
async fn seconds_until_end(app: &TestApp, then: impl FnOnce()) -> f64 {
    let request = app.request(Method::GET, "/events");
    let request = request.header("accept", "text/event-stream");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    then();
    let began = Instant::now();
    let rest = tokio::time::timeout(Duration::from_secs(20), answer.bytes()).await;
    rest.expect("the end of the feed").unwrap();
    began.elapsed().as_secs_f64()
}

/// Waits at most this long until a public link has this status.
async fn shows(request: impl Fn() -> RequestBuilder, status: u16, within: Duration) {
    let began = Instant::now();
    loop {
        let answer = request().send().await.unwrap().status();
        if answer == status {
            return;
        }
        assert!(began.elapsed() < within, "{answer} instead of {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_account_is_refused_in_every_dialect_and_comes_back() {
    for app in on_both().await {
        let image = app.uploaded(pictures::png(1)).await;
        let link = image["publicID"].as_str().unwrap();
        let dialects = Dialects::of(&app, app.key.clone()).await;
        dialects.are_open().await;
        let suspend = [
            "account",
            "suspend",
            &app.account,
            "--reason",
            "unpaid since May",
        ];
        let ended = seconds_until_end(&app, || {
            let said = succeeded(&app.command(&suspend));
            assert!(said.contains("is suspended: unpaid since May"), "{said}");
        });
        assert!(ended.await < 15.5);
        dialects
            .are_refused("the account is suspended: unpaid since May")
            .await;
        assert_eq!(app.public(link, "", None).await.status(), 200);
        assert_eq!(listed_key(&app, &app.key.0)["state"], "suspended");

        // A client with a wrong secret learns nothing about the key.
        let url = format!("{}/accounts/{}/images", app.url, app.account);
        let stranger = app.client.get(url).basic_auth(&app.key.0, Some("wrong"));
        assert_eq!(stranger.send().await.unwrap().status(), 401);

        succeeded(&app.command(&["account", "resume", &app.account]));
        dialects.are_open().await;
        succeeded(&app.command(&["verify"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_has_neither_keys_nor_links_until_it_is_reopened() {
    let second = Duration::from_millis(1_200);
    for app in on_both().await {
        let image = app.uploaded(pictures::png(1)).await;
        let link = image["publicID"].as_str().unwrap();
        let request = || app.client.get(format!("{}/images/{link}", app.url));
        shows(request, 200, Duration::ZERO).await;
        let dialects = Dialects::of(&app, app.key.clone()).await;

        let close = ["account", "close", &app.account, "--reason", "moved away"];
        succeeded(&app.command(&close));
        dialects
            .are_refused("the account is closed: moved away")
            .await;
        shows(request, 404, second).await;
        assert_eq!(listed_key(&app, &app.key.0)["state"], "closed");
        for (command, words) in [
            (vec!["account", "resume", &app.account], "closed"),
            (vec!["account", "suspend", &app.account], "closed"),
            (vec!["key", "issue", &app.account], "closed"),
        ] {
            let (_, said) = refused(&app.command(&command));
            assert!(said.contains(words), "{said}");
        }
        succeeded(&app.command(&["account", "reopen", &app.account]));
        dialects.are_open().await;
        shows(request, 200, second).await;
        succeeded(&app.command(&["rebuild"]));
        succeeded(&app.command(&["verify"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_refuse_a_suspended_and_a_closed_account_at_once() {
    let scaled = Scaled::start().await;
    let uploaded = scaled
        .request(0, Method::POST, "/images")
        .multipart(form(1))
        .send()
        .await
        .unwrap();
    let image: Value = uploaded.json().await.unwrap();
    let link = image["publicID"].as_str().unwrap();
    let status = async |node| {
        let answer = scaled.request(node, Method::GET, "/images").send().await;
        answer.unwrap().status().as_u16()
    };
    for (command, expected, link_status) in [
        ("suspend", 403, 200),
        ("resume", 200, 200),
        ("close", 403, 404),
        ("reopen", 200, 200),
    ] {
        succeeded(&scaled.command(&["account", command, &scaled.account]));
        for node in 0..2 {
            assert_eq!(status(node).await, expected, "{command}");
        }
        for node in &scaled.nodes {
            let url = format!("{}/images/{link}", node.url);
            let within = Duration::from_millis(1_200);
            shows(|| scaled.client.get(&url), link_status, within).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_limits_change_and_bad_names_are_refused() {
    for app in on_both().await {
        for name in ["", "  ", "two\nlines", &"x".repeat(201)] {
            for command in [
                vec!["account", "create", name],
                vec!["account", "rename", &app.account, name],
                vec!["key", "issue", &app.account, "--name", name],
                vec!["key", "issue", &app.account, "--owner", name],
            ] {
                let (status, said) = refused(&app.command(&command));
                assert_eq!(status, 2, "{said}");
                assert!(said.contains("the name"), "{said}");
            }
        }
        assert_eq!(accounts(&app).len(), 1);
        let said = succeeded(&app.command(&["account", "rename", &app.account, " Web shop "]));
        assert!(said.contains("(Web shop)"), "{said}");
        succeeded(&app.command(&["account", "set-limit", &app.account, "1"]));
        app.uploaded(pictures::png(1)).await;
        let over = app.upload(pictures::png(2)).await;
        assert_eq!(over.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let listed = accounts(&app).remove(0);
        assert_eq!(listed["name"], "Web shop");
        assert_eq!(
            (&listed["images"], &listed["imageLimit"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(listed["state"], "open");
        succeeded(&app.command(&["account", "set-limit", &app.account, "default"]));
        app.uploaded(pictures::png(2)).await;
        assert_eq!(accounts(&app).remove(0)["imageLimit"], Value::Null);
        let (_, said) = refused(&app.command(&["account", "set-limit", &app.account, "many"]));
        assert!(said.contains("a number or `default`"), "{said}");
        let nobody = "0190f7c2-1111-7aaa-8bbb-123456789abc";
        let (_, said) = refused(&app.command(&["account", "rename", nobody, "x"]));
        assert!(said.contains("account not found"), "{said}");
        succeeded(&app.command(&["verify"]));
    }
}

fn accounts(app: &TestApp) -> Vec<Value> {
    let accounts = json_of(&app.command(&["account", "list", "--format", "json"]));
    accounts.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_name_an_owner_and_an_end() {
    for app in on_both().await {
        let issue = [
            "key",
            "issue",
            &app.account,
            "--name",
            "importer",
            "--owner",
            "warehouse",
            "--expires",
            "4s",
            "--format",
            "json",
        ];
        let issued = json_of(&app.command(&issue));
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        let (key, secret) = (text("key"), text("secret"));
        let before = listed_key(&app, &key);
        assert_eq!(before["name"], "importer");
        assert_eq!(before["owner"], "warehouse");
        assert_eq!(before["state"], "works");
        assert_eq!(before["expiresAt"], issued["expiresAt"]);
        assert_eq!(before["lastUsedAt"], Value::Null);
        let dialects = Dialects::of(&app, (key.clone(), secret)).await;
        dialects.are_open().await;
        let used = async || {
            let began = Instant::now();
            while listed_key(&app, &key)["lastUsedAt"].is_null() {
                assert!(began.elapsed() < Duration::from_secs(10));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        used().await;
        tokio::time::sleep(Duration::from_millis(4_100)).await;
        dialects.know_no_such_key().await;
        assert_eq!(listed_key(&app, &key)["state"], "expired");
        succeeded(&app.command(&["key", "revoke", &app.account, &key]));
        let revoked = listed_key(&app, &key);
        assert_eq!(revoked["state"], "revoked");
        assert!(!revoked["lastUsedAt"].is_null());

        for (expiry, words) in [
            ("2020-01-01", "in the future"),
            ("soon", "must be a date"),
            ("9000years", "beyond the year 9999"),
        ] {
            let issue = ["key", "issue", &app.account, "--expires", expiry];
            let (_, said) = refused(&app.command(&issue));
            assert!(said.contains(words), "{said}");
        }
        succeeded(&app.command(&["verify"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_its_key_expires() {
    let app = TestApp::with([("PHOTOLOG_FEED_CHECK_SECONDS", "1")]).await;
    let issue = ["key", "issue", &app.account, "--expires", "3s"];
    let said = succeeded(&app.command(&issue));
    let mut words = said
        .lines()
        .map(|line| line.split_whitespace().last().unwrap());
    let (key, secret) = (words.next().unwrap(), words.next().unwrap());
    let url = format!("{}/accounts/{}/events", app.url, app.account);
    let feed = app.client.get(url).basic_auth(key, Some(secret));
    let feed = feed.header("accept", "text/event-stream").send().await;
    let rest = tokio::time::timeout(Duration::from_secs(6), feed.unwrap().bytes()).await;
    rest.expect("the end of the feed").unwrap();
}

/// The events of an account, once there are `count`: on PostgreSQL they get their position in the
/// log a moment later.
async fn history_of(app: &TestApp, account: &str, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let command = ["history", "--account", account, "--format", "ndjson"];
        let lines = succeeded(&app.command(&command));
        let events = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let events: Vec<Value> = events.collect();
        if events.len() == count {
            return events;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{lines}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_names_who_did_what_on_every_way_to_see_it() {
    for app in on_both().await {
        let jo = |arguments: &[&str]| {
            let all = [&["--as", "jo"], arguments].concat();
            succeeded(&app.command(&all))
        };
        let account = app.account.as_str();
        let said = jo(&[
            "key",
            "issue",
            account,
            "--name",
            "=importer",
            "--owner",
            "Jo",
        ]);
        let mut words = said
            .lines()
            .map(|line| line.split_whitespace().last().unwrap().to_owned());
        let (key, secret) = (words.next().unwrap(), words.next().unwrap());
        let request = app
            .client
            .post(format!("{}/accounts/{account}/images", app.url));
        let uploaded = request
            .basic_auth(&key, Some(&secret))
            .multipart(form(1))
            .send()
            .await
            .unwrap();
        let image: Value = uploaded.json().await.unwrap();
        let image = image["imageID"].as_str().unwrap();
        app.set_alt_text(image, "a \u{1b}[31mlighthouse").await;
        jo(&["account", "rename", account, "Web shop"]);
        jo(&["account", "suspend", account, "--reason", "unpaid"]);
        jo(&["account", "resume", account]);
        jo(&["key", "revoke", account, &key]);

        // Over HTTP, also after the key was revoked.
        let history = format!("/images/{image}/history");
        let page: Value = app.get(&history).await.json().await.unwrap();
        assert_eq!(page["events"][0]["actor"], key.as_str());
        assert_eq!(page["events"][0]["actorName"], "=importer");
        assert_eq!(page["events"][1].get("actorName"), None);
        let lines = app.get(&format!("{history}?format=ndjson")).await;
        let lines = lines.text().await.unwrap();
        assert!(lines.contains(r#""actorName":"=importer""#), "{lines}");
        let csv = app.get(&format!("{history}?format=csv")).await;
        let csv = csv.text().await.unwrap();
        assert!(csv.starts_with("sequence,position,type,at,actor,actorName,dialect,"));
        assert!(csv.contains(&format!(",{key},'=importer,moov,")), "{csv}");
        let feed: Value = app.get("/events").await.json().await.unwrap();
        assert_eq!(feed["events"][0]["data"]["actorName"], "=importer");
        assert_eq!(feed["events"][1]["data"].get("actorName"), None);

        // On the command line, in each form.
        let events = history_of(&app, account, 9).await;
        let seen: Vec<_> = events
            .iter()
            .map(|event| {
                let text = |name: &str| event[name].as_str().unwrap_or_default();
                (text("type"), text("actor"), text("actorName"))
            })
            .collect();
        let (demo, operator, jo) = (app.key.0.as_str(), "operator", "operator:jo");
        assert_eq!(
            seen,
            [
                ("AccountOpened", operator, ""),
                ("KeyIssued", operator, ""),
                ("KeyIssued", jo, ""),
                ("Uploaded", key.as_str(), "=importer"),
                ("MetadataSet", demo, ""),
                ("AccountRenamed", jo, ""),
                ("AccountSuspended", jo, ""),
                ("AccountResumed", jo, ""),
                ("KeyRevoked", jo, ""),
            ]
        );
        assert_eq!(events[6]["what"], "suspended: unpaid");
        let issued = events[2]["what"].as_str().unwrap();
        assert!(issued.contains("\"=importer\" to \"Jo\""), "{issued}");

        let table = succeeded(&app.command(&["history", "--image", image]));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[0].starts_with("TIME "), "{table}");
        assert!(lines[1].contains(&format!("=importer ({key})")), "{table}");
        assert!(lines[1].contains("uploaded: image/png of"), "{table}");
        assert!(
            !table.contains('\u{1b}') && lines[2].contains("lighthouse"),
            "{table}"
        );
        let all = json_of(&app.command(&["history", "--format", "json"]));
        assert_eq!(all.as_array().unwrap().len(), 9);
        let nobody = "0190f7c2-1111-7aaa-8bbb-123456789abc";
        for filter in ["--account", "--image"] {
            let (_, said) = refused(&app.command(&["history", filter, nobody]));
            assert!(said.contains("not found"), "{said}");
        }
        let none = app.command(&["history", "--account", account, "--image", nobody]);
        assert!(refused(&none).1.contains("image not found"));
        succeeded(&app.command(&["verify"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_label_is_checked_and_comes_from_the_environment_too() {
    let app = TestApp::with([("PHOTOLOG_AS", "ci@example.org")]).await;
    succeeded(&app.command(&["account", "rename", &app.account, "one"]));
    succeeded(&app.command(&["account", "rename", &app.account, "two", "--as", "jo"]));
    for label in ["", "a b", "ä", "a:b", &"a".repeat(65)] {
        let command = ["--as", label, "account", "rename", &app.account, "three"];
        let (status, said) = refused(&app.command(&command));
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("--as"), "{said}");
    }
    let events = json_of(&app.command(&["history", "--format", "json"]));
    let actors = events.as_array().unwrap().iter();
    let actors: Vec<_> = actors
        .map(|event| event["actor"].as_str().unwrap())
        .collect();
    assert_eq!(
        actors,
        [
            "operator",
            "operator",
            "operator:ci@example.org",
            "operator:jo"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn account_events_survive_backup_and_restore() {
    for app in on_both().await {
        let account = app.account.as_str();
        app.uploaded(pictures::png(1)).await;
        let issue = [
            "key",
            "issue",
            account,
            "--name",
            "importer",
            "--expires",
            "2099-01-01",
        ];
        succeeded(&app.command(&issue));
        succeeded(&app.command(&["account", "rename", account, "Web shop"]));
        succeeded(&app.command(&["account", "suspend", account, "--reason", "unpaid"]));
        succeeded(&app.command(&["account", "close", account, "--reason", "moved away"]));
        history_of(&app, account, 7).await;
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        succeeded(&app.command(&["backup", backup.to_str().unwrap()]));
        let data = folder.path().join("data");
        let other = postgres::new_database().await;
        let key = folder.path().join("master.key");
        let in_data_folder = app.data_dir().join("master.key");
        let master_key = match in_data_folder.exists() {
            true => in_data_folder,
            false => app.setting("PHOTOLOG_MASTER_KEY_FILE").into(),
        };
        std::fs::copy(master_key, &key).unwrap();
        let elsewhere = |arguments: &[&str]| {
            let (data, key) = (data.to_str().unwrap(), key.to_str().unwrap());
            let place = [
                "--data-dir",
                data,
                "--database-url",
                other.as_str(),
                "--master-key-file",
                key,
            ];
            app.command(&[&place, arguments].concat())
        };
        succeeded(&elsewhere(&["restore", backup.to_str().unwrap()]));
        succeeded(&elsewhere(&["verify"]));
        let list = ["account", "list", "--format", "json"];
        assert_eq!(json_of(&elsewhere(&list)), json_of(&app.command(&list)));
        let listed = json_of(&elsewhere(&list))[0].clone();
        assert_eq!(
            (&listed["state"], &listed["reason"]),
            (&json!("closed"), &json!("moved away"))
        );
        let keys = ["key", "list", account, "--format", "json"];
        let mut expected = json_of(&app.command(&keys));
        // Uses of a key are not events.
        for key in expected.as_array_mut().unwrap() {
            key["lastUsedAt"] = Value::Null;
        }
        assert_eq!(json_of(&elsewhere(&keys)), expected);
    }
}

/// Runs a statement while the service runs.
async fn tamper(app: &TestApp, statement: &str) {
    let file = app.data_dir().join("photolog.sqlite");
    if file.exists() {
        let options = SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.unwrap();
        connection.execute(statement).await.unwrap();
    } else {
        let url = app.setting("PHOTOLOG_DATABASE_URL");
        let mut connection = PgConnection::connect(&url).await.unwrap();
        connection.execute(statement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_notices_an_account_or_a_key_that_is_not_what_its_events_say() {
    for app in on_both().await {
        let account = app.account.as_str();
        succeeded(&app.command(&["account", "suspend", account, "--reason", "unpaid"]));
        history_of(&app, account, 3).await;
        for (wrong, right, named) in [
            (
                "UPDATE accounts SET status = 'open', reason = NULL",
                "UPDATE accounts SET status = 'suspended', reason = 'unpaid'",
                account,
            ),
            (
                "UPDATE accounts SET name = 'shop'",
                "UPDATE accounts SET name = 'demo'",
                account,
            ),
            (
                "UPDATE keys SET expires_at = 1",
                "UPDATE keys SET expires_at = NULL",
                &app.key.0,
            ),
        ] {
            tamper(&app, wrong).await;
            let found = app.command(&["verify"]);
            assert!(!found.status.success(), "{wrong}");
            let said = String::from_utf8_lossy(&found.stdout);
            assert!(said.contains(named), "{wrong}: {said}");
            tamper(&app, right).await;
            succeeded(&app.command(&["verify"]));
        }
    }
}

#[tokio::test]
async fn lists_have_heads() {
    let app = TestApp::spawn().await;
    let list = succeeded(&app.command(&["account", "list"]));
    let lines: Vec<_> = list.lines().collect();
    let heads: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(
        heads,
        ["ACCOUNT", "STATE", "IMAGES", "LIMIT", "CREATED", "NAME"]
    );
    let cells: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(cells[..4], [app.account.as_str(), "open", "0", "default"]);
    assert_eq!(cells[5], "demo");
    let list = succeeded(&app.command(&["key", "list", &app.account]));
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[0].starts_with("KEY "), "{list}");
    assert!(
        lines[1].starts_with(&format!("{}  works", app.key.0)),
        "{list}"
    );
    let created = json_of(&app.command(&["account", "create", "x", "--format", "json"]));
    assert_eq!(created["secret"].as_str().unwrap().len(), 68);
}
