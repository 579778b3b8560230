//! `photolog verify`: its report, its exit status, and that it changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use photolog_tests::{TestApp, pictures};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use crate::archive::{some_history, succeeded};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The output of a command that must end with this code.
fn ended_with(code: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Every file and folder below: its mode, and the content of files.
fn all_below(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            let content = about.is_file().then(|| fs::read(&path).unwrap());
            if about.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (about.permissions().mode(), content));
        }
    }
    found
}

async fn tamper(app: &TestApp, sql: &str) {
    let options = SqliteConnectOptions::new().filename(app.data_dir().join("photolog.sqlite"));
    let mut connection = options.connect().await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn an_installation_stays_as_it_is_whether_served_killed_stopped_or_copied() {
    let mut app = TestApp::spawn().await;
    some_history(&app).await;
    let head = |said: String| said.lines().next().unwrap().to_owned();
    let served = head(succeeded(&app.command(&["verify"])));
    assert!(served.starts_with("head 10:"), "{served}");

    app.kill();
    // Other users may read it, and verify does not change that.
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(app.data_dir().join("credentials.json"), open).unwrap();
    fs::remove_dir_all(app.data_dir().join("blobs/incoming")).unwrap();
    let without_index = |folder: &Path| {
        let mut all = all_below(folder);
        all.remove(&folder.join("photolog.sqlite-shm"));
        all
    };
    let killed = without_index(&app.data_dir());
    assert!(killed.contains_key(&app.data_dir().join("photolog.sqlite-wal")));
    assert_eq!(head(succeeded(&app.command(&["verify"]))), served);
    assert_eq!(without_index(&app.data_dir()), killed);

    // A copy without SQLite's shared memory: what is in the write-ahead log counts.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    copy_folder(&app.data_dir(), &copy);
    fs::remove_file(copy.join("photolog.sqlite-shm")).unwrap();
    let before = all_below(&copy);
    let verified = app.command(&["--data-dir", text(&copy), "verify", "--deep"]);
    assert_eq!(head(succeeded(&verified)), served);
    assert_eq!(all_below(&copy), before);

    // A server that is just starting has a write-ahead log without a commit; so may a copy.
    let wal = copy.join("photolog.sqlite-wal");
    let whole = fs::read(&wal).unwrap();
    for without_commit in [&[][..], &[7; 4_000], &whole[..32]] {
        fs::write(&wal, without_commit).unwrap();
        let before = all_below(&copy);
        let verified = app.command(&["--data-dir", text(&copy), "verify"]);
        assert!(verified.status.code().is_some(), "{verified:?}");
        assert_eq!(all_below(&copy), before);
    }

    app.restart().await;
    app.ask_to_stop();
    assert!(app.ended().await.success());
    let stopped = all_below(&app.data_dir());
    assert!(!stopped.contains_key(&app.data_dir().join("photolog.sqlite-wal")));
    assert_eq!(head(succeeded(&app.command(&["verify"]))), served);
    assert_eq!(all_below(&app.data_dir()), stopped);
}

#[tokio::test]
async fn the_end_says_whether_all_is_well_something_is_wrong_or_nobody_knows() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap();
    let json = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let sound = app.command(&["verify", "--format", "json"]);
    ended_with(0, &sound);
    let sound = json(&sound);
    assert_eq!(sound["checked"]["events"], 3);
    assert_eq!(sound["findings"], serde_json::json!([]));
    let head = sound["head"].as_str().unwrap().to_owned();

    // The log still contains an earlier head.
    app.uploaded(pictures::png(2)).await;
    ended_with(0, &app.command(&["verify", "--expect", &head]));
    let longer = head.replacen("3:", "1000:", 1);
    let said = ended_with(1, &app.command(&["verify", "--expect", &longer]));
    assert!(said.contains("before the noted head"), "{said}");
    let other = format!("3:{}", "ab".repeat(32));
    let said = ended_with(1, &app.command(&["verify", "--expect", &other]));
    assert!(
        said.contains("the log was rewritten: at position 3"),
        "{said}"
    );
    let said = ended_with(2, &app.command(&["verify", "--expect", "3"]));
    assert!(said.contains("a head is POSITION:HASH"), "{said}");

    tamper(
        &app,
        "UPDATE image_view SET public_id = 'x' || public_id WHERE created_position = 3",
    )
    .await;
    let said = ended_with(1, &app.command(&["verify"]));
    let sentence =
        format!("wrong: the image view has another row for {image}: run `photolog rebuild`");
    assert!(said.contains(&sentence), "{said}");
    assert!(said.contains("expected: public_id = "), "{said}");
    assert!(said.contains("1 thing is not as it should be"), "{said}");
    let wrong = app.command(&["verify", "--format", "json"]);
    ended_with(1, &wrong);
    let finding = &json(&wrong)["findings"][0];
    assert_eq!(
        (&finding["kind"], &finding["subject"]),
        (&"image_view".into(), &image.into())
    );
    succeeded(&app.command(&["rebuild"]));
    ended_with(0, &app.command(&["verify"]));

    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let said = ended_with(2, &app.command(&["--data-dir", text(&nowhere), "verify"]));
    assert!(
        said.contains(&format!("no installation in {}", nowhere.display())),
        "{said}"
    );
    assert!(!nowhere.exists());
    tamper(&app, "PRAGMA user_version = 1").await;
    let said = ended_with(2, &app.command(&["verify"]));
    assert!(said.contains("photolog migrate"), "{said}");
}

#[tokio::test]
async fn an_event_that_another_program_would_insert_is_refused_and_nothing_stops() {
    let app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png(1)).await;
    let image = image["imageID"].as_str().unwrap();
    let insert = "INSERT INTO events SELECT aggregate_type, aggregate_id, 2, event_type,
        event_version, payload, metadata FROM events WHERE aggregate_type = 'Image'";
    let options = SqliteConnectOptions::new().filename(app.data_dir().join("photolog.sqlite"));
    let mut connection = options.connect().await.unwrap();
    let refused = connection.execute(insert).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("takes its place in event_log first"),
        "{refused}"
    );

    // As if it had been written before the database refused such rows.
    let refusal = "SELECT sql FROM sqlite_master WHERE name = 'events_have_a_place'";
    let refusal: String = sqlx::query_scalar(refusal)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    for statement in ["DROP TRIGGER events_have_a_place", insert, &refusal] {
        connection.execute(statement).await.unwrap();
    }
    let history = app.get(&format!("/images/{image}/history")).await;
    let history: Value = history.json().await.unwrap();
    assert!(!history.to_string().contains("\"version\":2"), "{history}");
    let said = ended_with(1, &app.command(&["verify"]));
    assert!(
        said.contains("has no place in the log: another program wrote it"),
        "{said}"
    );

    assert!(app.set_alt_text(image, "one").await.status().is_success());
    app.uploaded(pictures::png(2)).await;
    assert_eq!(app.list().await.len(), 2);
    ended_with(0, &app.command(&["verify"]));
}

#[tokio::test]
async fn a_backup_is_checked_where_it_lies() {
    let app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", text(&backup)]));
    let verify = || app.command(&["verify", "--backup", text(&backup)]);
    let before = all_below(&backup);
    let said = ended_with(0, &verify());
    assert!(said.contains("10 events, 3 images"), "{said}");
    assert_eq!(all_below(&backup), before);
    let head = said
        .lines()
        .next()
        .unwrap()
        .trim_start_matches("head ")
        .to_owned();
    succeeded(&app.command(&["verify", "--expect", &head]));

    let log = backup.join("log.ndjson");
    let sound = fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = sound.lines().collect();
    let changed = sound.replacen("two", "too", 1);
    assert!(changed != sound);
    for (what, damaged, wanted) in [
        ("changed", changed, "the chain of hashes breaks"),
        (
            "cut off",
            lines[..9].join("\n") + "\n",
            "its manifest promises",
        ),
        ("no JSON", sound.replacen('{', "(", 1), "line 1"),
    ] {
        fs::write(&log, damaged).unwrap();
        let said = ended_with(1, &verify());
        assert!(said.contains(wanted), "{what}: {said}");
    }
    fs::write(&log, &sound).unwrap();

    let blob = before.keys().find(|path| {
        let name = path.file_name().unwrap();
        path.is_file() && name.len() == 64
    });
    let blob = blob.unwrap();
    let bytes = fs::read(blob).unwrap();
    fs::write(blob, &bytes[1..]).unwrap();
    assert!(ended_with(1, &verify()).contains("is damaged"));
    fs::remove_file(blob).unwrap();
    assert!(ended_with(1, &verify()).contains("is missing"));
    fs::write(blob, bytes).unwrap();

    fs::write(backup.join("secrets.json"), "{").unwrap();
    assert!(ended_with(1, &verify()).contains("secrets.json cannot be read"));
    fs::remove_file(backup.join("secrets.json")).unwrap();
    assert!(ended_with(0, &verify()).contains("holds no secrets"));
    fs::remove_file(backup.join("manifest.json")).unwrap();
    assert!(ended_with(2, &verify()).contains("holds no finished backup"));
}

#[tokio::test]
async fn a_damaged_cached_rendition_is_found_and_made_again() {
    let mut app = TestApp::spawn().await;
    let image = app.uploaded(pictures::png_of(300, 200, 1)).await;
    let link = image["publicID"].as_str().unwrap();
    let look = async |app: &TestApp| {
        let answer = app.public(link, "?size=90x60", None).await;
        answer.bytes().await.unwrap()
    };
    let picture = look(&app).await;
    let renditions = app.data_dir().join("renditions");
    let file = all_below(&renditions)
        .into_keys()
        .find(|path| text(path).contains("-90x60-"));
    let file = file.expect("a cached rendition");
    succeeded(&app.command(&["verify", "--deep"]));

    // Cached data is not read again.
    app.kill();
    let mut damaged = fs::read(&file).unwrap();
    damaged[picture.len() / 2] ^= 1;
    fs::write(&file, &damaged).unwrap();
    let said = ended_with(1, &app.command(&["verify"]));
    assert!(
        said.contains("-90x60-") && said.contains("is damaged"),
        "{said}"
    );
    app.restart().await;
    assert_eq!(look(&app).await, picture);
    succeeded(&app.command(&["verify", "--deep"]));

    // A forged file with a valid digest is found by rendering it again.
    let name = file
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".sealed");
    let false_picture = &damaged[..picture.len()];
    let sequence = Sha256::digest([name.as_bytes(), &[0], false_picture].concat());
    fs::write(&file, [false_picture, &sequence].concat()).unwrap();
    succeeded(&app.command(&["verify"]));
    let said = ended_with(1, &app.command(&["verify", "--deep"]));
    assert!(
        said.contains("is not what the renderer makes of its master"),
        "{said}"
    );
}
