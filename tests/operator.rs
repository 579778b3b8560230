//! The operator: first start, settings, commands, shutdown.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use photolog_tests::process::program;
use photolog_tests::raw::{Raw, authorization};
use photolog_tests::{TestApp, client, pictures};
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn the_first_start_leaves_credentials_for_their_owner_only() {
    let app = TestApp::spawn().await;
    let file = app.data_dir().join("credentials.json");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let accounts = app.command(&["account", "list"]);
    assert!(String::from_utf8_lossy(&accounts.stdout).contains(&app.account));
}

#[tokio::test]
async fn help_names_every_setting_with_its_environment_twin() {
    let app = TestApp::spawn().await;
    let help = String::from_utf8(app.command(&["--help"]).stdout).unwrap();
    let flags = help
        .lines()
        .filter(|line| line.trim_start().starts_with("--"))
        .count();
    let twins = help.matches("[env: PHOTOLOG_").count();
    assert!(twins >= 12, "{help}");
    assert_eq!(flags, twins, "{help}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let app = TestApp::spawn().await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let taken = app.command(&["--listen", &address]);
    assert!(!taken.status.success());
    assert!(
        String::from_utf8_lossy(&taken.stderr).contains("--listen"),
        "{taken:?}"
    );
    let folder = app.command(&["--data-dir", "/dev/null/x", "account", "list"]);
    assert!(!folder.status.success());
    assert!(
        String::from_utf8_lossy(&folder.stderr).contains("--data-dir"),
        "{folder:?}"
    );
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let mut app = TestApp::spawn().await;
    let picture = pictures::png(1);
    let head = format!(
        "POST /accounts/{}/images HTTP/1.1\r\nHost: x\r\n{}Content-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: {}\r\n\r\n",
        app.account,
        authorization(&app),
        picture.len() + 61
    );
    let mut connection = Raw::connect(&app).await;
    connection.send(head).await;
    connection
        .send("--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n")
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    app.ask_to_stop();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    connection.send(&picture).await;
    connection.send("\r\n--b--\r\n").await;
    let answer = connection.answer().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(app.ended().await.success());
    app.restart().await;
    assert_eq!(app.list().await.len(), 1);
}

/// When a result is not read or cannot be written, nothing panics, and no key is left that was
/// never shown.
#[tokio::test]
async fn a_result_that_nobody_gets_is_reported() {
    let app = TestApp::spawn().await;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program("photolog"));
        command
            .arg("--data-dir")
            .arg(app.data_dir())
            .args(arguments);
        command
    };
    let every_command: [&[&str]; 5] = [
        &["history"],
        &["account", "list"],
        &["key", "list", &app.account],
        &["gc", "--dry-run"],
        &["verify"],
    ];
    for arguments in every_command {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = command(arguments).stdout(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?} {ended:?}");
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains("standard output cannot be written"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = command(arguments).stdout(writer).output().unwrap();
        assert_eq!(ended.status.code(), Some(141), "{arguments:?} {ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
    let issue: [&str; 3] = ["key", "issue", &app.account];
    let create: [&str; 3] = ["account", "create", "shop"];
    for arguments in [issue, create] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = command(&arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(
            said.contains("could not be printed, and was revoked"),
            "{said}"
        );
    }
    let keys = command(&["key", "list", &app.account]).output().unwrap();
    let keys = String::from_utf8(keys.stdout).unwrap();
    assert_eq!(keys.matches("revoked").count(), 1, "{keys}");
}

async fn readiness(app: &TestApp, query: &str) -> (StatusCode, Value) {
    let answer = client().get(format!("{}/readyz{query}", app.url)).send();
    let answer = answer.await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// A change to a data folder.
type Take = fn(&Path);

/// The server reports files that are removed under it within five seconds, and acknowledges nothing
/// that is lost.
#[tokio::test]
async fn files_that_are_taken_away_are_missed() {
    const TOLD: Duration = Duration::from_secs(5);
    let takes: [(&str, Take); 3] = [
        ("removed or replaced", |data| {
            fs::remove_file(data.join("photolog.sqlite")).unwrap();
        }),
        ("removed or replaced", |data| {
            let file = data.join("photolog.sqlite");
            fs::copy(&file, data.join("copy")).unwrap();
            fs::rename(data.join("copy"), &file).unwrap();
        }),
        ("takes no pictures", |data| {
            fs::remove_dir_all(data.join("blobs")).unwrap();
        }),
    ];
    for (reason, take_away) in takes {
        let app = TestApp::spawn().await;
        let image = app.uploaded(pictures::png(1)).await;
        let image = image["imageID"].as_str().unwrap();
        assert_eq!(readiness(&app, "?for=writes").await.0, StatusCode::OK);
        take_away(&app.data_dir());
        let began = Instant::now();
        let body = loop {
            let (status, body) = readiness(&app, "?for=writes").await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                break body;
            }
            assert!(began.elapsed() < TOLD, "{reason}: {body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert!(body["reasons"].to_string().contains(reason), "{body}");
        let (status, body) = readiness(&app, "").await;
        assert_eq!(
            (status, &body["status"]),
            (StatusCode::OK, &"degraded".into())
        );
        let uploaded = app.upload(pictures::png(2)).await;
        assert_eq!(
            uploaded.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{reason}"
        );
        if reason.contains("replaced") {
            let set = app.set_alt_text(image, "lost").await;
            assert_eq!(set.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
