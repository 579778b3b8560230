//! The projector with a real database: it keeps up, repeats entries without harm, and reports a stall.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod second_projection;

use std::sync::Arc;
use std::time::Duration;

use photolog_domain::fixtures::{self, account, content, event_metadata, set};
use photolog_domain::{AccountId, Content, Image, ImageEvent, ImageId};
use photolog_projector::settings::RelaySettings;
use photolog_projector::{
    Finding, Follower, ImageView, Kind, Projection, Projector, Stall, projections, verify,
};
use photolog_store::{Appended, BlobConfig, Blobs, Conditions, MasterKeyFile, Store, StoreConfig};
use photolog_tests::newer::NewerEvent;
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

    /// Simulates a restart of the program.
    async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.config, &self.folder).await;
    }

    /// The file of the database.
    fn path(&self) -> &std::path::Path {
        match &self.config {
            StoreConfig::Sqlite { path } => path,
            StoreConfig::Postgres { .. } => panic!("not on PostgreSQL"),
        }
    }

    /// Runs SQL beside the store, as with the database's own tools.
    async fn tamper(&self, sql: &str) {
        let pool = SqlitePool::connect(&format!("sqlite:{}", self.path().display()))
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

    /// Uploads an image with these bytes.
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

/// An event known only to a newer program, at the end of an image's stream.
fn sold(image: &str) -> NewerEvent<'_> {
    NewerEvent {
        aggregate_type: "Image",
        stream: image,
        event_type: "Sold",
        event_version: "9",
        payload: r#"{"type":"Sold"}"#,
    }
}

#[tokio::test]
async fn the_projection_goes_on_past_events_that_only_a_newer_program_knows() {
    let world = World::on_sqlite().await;
    let (image, _) = world.upload(account(), b"one").await;
    sold(&image.to_string()).write_to_sqlite(world.path()).await;
    world.append(image, 2, set("a", "late")).await;
    let (other, _) = world.upload(account(), b"two").await;
    // A stream that begins with such an event.
    let hidden = fixtures::image();
    world
        .tamper(&format!(
            "INSERT INTO event_log SELECT 5, 'Image', '{hidden}', 1, account, zeroblob(32)
             FROM event_log WHERE global_position = 1;
             INSERT INTO events SELECT 'Image', '{hidden}', 1, 'Uploaded', '9', '{{}}', metadata
             FROM events WHERE sequence = 1 LIMIT 1"
        ))
        .await;
    let follower = || Follower::new(world.store.clone(), Arc::new(ImageView::default()));
    for _ in 0..6 {
        follower().advance(1).await.unwrap();
    }
    world.append(hidden, 1, set("a", "late")).await;
    for is_rebuilt in [false, true] {
        if is_rebuilt {
            let view = ImageView::default();
            view.rebuild(&world.store, &mut |_| ()).await.unwrap();
        } else {
            follower().advance(9).await.unwrap();
        }
        assert_eq!(world.store.checkpoint("image_view", 1).await.unwrap(), 6);
        let rows = world.store.image_rows(&[image, other, hidden]).await;
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            let is_newer = row.image == image;
            assert_eq!(row.state.has_newer_events, is_newer);
            assert_eq!(row.sequence, if is_newer { 3 } else { 1 });
        }
        let found = world.findings().await;
        let kinds: Vec<_> = found.iter().map(|finding| finding.kind).collect();
        // The last one was inserted without its hash.
        assert_eq!(
            kinds,
            [Kind::NewerEvent, Kind::Chain, Kind::NewerEvent],
            "{found:#?}"
        );
    }
}

#[tokio::test]
async fn an_event_nobody_can_read_stops_the_projection_until_somebody_can() {
    let world = World::on_sqlite().await;
    let (image, _) = world.upload(account(), b"one").await;
    let stream = image.to_string();
    let damaged = NewerEvent {
        event_type: "Disabled",
        event_version: "1",
        ..sold(&stream)
    };
    damaged.write_to_sqlite(world.path()).await;
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
        matches!(stall, Stall { after: 1, problem } if problem.contains("Disabled")),
        "{stall:?}"
    );
    // Earlier entries are projected, later ones are not: the order is never broken.
    assert_eq!(world.store.image_rows(&[image]).await.unwrap().len(), 1);
    assert_eq!(world.store.image_rows(&[healthy]).await.unwrap().len(), 0);
    stop.send(true).unwrap();
    running.await.unwrap();
}
