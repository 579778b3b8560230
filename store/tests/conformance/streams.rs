//! Streams: optimistic locking, atomic appends, and folds.

use cqrs_es::CqrsFramework;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use photolog_domain::{AltTextChange, Dated, ForwardCompatible, Image, ImageCommand};
use photolog_store::{StoreConfig, StoreError};

use crate::given::*;

pub(crate) async fn events_come_back_with_their_envelopes(database: &Database) {
    let store = &database.store;
    let image = image();
    let first = [uploaded(account(), 1), set("colour", "bläu \" \\ 😀")];
    let appended = append(store, image, 0, first.clone()).await.unwrap();
    assert_eq!((appended.sequence, appended.stream), (2, image.uuid()));
    append(store, image, 2, [disabled()]).await.unwrap();

    let recorded = store.image_events(image, 0, u32::MAX).await.unwrap();
    let sequences: Vec<_> = recorded.iter().map(|one| one.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    for (recorded, event) in recorded.iter().zip(first) {
        assert_eq!(recorded.event.clone().known(), Some(event));
    }
    assert_eq!(recorded[0].metadata.actor, "plk_abcdefghijklmnop");
    assert_ne!(recorded[0].metadata.event_id, recorded[1].metadata.event_id);
    let loaded = store.load::<Image>(image.uuid()).await.unwrap();
    assert_eq!(loaded.sequence, 3);
    assert!(loaded.aggregate.state().unwrap().disabled_at.is_some());
}

pub(crate) async fn an_empty_stream_is_the_default(database: &Database) {
    let loaded = database.store.load::<Image>(image().uuid()).await.unwrap();
    assert_eq!((loaded.sequence, loaded.aggregate.state()), (0, None));
    let nothing = append(&database.store, image(), 0, []).await.unwrap();
    assert_eq!(nothing.sequence, 0);
}

pub(crate) async fn of_many_writers_of_one_sequence_exactly_one_wins(database: &Database) {
    let image = image();
    append(&database.store, image, 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    for sequence in 1..=20 {
        let outcomes = in_parallel(16, |number| {
            let store = database.store.clone();
            async move {
                let value = number.to_string();
                append(&store, image, sequence, [set("number", &value)]).await
            }
        })
        .await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(StoreError::Conflict)))
            .count();
        assert_eq!((won, lost), (1, 15));
    }
    let loaded = database.store.load::<Image>(image.uuid()).await.unwrap();
    assert_eq!(loaded.sequence, 21);
}

pub(crate) async fn a_stream_has_no_holes(database: &Database) {
    let image = image();
    let store = &database.store;
    let early = append(store, image, 1, [disabled()]).await;
    assert!(matches!(early, Err(StoreError::Conflict)), "{early:?}");
    append(store, image, 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    for expected in [0, 2, 7] {
        let outcome = append(store, image, expected, [set("a", "b")]).await;
        assert!(matches!(outcome, Err(StoreError::Conflict)), "{expected}");
    }
}

pub(crate) async fn nothing_of_a_refused_append_stays(database: &Database) {
    let store = &database.store;
    let (account, image) = (account(), image());
    append(store, image, 0, [uploaded(account, 1), set("a", "1")])
        .await
        .unwrap();
    // The second event conflicts although the first does not.
    let late = append(store, image, 1, [set("b", "1"), set("c", "1")]).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    // The events are valid, the claim is not.
    let copy = append(
        store,
        crate::given::image(),
        0,
        [uploaded(account, 1), set("a", "1")],
    )
    .await;
    assert!(matches!(copy, Err(StoreError::DuplicateContent { holder }) if holder == image));
    settle(store, 2).await;
    assert_eq!(store.log_head().await.unwrap(), 2);
    assert_eq!(database.counts().await, [(account, 1)].into());
}

pub(crate) async fn a_known_stream_equals_its_full_fold(database: &Database) {
    let store = &database.store;
    // Another process shares the database, but not the memory.
    let other = database.open_again().await.unwrap();
    let image = image();
    append(store, image, 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    for sequence in 1..60 {
        let writer = if sequence % 3 == 0 { &other } else { store };
        let value = sequence.to_string();
        append(
            writer,
            image,
            sequence,
            [set(&format!("key{}", sequence % 7), &value)],
        )
        .await
        .unwrap();
        let known = store.load::<Image>(image.uuid()).await.unwrap();
        let mut full = Image::default();
        for recorded in store.image_events(image, 0, u32::MAX).await.unwrap() {
            full.apply_read(recorded.event.known());
        }
        assert_eq!((known.sequence, known.aggregate), (sequence + 1, full));
    }
    other.close().await;
}

pub(crate) async fn the_stock_loader_reads_what_we_wrote(database: &Database) {
    let image = image();
    append(
        &database.store,
        image,
        0,
        [uploaded(account(), 1), disabled()],
    )
    .await
    .unwrap();
    let stream = image.to_string();
    let events = match &database.config {
        StoreConfig::Sqlite { path } => {
            let url = format!("sqlite:{}", path.display());
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            let stock = sqlite_es::SqliteEventRepository::new(pool);
            stock.get_events::<Image>(&stream).await.unwrap()
        }
        StoreConfig::Postgres { url, .. } => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            let stock = postgres_es::PostgresEventRepository::new(pool);
            stock.get_events::<Image>(&stream).await.unwrap()
        }
    };
    let names: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(names, ["Uploaded", "Disabled"]);
}

pub(crate) async fn the_framework_runs_over_our_repository(database: &Database) {
    let framework: CqrsFramework<Image, _> = CqrsFramework::new(
        PersistedEventStore::new_event_store(database.store.clone()),
        vec![],
        (),
    );
    let image = image();
    let dated = |command| Dated { at: at(), command };
    append(&database.store, image, 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    let text = AltTextChange::Set("a cat".parse().unwrap());
    let command = dated(ImageCommand::ChangeAltText(text));
    let envelope = serde_json::to_value(metadata()).unwrap();
    framework
        .execute_with_metadata(
            &image.to_string(),
            command,
            serde_json::from_value(envelope).unwrap(),
        )
        .await
        .unwrap();
    let anonymous = framework
        .execute(&image.to_string(), dated(ImageCommand::Disable))
        .await;
    assert!(anonymous.is_err());
    let loaded = database.store.load::<Image>(image.uuid()).await.unwrap();
    assert_eq!(loaded.sequence, 2);
    assert_eq!(loaded.aggregate.state().unwrap().alt_text(), Some("a cat"));
}
