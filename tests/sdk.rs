//! The vendors' own clients, unmodified, against the real program.

use std::process::Command;

use photolog_tests::process::python_program;
use photolog_tests::{TestApp, postgres};
use serde_json::json;

const EDGE_SECRET: &str = "what edges and origin share";

/// Runs a script of `tests/sdk/` in the environment that `cargo xtask setup` makes, over SQLite
/// and over PostgreSQL.
async fn run(script: &str) {
    run_against(TestApp::spawn().await, script).await;
    let url = postgres::new_database().await;
    run_against(
        TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await,
        script,
    )
    .await;
}

async fn run_against(app: TestApp, script: &str) {
    let (account, (key, secret)) = app.open_account();
    let tenants = json!([
        { "accountID": app.account, "keyID": app.key.0, "keySecret": app.key.1 },
        { "accountID": account, "keyID": key, "keySecret": secret },
    ]);
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(python_program("python"))
        .arg(format!("{workspace}/tests/sdk/{script}"))
        .env("PHOTOLOG_URL", &app.url)
        .env("PHOTOLOG_EDGE_SECRET", EDGE_SECRET)
        .env("PHOTOLOG_TENANTS", tenants.to_string())
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}:\n{said}\n{problem}");
}

#[tokio::test]
async fn the_moov_sdk_drives_every_operation() {
    run("moov.py").await;
}

#[tokio::test]
async fn the_uploadcare_client_drives_file_metadata() {
    run("uploadcare.py").await;
}

#[tokio::test]
async fn the_openstack_sdk_drives_image_metadata() {
    run("openstack_sdk.py").await;
}

#[tokio::test]
async fn the_nova_client_drives_image_metadata() {
    run("nova.py").await;
}

#[tokio::test]
async fn libcloud_lists_images() {
    run("libcloud_list.py").await;
}

#[tokio::test]
async fn what_no_client_sends_is_refused_by_both_metadata_dialects() {
    run("hostile.py").await;
}

#[tokio::test]
async fn requests_that_two_readers_would_cut_differently_are_refused() {
    run_against(TestApp::spawn().await, "framing.py").await;
}

#[tokio::test]
async fn every_route_is_as_its_description_says() {
    let app = TestApp::with([("PHOTOLOG_EDGE_SECRET", EDGE_SECRET)]).await;
    run_against(app, "contract.py").await;
}
