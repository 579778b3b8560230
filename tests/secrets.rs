//! Secrets: who can read the stored files, what a backup contains, and what a thief of either can
//! do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use md5::Md5;
use photolog_tests::postgres::Cluster;
use photolog_tests::process::{PATIENCE, Process, program};
use photolog_tests::scaled::Scaled;
use photolog_tests::{TestApp, pictures};
use reqwest::{Method, StatusCode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::archive::{failed, files_below, some_history, succeeded};

/// Key id and secret of the key in `golden/backup-v1`.
const OLD_KEY: &str = "plk_abcdefghijklmnop";
const OLD_ACCOUNT: &str = "0190f7c2-1111-7aaa-8bbb-123456789abc";

fn old_secret() -> String {
    format!("pls_{}", "c0ffee00".repeat(8))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything below a folder, with the folder itself.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(all_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

fn belongs_to_its_owner_alone(folder: &Path, least: usize) {
    let found = all_below(folder);
    assert!(found.len() >= least, "{found:?}");
    for path in found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

/// A secret as bytes, and in hexadecimal and base64.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        STANDARD.encode(secret).into_bytes(),
        URL_SAFE_NO_PAD.encode(secret).into_bytes(),
    ]
}

/// Everything that allows acting as a key: its secret, the two verifiers, and their inputs.
fn secrets_of(secret: &str) -> Vec<Vec<u8>> {
    let made = [
        secret.as_bytes().to_vec(),
        secret.trim_start_matches("pls_").as_bytes().to_vec(),
        Sha256::digest(secret).to_vec(),
        Sha1::digest(secret).to_vec(),
    ];
    made.iter().flat_map(|secret| forms(secret)).collect()
}

fn holds(content: &[u8], secret: &[u8]) -> bool {
    content.windows(secret.len()).any(|part| part == secret)
}

fn sign(secret: &str, method: &str, target: &str, date: &str) -> String {
    let body: String = Md5::digest(b"")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{method}\n{body}\n\n{date}\n{target}").as_bytes());
    let signature = mac.finalize().into_bytes();
    signature.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Uploadcare's list of files, by a signed request.
async fn signed(app: &TestApp, key: &str, secret: &str) -> (StatusCode, String) {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::OffsetDateTime::now_utc().format(format).unwrap();
    let signature = sign(secret, "GET", "/files/", &date);
    uploadcare(app, &format!("Uploadcare {key}:{signature}"), Some(&date)).await
}

async fn uploadcare(app: &TestApp, credentials: &str, date: Option<&str>) -> (StatusCode, String) {
    let mut request = app
        .client
        .get(format!("{}/files/", app.url))
        .header("accept", "application/vnd.uploadcare-v0.7+json")
        .header("authorization", credentials);
    if let Some(date) = date {
        request = request.header("date", date);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn basic(app: &TestApp, account: &str, key: &str, secret: &str) -> StatusCode {
    let url = format!("{}/accounts/{account}/images", app.url);
    let request = app.client.get(url).basic_auth(key, Some(secret));
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn what_is_kept_is_its_owners_alone_whatever_the_umask() {
    for umask in ["0000", "0777"] {
        let folder = tempfile::tempdir().unwrap();
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        let settings = [
            ("PHOTOLOG_LISTEN", "127.0.0.1:0".to_owned()),
            ("PHOTOLOG_DATA_DIR", data.display().to_string()),
            ("PROGRAM", program("photolog").display().to_string()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        let start = format!("umask {umask}; exec \"$PROGRAM\"");
        let shell = PathBuf::from("/bin/sh");
        let _process = Process::start_program(shell, &["-c", &start], settings.into(), log);
        let address = wait_for(&data.join("address")).await;
        let credentials: serde_json::Value =
            serde_json::from_slice(&fs::read(data.join("credentials.json")).unwrap()).unwrap();
        let member = |name: &str| credentials[name].as_str().unwrap().to_owned();
        let images = format!("http://{address}/accounts/{}/images", member("accountID"));
        let client = photolog_tests::client();
        let part = reqwest::multipart::Part::bytes(pictures::png(1)).file_name("p");
        let uploaded = client
            .post(images)
            .basic_auth(member("keyID"), Some(member("keySecret")))
            .multipart(reqwest::multipart::Form::new().part("image", part))
            .send()
            .await
            .unwrap();
        assert_eq!(uploaded.status(), StatusCode::CREATED);
        let image: serde_json::Value = uploaded.json().await.unwrap();
        let link = image["link"].as_str().unwrap();
        let shown = client.get(link).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK);

        let backup = folder.path().join("backup");
        let run = format!("umask {umask}; exec \"$PROGRAM\" backup \"$0\"");
        let output = Command::new("/bin/sh")
            .args(["-c", &run, text(&backup)])
            .env("PHOTOLOG_DATA_DIR", &data)
            .env("PROGRAM", program("photolog"))
            .output()
            .unwrap();
        succeeded(&output);
        // The database and two files beside it, key, credentials, curl's file, address, pictures.
        belongs_to_its_owner_alone(&data, 14);
        belongs_to_its_owner_alone(&backup, 6);
    }
}

async fn wait_for(file: &Path) -> String {
    let began = Instant::now();
    loop {
        match fs::read_to_string(file) {
            Ok(content) if !content.is_empty() => return content,
            _ => assert!(began.elapsed() < PATIENCE, "{}", file.display()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_was_open_to_others_is_closed_at_start_and_by_a_backup() {
    let mut app = TestApp::spawn().await;
    app.uploaded(pictures::png(1)).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", text(&backup)]));
    app.kill();
    for path in [all_below(&app.data_dir()), all_below(&backup)].concat() {
        let open = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(open)).unwrap();
    }
    app.restart().await;
    belongs_to_its_owner_alone(&app.data_dir(), 10);
    succeeded(&app.command(&["backup", text(&backup)]));
    belongs_to_its_owner_alone(&backup, 6);
}

#[tokio::test]
async fn neither_database_nor_backup_nor_output_holds_a_secret() {
    let mut app = TestApp::with([("PHOTOLOG_LOG", "trace,photolog_api::http=trace")]).await;
    some_history(&app).await;
    let (key, secret) = app.issue_key("images.read");
    assert_eq!(
        basic(&app, &app.account, &key, &secret).await,
        StatusCode::OK
    );
    assert_eq!(signed(&app, &key, &secret).await.0, StatusCode::OK);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let output = app.command(&["backup", text(&backup)]);
    succeeded(&output);
    let log = app.log();
    app.kill();

    let master_key = fs::read_to_string(app.data_dir().join("master.key")).unwrap();
    let master_key = master_key.trim().to_owned();
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&master_key[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let secrets = [
        secrets_of(&app.key.1),
        secrets_of(&secret),
        forms(&bytes),
        vec![master_key.into_bytes()],
    ]
    .concat();
    let kept = ["credentials.json", "curl.conf", "master.key"];
    let mut places: Vec<_> = files_below(&app.data_dir())
        .into_iter()
        .filter(|path| !kept.contains(&text(path.file_name().unwrap().as_ref())))
        .chain(files_below(&backup))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push(("the output".to_owned(), output.stdout));
    assert!(
        places
            .iter()
            .any(|(name, _)| name.ends_with("secrets.json"))
    );
    assert!(
        places
            .iter()
            .any(|(name, _)| name.ends_with("photolog.sqlite"))
    );
    for (name, content) in &places {
        for secret in &secrets {
            assert!(!holds(content, secret), "{name} holds {secret:?}");
        }
    }
    let manifest = fs::read_to_string(backup.join("log.ndjson")).unwrap();
    assert!(manifest.contains("verifier_hashes"));
}

#[tokio::test]
async fn keys_work_after_a_restore_with_their_master_key_and_not_without() {
    let mut app = TestApp::spawn().await;
    some_history(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    succeeded(&app.command(&["backup", text(&backup)]));
    assert_eq!(mode(&backup.join("secrets.json")), 0o600);
    app.kill();
    let (account, (key, secret)) = (app.account.clone(), app.key.clone());

    // As on another machine, first with and then without the first one's master key.
    let kept = ["credentials.json", "address"];
    for with_key in [true, false] {
        let lost = app.data_dir().with_extension(format!("lost-{with_key}"));
        fs::rename(app.data_dir(), &lost).unwrap();
        fs::create_dir(app.data_dir()).unwrap();
        let copied = if with_key { &["master.key"][..] } else { &[] };
        for file in copied {
            fs::copy(lost.join(file), app.data_dir().join(file)).unwrap();
        }
        let said = succeeded(&app.command(&["restore", text(&backup)]));
        assert_eq!(said.contains("keys work as before"), with_key, "{said}");
        assert_eq!(said.contains("must be reissued"), !with_key, "{said}");
        for file in kept {
            fs::copy(lost.join(file), app.data_dir().join(file)).unwrap();
        }
        app.restart().await;
        let expected = if with_key { 200 } else { 401 };
        assert_eq!(basic(&app, &account, &key, &secret).await, expected);
        assert_eq!(signed(&app, &key, &secret).await.0, expected);
        let verified = app.command(&["verify"]);
        assert_eq!(verified.status.success(), with_key, "{verified:?}");
        if !with_key {
            let (key, secret) = app.issue_key("images.read");
            assert_eq!(basic(&app, &account, &key, &secret).await, StatusCode::OK);
        }
        app.kill();
    }
}

#[tokio::test]
async fn a_backup_forgets_revoked_keys_and_leaves_secrets_out_on_demand() {
    let app = TestApp::spawn().await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let secrets = backup.join("secrets.json");
    let (key, _) = app.issue_key("images.read");
    succeeded(&app.command(&["backup", text(&backup)]));
    assert!(fs::read_to_string(&secrets).unwrap().contains(&key));
    succeeded(&app.command(&["key", "revoke", &app.account, &key]));
    succeeded(&app.command(&["backup", text(&backup)]));
    assert!(!fs::read_to_string(&secrets).unwrap().contains(&key));
    let said = succeeded(&app.command(&["backup", text(&backup), "--without-secrets"]));
    assert!(said.contains("must be reissued"), "{said}");
    assert!(!secrets.exists());

    let elsewhere = folder.path().join("data");
    let restored = app.command(&["--data-dir", text(&elsewhere), "restore", text(&backup)]);
    assert!(succeeded(&restored).contains("holds no secrets"));
}

#[tokio::test]
async fn a_key_of_an_old_backup_works_but_its_signatures_do_not() {
    let mut app = TestApp::spawn().await;
    app.kill();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/backup-v1");
    let kept = fs::read(app.data_dir().join("credentials.json")).unwrap();
    let address = fs::read(app.data_dir().join("address")).unwrap();
    fs::remove_dir_all(app.data_dir()).unwrap();
    let restored = succeeded(&app.command(&["restore", text(&golden)]));
    assert!(restored.contains("2 events"), "{restored}");
    succeeded(&app.command(&["verify"]));
    fs::write(app.data_dir().join("credentials.json"), kept).unwrap();
    fs::write(app.data_dir().join("address"), address).unwrap();
    app.restart().await;

    let secret = old_secret();
    let works = basic(&app, OLD_ACCOUNT, OLD_KEY, &secret).await;
    assert_eq!(works, StatusCode::OK);
    let simple = format!("Uploadcare.Simple {OLD_KEY}:{secret}");
    assert_eq!(uploadcare(&app, &simple, None).await.0, StatusCode::OK);
    let (status, said) = signed(&app, OLD_KEY, &secret).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(said.contains("reissue this key"), "{said}");
    let (status, said) = signed(&app, OLD_KEY, &secret.replace("c0", "c1")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(!said.contains("reissue"), "{said}");
    let login = serde_json::json!({"auth": {"identity": {"methods": ["password"], "password":
        {"user": {"id": OLD_KEY, "password": secret}}}}});
    let login = app
        .client
        .post(format!("{}/v3/auth/tokens", app.url))
        .json(&login)
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_master_key_is_rotated_at_any_moment_of_a_kill() {
    let mut app = TestApp::spawn().await;
    let file = app.data_dir().join("master.key");
    let before = fs::read_to_string(&file).unwrap();
    let said = succeeded(&app.command(&["master-key", "rotate"]));
    assert!(said.contains("2 secrets"), "{said}");
    let after = fs::read_to_string(&file).unwrap();
    assert_ne!(before, after);
    assert_eq!((after.len(), mode(&file)), (before.len(), 0o600));
    // The running program reads the new one by itself.
    assert_eq!(app.get("/images").await.status(), StatusCode::OK);

    for round in 0..40 {
        let mut rotation = Command::new(program("photolog"))
            .args(["master-key", "rotate"])
            .env("PHOTOLOG_DATA_DIR", app.data_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        rotation.kill().unwrap();
        rotation.wait().unwrap();
        assert_eq!(app.get("/images").await.status(), StatusCode::OK, "{round}");
    }
    app.kill();
    app.restart().await;
    assert_eq!(app.get("/images").await.status(), StatusCode::OK);
    succeeded(&app.command(&["master-key", "rotate"]));
    succeeded(&app.command(&["verify"]));
}

#[tokio::test]
async fn a_node_with_another_master_key_does_not_start() {
    let mut app = TestApp::spawn().await;
    app.kill();
    let file = app.data_dir().join("master.key");
    let own = fs::read(&file).unwrap();
    let run = |arguments: &[&str]| failed(&app.command(arguments));
    fs::write(&file, "ab".repeat(32)).unwrap();
    assert!(run(&["verify"]).contains("is not the master key of this installation"));
    fs::write(&file, "ab").unwrap();
    assert!(run(&["verify"]).contains("64 hexadecimal digits"));
    fs::remove_file(&file).unwrap();
    assert!(run(&["verify"]).contains("is missing"));
    assert!(!file.exists());
    fs::write(&file, own).unwrap();
    succeeded(&app.command(&["verify"]));
}

#[tokio::test]
async fn nodes_over_one_database_share_a_master_key_and_rotate_it_without_a_pause() {
    let cluster = Cluster::start();
    let database = cluster.new_database().await;
    let folder = tempfile::tempdir().unwrap();
    let node = |name: &str, key: Option<&Path>, arguments: &[&str]| -> Output {
        let mut command = Command::new(program("photolog"));
        command
            .args(arguments)
            .env("PHOTOLOG_DATABASE_URL", &database)
            .env("PHOTOLOG_DATA_DIR", folder.path().join(name));
        if let Some(key) = key {
            command.env("PHOTOLOG_MASTER_KEY_FILE", key);
        }
        command.output().unwrap()
    };
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let list = ["account", "list"];
    assert!(failed(&node("a", None, &list)).contains("--master-key-file is missing"));
    let unmade = failed(&node("a", Some(&first), &["migrate"]));
    assert!(
        unmade.contains("--master-key-file") && unmade.contains("is missing"),
        "{unmade}"
    );
    assert!(!first.exists());
    succeeded(&node("a", Some(&first), &["master-key", "create"]));
    let made = fs::read(&first).unwrap();
    succeeded(&node("a", Some(&first), &["master-key", "create"]));
    assert_eq!(
        (fs::read(&first).unwrap(), mode(&first)),
        (made.clone(), 0o600)
    );
    succeeded(&node("a", Some(&first), &["account", "create", "shop"]));
    fs::write(&second, "ab".repeat(32)).unwrap();
    let stranger = failed(&node("b", Some(&second), &list));
    assert!(stranger.contains("--master-key-file") && stranger.contains("not the master key"));

    fs::write(&second, &made).unwrap();
    let unprepared = failed(&node("a", Some(&first), &["master-key", "rotate"]));
    assert!(unprepared.contains("master-key prepare"), "{unprepared}");
    succeeded(&node("a", Some(&first), &["master-key", "prepare"]));
    fs::copy(&first, &second).unwrap();
    succeeded(&node("a", Some(&first), &["master-key", "rotate"]));
    for key in [&first, &second] {
        succeeded(&node("b", Some(key), &["verify"]));
    }
    // The files left on the second node are not taken for a prepared rotation.
    assert!(failed(&node("b", Some(&second), &["master-key", "rotate"])).contains("prepare"));
    fs::write(&second, made).unwrap();
    assert!(failed(&node("b", Some(&second), &list)).contains("not the master key"));
}

/// A backup of an installation with two pictures.
async fn a_backup(folder: &Path) -> (TestApp, PathBuf) {
    let app = TestApp::spawn().await;
    app.uploaded(pictures::png(1)).await;
    let backup = folder.join("backup");
    succeeded(&app.command(&["backup", text(&backup)]));
    (app, backup)
}

#[tokio::test]
async fn a_backup_is_restored_from_where_nothing_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = a_backup(folder.path()).await;
    fs::remove_dir_all(backup.join("blobs/incoming")).unwrap();
    let before = all_below(&backup);
    for path in &before {
        let closed = if path.is_dir() { 0o500 } else { 0o400 };
        fs::set_permissions(path, Permissions::from_mode(closed)).unwrap();
    }
    let elsewhere = folder.path().join("data");
    let restored = app.command(&["--data-dir", text(&elsewhere), "restore", text(&backup)]);
    succeeded(&restored);
    assert_eq!(all_below(&backup), before);
    assert_eq!(mode(&backup), 0o500);
}

#[tokio::test]
async fn links_and_pipes_in_a_backup_are_refused_and_what_they_lead_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (app, backup) = a_backup(folder.path()).await;
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    let old = fs::File::create(precious.join(uuid_like())).unwrap();
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    old.set_modified(yesterday).unwrap();
    let there = || all_below(&precious).len();
    let elsewhere = folder.path().join("data");
    let restore = || {
        let output = app.command(&["--data-dir", text(&elsewhere), "restore", text(&backup)]);
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let back_up = || app.command(&["backup", text(&backup)]);

    // Where uploads to the backup are staged.
    let incoming = backup.join("blobs/incoming");
    fs::remove_dir_all(&incoming).unwrap();
    symlink(&precious, &incoming).unwrap();
    assert!(failed(&back_up()).contains("is a link"));
    fs::remove_file(&incoming).unwrap();

    let blob = files_below(&backup.join("blobs")).pop().unwrap();
    let (bytes, inner) = (fs::read(&blob).unwrap(), blob.parent().unwrap());
    let copy = folder.path().join("copy");
    fs::write(&copy, &bytes).unwrap();
    fs::remove_file(&blob).unwrap();
    symlink(&copy, &blob).unwrap();
    let (restored, said) = restore();
    assert!(!restored && said.contains("is damaged"), "{said}");
    fs::remove_file(&blob).unwrap();

    let made = Command::new("mkfifo").arg(&blob).status().unwrap();
    assert!(made.success());
    let began = Instant::now();
    let (restored, said) = restore();
    assert!(!restored && said.contains("is damaged"), "{said}");
    assert!(began.elapsed() < PATIENCE);
    fs::remove_file(&blob).unwrap();

    fs::write(precious.join(blob.file_name().unwrap()), &bytes).unwrap();
    fs::remove_dir(inner).unwrap();
    symlink(&precious, inner).unwrap();
    let (restored, said) = restore();
    assert!(!restored && said.contains("is missing"), "{said}");
    // A backup does not write through it either.
    assert!(!back_up().status.success());
    fs::remove_file(inner).unwrap();
    fs::create_dir(inner).unwrap();
    fs::write(&blob, &bytes).unwrap();

    for file in ["log.ndjson", "manifest.json", "secrets.json"] {
        let path = backup.join(file);
        let moved = precious.join(file);
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        let (restored, said) = restore();
        assert!(!restored && said.contains(file), "{said}");
        fs::remove_file(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
    }
    assert_eq!(there(), 3);
    assert!(restore().0);
}

/// The name of an upload in progress.
fn uuid_like() -> &'static str {
    "0190f7c2-1111-7aaa-8bbb-123456789abc"
}

#[tokio::test]
async fn files_of_the_data_folder_are_not_written_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    for file in ["credentials.json", "curl.conf", "address"] {
        symlink(&target, data.join(file)).unwrap();
    }
    let settings = [
        ("PHOTOLOG_LISTEN", "127.0.0.1:0".to_owned()),
        ("PHOTOLOG_DATA_DIR", data.display().to_string()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let log = folder.path().join("log");
    let _process = Process::start("photolog", &[], settings.into(), log);
    let began = Instant::now();
    while fs::symlink_metadata(data.join("address")).is_ok_and(|found| found.is_symlink())
        || !data.join("address").exists()
    {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for file in ["credentials.json", "curl.conf", "address"] {
        let found = fs::symlink_metadata(data.join(file)).unwrap();
        assert!(found.is_file(), "{file}");
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[tokio::test]
async fn the_banner_shows_a_command_that_works_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = fs::File::create(folder.path().join("output")).unwrap();
    let mut child = Command::new(program("photolog"))
        .env("PHOTOLOG_LISTEN", "127.0.0.1:0")
        .env("PHOTOLOG_DATA_DIR", &data)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&data.join("address")).await;
    let said = fs::read_to_string(folder.path().join("output")).unwrap();
    let credentials = fs::read_to_string(data.join("credentials.json")).unwrap();
    let secret = credentials
        .split('"')
        .find(|part| part.starts_with("pls_"))
        .unwrap();
    assert!(!said.contains(secret) && !said.contains("pls_"), "{said}");

    assert!(said.contains("/docs"), "{said}");
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.trim().starts_with("curl "))
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    let uploaded = Command::new("/bin/sh")
        .args(["-c", &lines.join("\n")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(succeeded(&uploaded).contains("imageID"));
}

#[tokio::test]
async fn settings_that_hold_secrets_are_not_repeated_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let log = "PHOTOLOG_LOG";
    for (setting, value) in [
        ("PHOTOLOG_EDGE_SECRET", "hunter2-hunter2"),
        ("PHOTOLOG_OTLP_ENDPOINT", "http://user:hunter2@[::1"),
        ("PHOTOLOG_OTLP_ENDPOINT", "hunter2"),
        (
            "PHOTOLOG_DATABASE_URL",
            "postgres://u:hunter2@127.0.0.1:1/p",
        ),
        (
            "PHOTOLOG_DATABASE_URL",
            "postgres://u:hunter2@127.0.0.1:port/p",
        ),
        (
            "PHOTOLOG_DATABASE_URL",
            "postgres://127.0.0.1:1/p?passwort=hunter2",
        ),
        ("PHOTOLOG_DATABASE_URL", "mysql://u:hunter2@127.0.0.1/p"),
        ("PHOTOLOG_BLOB_URL", "s3://key:hunter2@pictures"),
        ("PHOTOLOG_EDGES", "https://user:hunter2@127.0.0.1"),
    ] {
        let output = Command::new(program("photolog"))
            .env("PHOTOLOG_DATA_DIR", folder.path().join("data"))
            .env("PHOTOLOG_LISTEN", "127.0.0.1:0")
            .env(
                "PHOTOLOG_MASTER_KEY_FILE",
                photolog_tests::process::master_key(folder.path()),
            )
            .env(log, "trace")
            .env(setting, value)
            .output()
            .unwrap();
        let said = failed(&output);
        assert!(!said.contains("hunter2"), "{setting}={value}: {said}");
        let flag = setting
            .trim_start_matches("PHOTOLOG")
            .replace('_', "-")
            .to_lowercase();
        assert!(said.contains(&format!("-{flag}")), "{flag}: {said}");
    }
}

#[tokio::test]
async fn passwords_of_services_that_are_away_are_not_logged() {
    let app = TestApp::with([
        ("PHOTOLOG_LOG", "trace"),
        ("PHOTOLOG_OTLP_ENDPOINT", "http://user:hunter2@127.0.0.1:1"),
        ("PHOTOLOG_NATS_URL", "nats://user:hunter3@127.0.0.1:1"),
        ("PHOTOLOG_EDGE_SECRET", "hunter4-hunter4-hunter4"),
        ("PHOTOLOG_EDGES", "http://user:hunter5@127.0.0.1:1"),
    ])
    .await;
    let image = app.uploaded(pictures::png(1)).await;
    let path = format!("/images/{}", image["imageID"].as_str().unwrap());
    let disabled = app.request(Method::DELETE, &path).send().await.unwrap();
    assert!(disabled.status().is_success());
    let began = Instant::now();
    while !app.log().contains("--nats-url") {
        assert!(began.elapsed() < PATIENCE, "{}", app.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Spans are exported every five seconds.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let log = app.log();
    for line in log.lines() {
        assert!(!line.contains("hunter"), "{line}");
    }
}

/// An access token.
async fn log_in(scaled: &Scaled, node: usize) -> String {
    let answer = scaled
        .client
        .post(format!("{}/oauth2/token", scaled.nodes[node].url))
        .basic_auth(&scaled.key.0, Some(&scaled.key.1))
        .json(&serde_json::json!({"grant_type": "client_credentials"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: serde_json::Value = answer.json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn by_token(scaled: &Scaled, node: usize, token: &str) -> StatusCode {
    let url = format!(
        "{}/accounts/{}/images",
        scaled.nodes[node].url, scaled.account
    );
    let request = scaled.client.get(url).bearer_auth(token);
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_ends_on_every_node_by_one_command() {
    let scaled = Scaled::start().await;
    let old = log_in(&scaled, 0).await;
    for node in [0, 1] {
        assert_eq!(by_token(&scaled, node, &old).await, StatusCode::OK);
    }
    let said = succeeded(&scaled.command(&["key", "rotate-token-secret"]));
    assert!(said.contains("version 2"), "{said}");
    for node in [0, 1] {
        assert_eq!(
            by_token(&scaled, node, &old).await,
            StatusCode::UNAUTHORIZED
        );
    }
    let new = log_in(&scaled, 1).await;
    for node in [0, 1] {
        assert_eq!(
            by_token(&scaled, node, &new).await,
            StatusCode::OK,
            "{node}"
        );
        assert_eq!(
            by_token(&scaled, node, &old).await,
            StatusCode::UNAUTHORIZED
        );
    }
}
