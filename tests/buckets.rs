//! Pictures in a bucket of a real S3 server.

use std::process::Command;

use photolog_tests::process::program;
use photolog_tests::s3::S3;
use photolog_tests::{TestApp, pictures};

use crate::archive::{failed, files_below, some_history, succeeded, with_the_master_key_of};

async fn app_on(s3: &S3) -> TestApp {
    let environment = s3.environment();
    let [id, secret, region, endpoint] = environment.each_ref();
    TestApp::with([
        ("PHOTOLOG_BLOB_URL", "s3://pictures/photolog"),
        (id.0, &id.1),
        (secret.0, &secret.1),
        (region.0, &region.1),
        (endpoint.0, &endpoint.1),
    ])
    .await
}

#[tokio::test]
async fn a_bucket_serves_and_its_backup_restores_into_a_directory() {
    let s3 = S3::start();
    let app = app_on(&s3).await;
    some_history(&app).await;
    let image = app.uploaded(pictures::png(9)).await;
    let public = image["publicID"].as_str().unwrap();
    // The largest size is the master itself, read back from the bucket.
    let shown = app.public(public, "?size=0x0", None).await;
    assert!(shown.status().is_success());
    // Four pictures, and the probe.
    assert_eq!(files_below(&s3.object("photolog")).len(), 5);
    assert!(!app.data_dir().join("blobs").exists());
    succeeded(&app.command(&["verify"]));
    assert!(succeeded(&app.command(&["gc", "--dry-run"])).contains(" 0 named by no event"));

    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup").display().to_string();
    let elsewhere = folder.path().join("data").display().to_string();
    let blobs = format!("file://{elsewhere}/pictures");
    succeeded(&app.command(&["backup", &backup]));
    with_the_master_key_of(&app.data_dir(), elsewhere.as_ref());
    let directory = ["--data-dir", &elsewhere, "--blob-url", &blobs];
    let on_directory = |command: &[&str]| app.command(&[&directory, command].concat());
    succeeded(&on_directory(&["restore", &backup]));
    succeeded(&on_directory(&["verify"]));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_named_with_its_setting() {
    let mut s3 = S3::start();
    let app = app_on(&s3).await;
    for url in ["s3://nowhere", "pictures"] {
        let said = failed(&app.command(&["--blob-url", url, "verify"]));
        assert!(said.contains("--blob-url"), "{said}");
    }
    s3.kill();
    let answer = app.upload(pictures::png(1)).await;
    assert_eq!(answer.status(), 503);
    s3.restart();
    app.uploaded(pictures::png(1)).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_said_once() {
    let s3 = S3::start();
    let app = app_on(&s3).await;
    for (name, value) in [
        ("PHOTOLOG_BLOB_URL", "s3://nowhere"),
        ("AWS_SECRET_ACCESS_KEY", "wrong"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ] {
        let output = Command::new(program("photolog"))
            .arg("verify")
            .env("PHOTOLOG_DATA_DIR", app.data_dir())
            .env("PHOTOLOG_BLOB_URL", "s3://pictures/photolog")
            .envs(s3.environment())
            .env(name, value)
            .output()
            .unwrap();
        let said = failed(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("--blob-url"), "{said}");
        for part in said.trim_end().split(": ").filter(|part| part.len() > 12) {
            assert_eq!(said.matches(part).count(), 1, "{part:?} in {said}");
        }
    }
}
