//! Backup and restore: what one installation writes and another one reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use photolog_tests::postgres::Cluster;
use photolog_tests::process::program;
use photolog_tests::{TestApp, pictures};
use reqwest::{Method, StatusCode};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

/// The output of a command that must succeed.
pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The message of a command that must fail.
pub(crate) fn failed(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

/// Every kind of event: uploads, a replacement, texts, a disabled image whose bytes another one
/// holds now, a revoked key.
pub(crate) async fn some_history(app: &TestApp) {
    let first = app.uploaded(pictures::png(1)).await;
    let first = format!("/images/{}", first["imageID"].as_str().unwrap());
    let second = app.uploaded(pictures::png(2)).await;
    let second = second["imageID"].as_str().unwrap().to_owned();
    assert!(app.set_alt_text(&second, "two").await.status().is_success());
    let disabled = app.request(Method::DELETE, &first).send().await.unwrap();
    assert!(disabled.status().is_success());
    app.uploaded(pictures::png(1)).await;
    let form = reqwest::multipart::Form::new().part(
        "image",
        reqwest::multipart::Part::bytes(pictures::png(3)).file_name("p"),
    );
    let replaced = app
        .request(Method::PUT, &format!("/images/{second}"))
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert!(replaced.status().is_success());
    let (revoked, _) = app.issue_key("images.read");
    succeeded(&app.command(&["key", "revoke", &app.account, &revoked]));
}

/// Empties the installation; its former data is moved to the returned folder.
fn lose_everything(app: &mut TestApp) -> PathBuf {
    app.kill();
    let lost = app.data_dir().with_extension("lost");
    fs::rename(app.data_dir(), &lost).unwrap();
    with_the_master_key_of(&lost, &app.data_dir());
    lost
}

/// A new data folder with the master key of another one.
pub(crate) fn with_the_master_key_of(known: &Path, new: &Path) {
    fs::create_dir(new).unwrap();
    fs::copy(known.join("master.key"), new.join("master.key")).unwrap();
}

#[tokio::test]
async fn a_restored_installation_is_the_one_that_was_lost() {
    let mut app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let (backup, again) = (folder.path().join("backup"), folder.path().join("again"));
    let said = succeeded(&app.command(&["backup", path(&backup)]));
    assert!(said.contains("10 events and 3 pictures"), "{said}");
    let images = app.list().await;

    let lost = lose_everything(&mut app);
    let restored = succeeded(&app.command(&["restore", path(&backup)]));
    let hash = |said: &str| said.lines().last().unwrap().to_owned();
    assert_eq!(hash(&restored), hash(&said));
    assert!(succeeded(&app.command(&["verify"])).contains("10 events"));
    // The same positions, the same hashes, the same bytes.
    succeeded(&app.command(&["backup", path(&again)]));
    let log = |folder: &Path| fs::read(folder.join("log.ndjson")).unwrap();
    assert!(log(&again) == log(&backup));

    for kept in ["credentials.json", "address"] {
        fs::copy(lost.join(kept), app.data_dir().join(kept)).unwrap();
    }
    app.restart().await;
    // The link contains the program's current port.
    let without_links = |mut images: Vec<serde_json::Value>| {
        for image in &mut images {
            image["link"] = serde_json::Value::Null;
        }
        images
    };
    assert_eq!(without_links(app.list().await), without_links(images));
    // The claims are restored: bytes that an enabled image holds are refused, freed ones are not.
    let held = app.upload(pictures::png(3)).await;
    assert_eq!(held.status(), StatusCode::CONFLICT);
    app.uploaded(pictures::png(2)).await;
    succeeded(&app.command(&["verify"]));
}

/// The current program reads a backup of an earlier version, and writes the same bytes again.
#[test]
fn a_backup_of_the_first_format_is_restored_with_its_places_and_hashes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/backup-v1");
    let log = |folder: &Path| fs::read_to_string(folder.join("log.ndjson")).unwrap();
    let manifest = fs::read_to_string(golden.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let head = manifest["hash"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (data, again) = (folder.path().join("data"), folder.path().join("again"));
    let photolog = |command: &[&str]| {
        let photolog = Command::new(program("photolog"))
            .args(["--data-dir", path(&data)])
            .args(command)
            .output();
        succeeded(&photolog.unwrap())
    };
    let restored = photolog(&["restore", path(&golden)]);
    assert!(restored.trim_end().ends_with(head), "{restored}");
    let verified = photolog(&["verify"]);
    assert!(verified.contains(head), "{verified}");
    photolog(&["backup", path(&again)]);
    assert_eq!(log(&again), log(&golden));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_on_where_the_last_one_ended_also_under_writes() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let (backup, fresh) = (folder.path().join("backup"), folder.path().join("fresh"));
    succeeded(&app.command(&["backup", path(&backup)]));

    // Cut off: half a line, and no mark of completion.
    let log = backup.join("log.ndjson");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 10]).unwrap();
    fs::remove_file(backup.join("manifest.json")).unwrap();
    let elsewhere = folder.path().join("data");
    let unfinished = app.command(&["--data-dir", path(&elsewhere), "restore", path(&backup)]);
    assert!(failed(&unfinished).contains("no finished backup"));

    let images = app.list().await;
    let image = images[0]["imageID"].as_str().unwrap().to_owned();
    let write = async {
        for text in 0..40 {
            let text = format!("text {text}");
            assert!(app.set_alt_text(&image, &text).await.status().is_success());
        }
    };
    let command = tokio::task::block_in_place;
    let ((), taken) = tokio::join!(write, async {
        let mut taken = Vec::new();
        for _ in 0..5 {
            taken.push(command(|| app.command(&["backup", path(&backup)])));
            tokio::task::yield_now().await;
        }
        taken
    });
    for output in &taken {
        succeeded(output);
    }
    succeeded(&app.command(&["backup", path(&backup)]));
    succeeded(&app.command(&["backup", path(&fresh)]));
    assert!(fs::read(&log).unwrap() == fs::read(fresh.join("log.ndjson")).unwrap());
    let manifest = |folder: &Path| fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert_eq!(manifest(&backup), manifest(&fresh));
}

#[tokio::test]
async fn a_backup_goes_from_sqlite_to_postgres_and_back() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let cluster = Cluster::start();
    let database = cluster.new_database().await;
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (data, back) = (place("data"), place("back"));
    let master_key = app.data_dir().join("master.key");
    let settings = [
        ["--database-url", &database],
        ["--data-dir", path(&data)],
        ["--master-key-file", path(&master_key)],
    ]
    .concat();
    let on_postgres = |command: &[&str]| app.command(&[&settings, command].concat());
    with_the_master_key_of(&app.data_dir(), &back);
    let on_sqlite =
        |command: &[&str]| app.command(&[&["--data-dir", path(&back)], command].concat());
    succeeded(&app.command(&["backup", path(&place("first"))]));
    succeeded(&on_postgres(&["restore", path(&place("first"))]));
    succeeded(&on_postgres(&["verify"]));
    // The sequencer continues after the restored events, and its chain holds.
    succeeded(&on_postgres(&["key", "issue", &app.account]));
    assert!(succeeded(&on_postgres(&["verify"])).contains("a projector gives them: 1"));
    let mut projector = Command::new(program("photolog"))
        .args(&settings)
        .arg("projector")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !succeeded(&on_postgres(&["verify"])).contains("11 events") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    projector.kill().unwrap();
    projector.wait().unwrap();
    assert!(failed(&on_postgres(&["restore", path(&place("first"))])).contains("holds events"));
    succeeded(&on_postgres(&["gc", "--dry-run"]));

    succeeded(&on_postgres(&["backup", path(&place("second"))]));
    let log = |name: &str| fs::read_to_string(place(name).join("log.ndjson")).unwrap();
    let (first, second) = (log("first"), log("second"));
    assert_eq!(second.lines().count(), 11);
    assert!(second.starts_with(&first));
    succeeded(&on_sqlite(&["restore", path(&place("second"))]));
    succeeded(&on_sqlite(&["verify"]));
}

#[tokio::test]
async fn what_is_damaged_or_not_empty_is_refused_and_changes_nothing() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", path(&backup)]));
    let occupied = app.command(&["restore", path(&backup)]);
    assert!(failed(&occupied).contains("already holds events"));
    let stranger = TestApp::spawn().await;
    let other = stranger.command(&["backup", path(&backup)]);
    assert!(failed(&other).contains("another log"));

    let elsewhere = folder.path().join("data");
    with_the_master_key_of(&app.data_dir(), &elsewhere);
    let restore = || app.command(&["--data-dir", path(&elsewhere), "restore", path(&backup)]);
    let log = backup.join("log.ndjson");
    let whole = fs::read_to_string(&log).unwrap();
    let (changed, line) = (whole.replacen("two", "too", 1), "line 5");
    assert_ne!(changed, whole);
    fs::write(&log, changed).unwrap();
    let said = failed(&restore());
    assert!(said.contains(line) && said.contains("hash chain"), "{said}");

    // The last event is missing.
    let shorter = whole.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&log, &whole[..shorter]).unwrap();
    assert!(failed(&restore()).contains("no finished backup"));

    fs::write(&log, &whole).unwrap();
    let blob = files_below(&backup.join("blobs")).pop().unwrap();
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, b"other bytes").unwrap();
    assert!(failed(&restore()).contains("is damaged"));
    fs::remove_file(&blob).unwrap();
    assert!(failed(&restore()).contains("is missing"));
    let accounts = app.command(&["--data-dir", path(&elsewhere), "account", "list"]);
    assert_eq!(succeeded(&accounts), "");

    fs::write(&blob, bytes).unwrap();
    succeeded(&restore());
    succeeded(&app.command(&["--data-dir", path(&elsewhere), "verify"]));
}

/// All files in a folder and the folders in it.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .flat_map(|entry| {
            if entry.file_type().unwrap().is_dir() {
                files_below(&entry.path())
            } else {
                vec![entry.path()]
            }
        })
        .collect()
}

#[tokio::test]
async fn a_picture_that_is_cut_short_in_a_backup_is_copied_again() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", path(&backup)]));
    let picture = files_below(&backup.join("blobs")).pop().unwrap();
    fs::write(&picture, b"cut").unwrap();
    succeeded(&app.command(&["backup", path(&backup)]));
    succeeded(&app.command(&["verify", "--backup", path(&backup)]));
}

#[tokio::test]
async fn a_damaged_secret_is_reported_and_costs_its_own_key_alone() {
    let mut app = TestApp::spawn().await;
    some_history(&app).await;
    let (damaged, _) = app.issue_key("images.read");
    let database = app.data_dir().join("photolog.sqlite");
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.unwrap();
    let sql = format!("UPDATE secrets SET wrapped = x'00' WHERE name = 'key/{damaged}'");
    connection.execute(sql.as_str()).await.unwrap();
    connection.close().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let said = succeeded(&app.command(&["backup", path(&backup)]));
    assert!(said.contains(&format!("warning: the secret key/{damaged}")));
    let verified = app.command(&["verify", "--backup", path(&backup)]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stdout).contains(&damaged));

    let lost = lose_everything(&mut app);
    let said = succeeded(&app.command(&["restore", path(&backup)]));
    for file in ["address", "credentials.json"] {
        fs::copy(lost.join(file), app.data_dir().join(file)).unwrap();
    }
    assert!(
        said.contains(&format!("no secret of key {damaged}")),
        "{said}"
    );
    app.restart().await;
    assert_eq!(app.get("/images").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_backup_has_a_folder_of_its_own() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let data = app.data_dir();
    let before = files_below(&data.join("blobs"));
    for inside in [data.clone(), data.join("blobs"), data.join("blobs/more")] {
        let said = failed(&app.command(&["backup", path(&inside)]));
        assert!(said.contains("a folder of its own"), "{said}");
    }
    assert_eq!(files_below(&data.join("blobs")), before);

    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", path(&backup)]));
    let restore = ["--data-dir", path(&backup), "restore", path(&backup)];
    assert!(failed(&app.command(&restore)).contains("a folder of its own"));
    assert!(!backup.join("photolog.sqlite").exists());
}

/// Without a projector, events have no position in the log, and so are not in a backup.
#[tokio::test]
async fn a_backup_says_that_it_lacks_events() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let (url, key) = (cluster.new_database().await, folder.path().join("key"));
    let photolog = |arguments: &[&str]| {
        Command::new(program("photolog"))
            .args(["--data-dir", path(&folder.path().join("data"))])
            .args(arguments)
            .env("PHOTOLOG_DATABASE_URL", &url)
            .env("PHOTOLOG_MASTER_KEY_FILE", &key)
            .output()
            .unwrap()
    };
    succeeded(&photolog(&["master-key", "create"]));
    succeeded(&photolog(&["account", "create", "shop"]));
    let backup = folder.path().join("backup");
    let said = failed(&photolog(&["backup", path(&backup)]));
    assert!(said.contains("start a projector"), "{said}");
}
