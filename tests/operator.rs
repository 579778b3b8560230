//! The operator: first start, settings, commands, shutdown.

use std::os::unix::fs::PermissionsExt;

use photolog_tests::raw::{Raw, authorization};
use photolog_tests::{TestApp, pictures};

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
