//! Which commands create an installation, and what the others report where there is none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use photolog_tests::postgres;
use photolog_tests::process::{master_key, program};
use sqlx::{Connection, PgConnection, Row};

use crate::archive::succeeded;

const NOBODY: &str = "0190f7c2-1111-7aaa-8bbb-123456789abc";

/// Every command that needs an installation and does not create one.
const FINDERS: [&[&str]; 16] = [
    &["account", "list"],
    &["account", "suspend", NOBODY],
    &["account", "close", NOBODY],
    &["account", "rename", NOBODY, "name"],
    &["history"],
    &["key", "issue", NOBODY],
    &["key", "list", NOBODY],
    &["key", "revoke", NOBODY, "plk_abcdefghijklmnop"],
    &["key", "rotate-token-secret"],
    &["master-key", "prepare"],
    &["master-key", "rotate"],
    &["rebuild"],
    &["verify"],
    &["backup", "backup"],
    &["gc"],
    &["gc", "--dry-run"],
];

/// Everything below a folder: path, mode, length.
fn state(folder: &Path) -> Vec<(String, u32, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        for path in entries.map(|entry| entry.path()).chain([folder.clone()]) {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode();
            found.push((path.display().to_string(), mode, metadata.len()));
            if metadata.is_dir() && path != folder {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

fn photolog(place: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    Command::new(program("photolog"))
        .args(arguments)
        .envs(settings.iter().copied())
        .current_dir(place)
        .output()
        .unwrap()
}

/// The command ends with 2, and its last line contains `place`.
fn finds_nothing(output: &Output, place: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    let expected = format!("photolog: no installation in {place}: ");
    assert!(last.starts_with(&expected), "{expected:?} is not in {said}");
}

#[test]
fn a_folder_without_an_installation_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    for name in ["empty", "others"] {
        fs::create_dir(place.join(name)).unwrap();
        fs::set_permissions(place.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(place.join("others/credentials.json"), "{}").unwrap();
    fs::write(place.join("others/photolog.sqlite"), "").unwrap();
    let before = state(&place);
    for arguments in FINDERS
        .into_iter()
        .chain([["master-key", "create"].as_slice()])
    {
        for name in ["missing", "empty", "others"] {
            // A relative path means little in the log of a timer.
            let output = photolog(&place, arguments, &[("PHOTOLOG_DATA_DIR", name)]);
            finds_nothing(&output, place.join(name).to_str().unwrap());
            assert_eq!(state(&place), before, "{arguments:?} {name}");
        }
    }
}

#[test]
fn a_backup_that_is_not_there_leaves_no_installation() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("PHOTOLOG_DATA_DIR", "data")];
    let refused = photolog(folder.path(), &["restore", "nowhere"], &settings);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(said.contains("there is no folder nowhere"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_an_installation_is_left_as_it_is() {
    let url = postgres::new_database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = master_key(folder.path());
    let settings = [
        ("PHOTOLOG_DATABASE_URL", url.as_str()),
        ("PHOTOLOG_MASTER_KEY_FILE", key.to_str().unwrap()),
        ("PHOTOLOG_DATA_DIR", "data"),
    ];
    let before = state(folder.path());
    for arguments in FINDERS.into_iter().chain([["projector"].as_slice()]) {
        let output = photolog(folder.path(), arguments, &settings);
        finds_nothing(&output, &redacted(&url));
        assert_eq!(state(folder.path()), before, "{arguments:?}");
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let made = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let made = sqlx::query(made).fetch_one(&mut connection).await.unwrap();
    assert_eq!(made.get::<i64, _>(0), 0);

    // With an existing installation they create no folder either.
    succeeded(&photolog(folder.path(), &["migrate"], &settings));
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    succeeded(&photolog(folder.path(), &["account", "list"], &settings));
    assert_eq!(state(folder.path()), before);
}

/// As messages show it: with the socket's folder and the database, without a password.
fn redacted(url: &str) -> String {
    url.replacen("@localhost/", "@/", 1)
}

#[test]
fn an_installation_is_made_by_its_first_account() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("PHOTOLOG_DATA_DIR", "data")];
    let run = |arguments: &[&str]| photolog(folder.path(), arguments, &settings);
    succeeded(&run(&["account", "create", "Web shop"]));
    assert!(succeeded(&run(&["account", "list"])).contains("Web shop"));
    succeeded(&run(&["verify"]));
    let nowhere = [
        ("PHOTOLOG_DATA_DIR", "data"),
        ("PHOTOLOG_BLOB_URL", "file:///photolog/nowhere"),
    ];
    for arguments in [["backup", "backup"].as_slice(), &["gc"]] {
        let refused = photolog(folder.path(), arguments, &nowhere);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            said.contains("--blob-url") && said.contains("/photolog/nowhere"),
            "{said}"
        );
    }
    assert!(!Path::new("/photolog").exists());
    assert!(!folder.path().join("backup").exists());
}
