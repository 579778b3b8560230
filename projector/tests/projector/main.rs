//! The projector over a real database: it keeps up, it repeats itself without harm, it stops loudly.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod second_projection;

use std::sync::Arc;
use std::time::Duration;

use photolog_domain::fixtures::{self, account, content, event_metadata, set};
use photolog_domain::{AccountId, Content, Image, ImageEvent, ImageId};
use photolog_projector::settings::RelaySettings;
use photolog_projector::{Finding, Follower, ImageView, Projector, Stall, projections, verify};
use photolog_store::{Appended, BlobConfig, Blobs, Conditions, MasterKeyFile, Store, StoreConfig};
use photolog_tests::postgres;
use sqlx::SqlitePool;
use tokio::sync::watch;

struct World {
    store: Store,
    blobs: Blobs,
    config: StoreConfig,
    folder: tempfile::TempDir,
}

impl World {
    async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photolog.db");
        Self::on(StoreConfig::Sqlite { path }, folder).await
    }

    async fn on_postgres() -> Self {
        let config = StoreConfig::Postgres {
            url: postgres::new_database().await,
            connections: 4,
        };
        Self::on(config, tempfile::tempdir().unwrap()).await
    }

    async fn on(config: StoreConfig, folder: tempfile::TempDir) -> Self {
        let blobs = BlobConfig::Directory {
            path: folder.path().join("blobs"),
        };
        Self {
            store: open(&config, &folder).await,
            blobs: Blobs::open(&blobs).await.unwrap(),
            config,
            folder,
        }
    }

    /// As after a restart of the program.
    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.config, &self.folder).await;
    }

    /// Somebody with the database's own tools.
    async fn tamper(&self, sql: &str) {
        let StoreConfig::Sqlite { path } = &self.config else {
            panic!("not on PostgreSQL");
        };
        let pool = SqlitePool::connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn append(&self, image: ImageId, expected_sequence: u64, event: ImageEvent) -> Appended {
        let events = vec![(event, event_metadata())];
        self.store
            .append::<Image>(
                image.uuid(),
                expected_sequence,
                events,
                &Conditions::default(),
            )
            .await
            .unwrap()
    }

    /// Uploads a picture of these bytes.
    async fn upload(&self, account: AccountId, bytes: &'static [u8]) -> (ImageId, Appended) {
        let digest = self.blobs.put(bytes.into()).await.unwrap().digest();
        let image = fixtures::image();
        let content = Content {
            size_bytes: bytes.len() as u64,
            ..content(digest)
        };
        let uploaded = fixtures::uploaded(account, content);
        (image, self.append(image, 0, uploaded).await)
    }

    async fn findings(&self) -> Vec<Finding> {
        let master_key = MasterKeyFile::in_data_folder(self.folder.path());
        let report = verify(&self.config, &master_key, &self.blobs, None).await;
        report.unwrap().findings
    }
}

async fn open(config: &StoreConfig, folder: &tempfile::TempDir) -> Store {
    let master_key = MasterKeyFile::in_data_folder(folder.path());
    Store::open(config, master_key).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_become_visible_while_they_are_made() {
    let world = World::on_sqlite().await;
    let (stop, stops) = watch::channel(false);
    let projector = tokio::spawn(
        Projector::new(world.store.clone(), RelaySettings::default(), projections()).run(stops),
    );
    let (image, uploaded) = world.upload(account(), b"one").await;
    let wait = Duration::from_secs(5);
    assert!(
        world
            .store
            .wait_until_visible(&uploaded, wait)
            .await
            .unwrap()
    );
    for sequence in 1..100 {
        let appended = world
            .append(image, sequence, set("a", &sequence.to_string()))
            .await;
        assert!(
            world
                .store
                .wait_until_visible(&appended, wait)
                .await
                .unwrap()
        );
    }
    assert_eq!(world.findings().await, []);
    stop.send(true).unwrap();
    projector.await.unwrap();
}

#[tokio::test]
async fn batches_of_any_size_and_two_projectors_give_the_same_view() {
    let world = World::on_sqlite().await;
    let (image, _) = world.upload(account(), b"one").await;
    let (other, _) = world.upload(account(), b"two").await;
    for sequence in 1..20 {
        world
            .append(image, sequence, set("a", &sequence.to_string()))
            .await;
        world.append(other, sequence, set("a", "x")).await;
    }
    let follower = || Follower::new(world.store.clone(), Arc::new(ImageView::default()));
    let (mut one, mut two) = (follower(), follower());
    for limit in [1, 3, 1, 7, 2, 100, 1, 1] {
        one.advance(limit).await.unwrap();
        two.advance(limit).await.unwrap();
    }
    assert_eq!(world.findings().await, []);
}

#[tokio::test]
async fn an_event_nobody_can_read_stops_the_projection_until_somebody_can() {
    let world = World::on_sqlite().await;
    let (image, _) = world.upload(account(), b"one").await;
    // As a newer program would write it.
    world
        .tamper(
            "INSERT INTO event_log SELECT 2, aggregate_type, aggregate_id, 2, account, zeroblob(32)
             FROM event_log;
             INSERT INTO events SELECT aggregate_type, aggregate_id, 2, 'Sold', '9', '{}', metadata
             FROM events",
        )
        .await;
    let (healthy, _) = world.upload(account(), b"two").await;
    let (stop, stops) = watch::channel(false);
    let projector = Projector::new(world.store.clone(), RelaySettings::default(), projections());
    let mut stalls = projector.stalls();
    let running = tokio::spawn(projector.run(stops));
    let stalled = tokio::time::timeout(
        Duration::from_secs(5),
        stalls.wait_for(|stalls| !stalls.is_empty()),
    )
    .await
    .unwrap()
    .unwrap()
    .clone();
    let stall = &stalled[ImageView::NAME];
    assert!(
        matches!(stall, Stall { after: 1, problem } if problem.contains("Sold")),
        "{stall:?}"
    );
    // What came before is there, what comes after is not: the order is never broken.
    assert_eq!(world.store.image_rows(&[image]).await.unwrap().len(), 1);
    assert_eq!(world.store.image_rows(&[healthy]).await.unwrap().len(), 0);
    stop.send(true).unwrap();
    running.await.unwrap();
}
