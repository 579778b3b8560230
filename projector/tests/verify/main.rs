//! The findings of `verify`, on both databases: each kind of damage alone, on a copy of the same small
//! installation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damages;
mod installation;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use photolog_domain::fixtures::{disabled, set};
use photolog_domain::{AccountId, Image};
use photolog_projector::settings::RelaySettings;
use photolog_projector::{Head, ImageView, Kind, Projection, Projector, VerifyError, projections};
use photolog_store::{Blobs, Snapshot, StoreConfig, StoreError};
use photolog_tests::postgres::Cluster;
use tokio::sync::watch;
use uuid::Uuid;

use damages::damages;
use installation::{Installation, append, upload};

async fn finds_every_damage(sound: Installation) {
    let report = sound.verify(None).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.notes, [""; 0]);
    assert_eq!((report.checked.events, report.checked.pictures), (9, 3));
    for (number, damage) in damages().into_iter().enumerate() {
        let sql = match sound.is_sqlite() {
            true => damage.sqlite,
            false => damage.postgres,
        };
        let Some(sql) = sql else {
            continue;
        };
        let copy = sound.copy(&format!("copy_{number}")).await;
        copy.tamper(sql, damage.unguarded).await;
        let found = copy.verify(None).await.unwrap().findings;
        let what = damage.what;
        assert!(
            found.iter().any(|finding| finding.kind == damage.kind),
            "{what}: {found:#?}"
        );
        // When a table is missing, its rows are missing too.
        let alone = !matches!(damage.kind, Kind::Checkpoint | Kind::Guard);
        if !damage.unguarded && alone {
            let others: Vec<_> = found.iter().filter(|f| f.kind != damage.kind).collect();
            assert!(others.is_empty(), "{what}: {others:#?}");
        }
        for finding in found {
            assert!(!finding.sentence.contains("Some("), "{}", finding.sentence);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damage_is_found_on_sqlite() {
    finds_every_damage(Installation::on_sqlite().await).await;
}

/// `schema.txt` must contain what the migrations create: the lines that this test prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_is_the_one_that_is_written_down() {
    let cluster = Cluster::start();
    let url = cluster.new_database().await;
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::Postgres {
        url,
        connections: 2,
    };
    let installation = Installation { folder, config };
    installation.open().await.close().await;
    let (config, key) = (&installation.config, installation.master_key());
    let mut snapshot = Snapshot::open(config, key).await.unwrap();
    let faults = snapshot.guard_faults().await.unwrap();
    let lines = faults.iter().map(|fault| {
        let found = fault.found.as_deref().unwrap_or("is missing");
        let found: Vec<_> = found.split_whitespace().collect();
        format!("{}\t{}\n", fault.subject, found.join(" "))
    });
    assert!(faults.is_empty(), "\n{}", lines.collect::<String>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damage_is_found_on_postgres() {
    let cluster = Cluster::start();
    finds_every_damage(Installation::on_postgres(&cluster).await).await;
}

/// A change to a file.
type Spoil = fn(&Path);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_the_rights_that_are_granted_verifies() {
    let cluster = Cluster::start();
    let mut installation = Installation::on_postgres(&cluster).await;
    let grant = "CREATE ROLE app LOGIN; SELECT grant_photolog_to('app')";
    installation.tamper(grant, false).await;
    if let StoreConfig::Postgres { url, .. } = &mut installation.config {
        *url = url.replacen("photolog@", "app@", 1);
    }
    let report = installation.verify(None).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.checked.events, 9);
}

#[tokio::test]
async fn every_damage_of_a_picture_is_found() {
    let installation = Installation::on_sqlite().await;
    // SHA-256 of "one".
    let digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed".to_owned();
    let file = file_of(installation.folder.path(), &digest);
    let sound = fs::read(&file).unwrap();
    let damages: [(&str, Spoil); 5] = [
        ("missing", |file| fs::remove_file(file).unwrap()),
        ("other bytes", |file| fs::write(file, b"One").unwrap()),
        ("cut off", |file| fs::write(file, b"on").unwrap()),
        ("a folder", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("a link", |file| {
            fs::rename(file, file.with_extension("there")).unwrap();
            std::os::unix::fs::symlink(file.with_extension("there"), file).unwrap();
        }),
    ];
    for (what, damage) in damages {
        damage(&file);
        let found = installation.verify(None).await.unwrap().findings;
        assert_eq!(found.len(), 1, "{what}: {found:#?}");
        assert_eq!(
            (found[0].kind, &found[0].subject),
            (Kind::Picture, &digest),
            "{what}"
        );
        let _ = fs::remove_dir(&file);
        let _ = fs::remove_file(&file);
        fs::write(&file, &sound).unwrap();
    }
}

fn file_of(folder: &Path, digest: &str) -> PathBuf {
    folder
        .join("blobs")
        .join(&digest[0..2])
        .join(&digest[2..4])
        .join(digest)
}

/// The reads are one snapshot, whatever is written meanwhile.
async fn a_server_at_work_is_never_seen_half_way(installation: Installation) {
    let store = installation.open().await;
    let blobs = Blobs::open(&installation.blobs()).await.unwrap();
    let (stop, stops) = watch::channel(false);
    let projector = tokio::spawn(
        Projector::new(store.clone(), RelaySettings::default(), projections()).run(stops),
    );
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (store, blobs, done) = (store.clone(), blobs.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let account = AccountId::new(Uuid::now_v7());
                    let image = upload(&store, &blobs, account, b"four").await;
                    append::<Image>(&store, image.uuid(), 1, [set("a", "b")]).await;
                    append::<Image>(&store, image.uuid(), 2, [disabled()]).await;
                }
            })
        })
        .collect();
    for _ in 0..10 {
        let report = installation.verify(None).await.unwrap();
        assert_eq!(report.findings, []);
        let again = installation.verify(Some(report.head)).await.unwrap();
        assert_eq!(again.findings, []);
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    stop.send_replace(true);
    projector.await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_at_work_is_never_seen_half_way_on_sqlite() {
    a_server_at_work_is_never_seen_half_way(Installation::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_at_work_is_never_seen_half_way_on_postgres() {
    let cluster = Cluster::start();
    a_server_at_work_is_never_seen_half_way(Installation::on_postgres(&cluster).await).await;
}

/// The advice of `verify` works, even if the checkpoint is beyond the end of the log.
async fn a_rebuild_mends_every_checkpoint(sound: Installation) {
    for (number, damage) in [
        "position = 999",
        "version = 9",
        "version = 9, position = 999",
    ]
    .iter()
    .enumerate()
    {
        let copy = sound.copy(&format!("mended_{number}")).await;
        let sql = format!("UPDATE checkpoints SET {damage} WHERE projection = 'image_view'");
        copy.tamper(&sql, false).await;
        assert_ne!(copy.verify(None).await.unwrap().findings, [], "{damage}");
        let store = copy.open().await;
        let (view, mut report) = (ImageView::default(), |_| ());
        let rebuilt = view.rebuild(&store, &mut report);
        let rebuilt = tokio::time::timeout(Duration::from_secs(30), rebuilt);
        rebuilt.await.expect("it comes to an end").unwrap();
        store.close().await;
        assert_eq!(copy.verify(None).await.unwrap().findings, [], "{damage}");
    }
}

#[tokio::test]
async fn a_rebuild_mends_every_checkpoint_on_sqlite() {
    a_rebuild_mends_every_checkpoint(Installation::on_sqlite().await).await;
}

#[tokio::test]
async fn a_rebuild_mends_every_checkpoint_on_postgres() {
    let cluster = Cluster::start();
    a_rebuild_mends_every_checkpoint(Installation::on_postgres(&cluster).await).await;
}

/// Without a projector the view falls behind, and on PostgreSQL the log too: a note, not a finding.
async fn a_view_behind_the_log_is_compared_up_to_there(installation: Installation) {
    let store = installation.open().await;
    let blobs = Blobs::open(&installation.blobs()).await.unwrap();
    upload(&store, &blobs, AccountId::new(Uuid::now_v7()), b"five").await;
    store.close().await;
    let report = installation.verify(None).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    let wanted = match installation.is_sqlite() {
        true => "the projection stands at 9 of 10",
        false => "events that wait for their place in the log, which a projector gives them: 1",
    };
    assert!(report.notes[0].contains(wanted), "{:?}", report.notes);
}

#[tokio::test]
async fn a_view_behind_the_log_is_compared_up_to_there_on_sqlite() {
    a_view_behind_the_log_is_compared_up_to_there(Installation::on_sqlite().await).await;
}

#[tokio::test]
async fn a_view_behind_the_log_is_compared_up_to_there_on_postgres() {
    let cluster = Cluster::start();
    a_view_behind_the_log_is_compared_up_to_there(Installation::on_postgres(&cluster).await).await;
}

#[tokio::test]
async fn a_noted_head_is_missed_when_the_log_is_shorter_or_another_one() {
    let installation = Installation::on_sqlite().await;
    let head = installation.verify(None).await.unwrap().head;
    assert_eq!(head.position, 9);
    assert_eq!(installation.verify(Some(head)).await.unwrap().findings, []);
    let longer = Head {
        position: 10,
        ..head
    };
    let other = Head {
        hash: [0; 32],
        ..head
    };
    for noted in [longer, other] {
        let found = installation.verify(Some(noted)).await.unwrap().findings;
        let kinds: Vec<_> = found.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::Head], "{noted}");
    }
}

#[tokio::test]
async fn where_there_is_no_installation_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation {
        config: StoreConfig::Sqlite {
            path: folder.path().join("nowhere/photolog.sqlite"),
        },
        folder,
    };
    let refused = installation.verify(None).await.unwrap_err();
    assert!(matches!(
        refused,
        VerifyError::Store(StoreError::NoInstallation(_))
    ));
    assert_eq!(fs::read_dir(installation.folder.path()).unwrap().count(), 0);

    let cluster = Cluster::start();
    let installation = Installation {
        folder: tempfile::tempdir().unwrap(),
        config: StoreConfig::Postgres {
            url: cluster.new_database().await,
            connections: 2,
        },
    };
    let refused = installation.verify(None).await.unwrap_err();
    assert!(matches!(
        refused,
        VerifyError::Store(StoreError::NoInstallation(_))
    ));
}
