//! The log: one gapless order of all events, chained by hashes, and the waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use photolog_store::LogTail;
use photolog_store::chain::GENESIS;

use crate::given::*;

pub(crate) async fn the_log_is_dense_and_keeps_the_order_of_each_stream(database: &Database) {
    let written: usize = in_parallel(12, |writer| {
        let store = database.store.clone();
        async move {
            let (account, image) = (account(), image());
            append(&store, image, 0, [uploaded(account, 1)])
                .await
                .unwrap();
            let mut sequence = 1;
            for round in 0..20 {
                let events: Vec<_> = (0..=(round + writer) % 3)
                    .map(|number| set("k", &number.to_string()))
                    .collect();
                sequence = append(&store, image, sequence, events)
                    .await
                    .unwrap()
                    .sequence;
                // Lost races leave no gaps.
                append(&store, image, 0, [disabled()]).await.unwrap_err();
            }
            sequence as usize
        }
    })
    .await
    .into_iter()
    .sum();
    settle(&database.store, written as i64).await;

    let log = database.store.read_log(0, 10_000).await.unwrap();
    let positions: Vec<_> = log.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (1..=written as i64).collect::<Vec<_>>());
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &log {
        let before = newest.entry(&entry.aggregate_id).or_default();
        assert_eq!(entry.sequence, *before + 1);
        *before = entry.sequence;
    }
}

pub(crate) async fn the_chain_follows_from_the_events(database: &Database) {
    let (store, image) = (&database.store, image());
    append(store, image, 0, [uploaded(account(), 1), set("a", "ü")])
        .await
        .unwrap();
    for sequence in 2..6 {
        append(store, image, sequence, [set("a", &sequence.to_string())])
            .await
            .unwrap();
    }
    settle(store, 6).await;
    let log = whole_log(store).await;
    assert_eq!(log.len(), 6);
    let after_three = |hash| LogTail { position: 3, hash };
    after_three(log[2].hash).advance(&log[3]).unwrap();
    assert!(after_three(GENESIS).advance(&log[3]).is_err());
}

pub(crate) async fn the_log_is_read_in_pages(database: &Database) {
    let (store, image) = (&database.store, image());
    append(store, image, 0, [uploaded(account(), 1), set("a", "1")])
        .await
        .unwrap();
    append(store, image, 2, [set("a", "2")]).await.unwrap();
    settle(store, 3).await;
    let first = store.read_log(0, 2).await.unwrap();
    let second = store.read_log(2, 2).await.unwrap();
    let names = |log: &[photolog_store::LogEntry]| -> Vec<_> {
        log.iter()
            .map(|entry| (entry.position, entry.event_type.clone()))
            .collect()
    };
    assert_eq!(
        names(&first),
        [(1, "Uploaded".into()), (2, "MetadataSet".into())]
    );
    assert_eq!(names(&second), [(3, "MetadataSet".into())]);
    assert!(store.read_log(3, 2).await.unwrap().is_empty());
    let recorded = store.image_events(image, 0, u32::MAX).await.unwrap();
    assert_eq!(recorded[2].position, Some(3));
}

pub(crate) async fn a_sleeping_reader_is_woken(database: &Database) {
    let store = database.store.clone();
    let reader = tokio::spawn(async move {
        while store.log_head().await.unwrap() == 0 {
            store.log_grew(0).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    append(&database.store, image(), 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), reader)
        .await
        .unwrap()
        .unwrap();
}

pub(crate) async fn an_account_has_a_log_of_its_own(database: &Database) {
    let store = &database.store;
    let (ours, theirs) = (account(), account());
    let (one, other) = (image(), image());
    append(store, one, 0, [uploaded(ours, 1)]).await.unwrap();
    append(store, other, 0, [uploaded(theirs, 1)])
        .await
        .unwrap();
    append(store, one, 1, [set("a", "b"), disabled()])
        .await
        .unwrap();
    settle(store, 4).await;
    let log = store.read_log_of(ours, 0, 10).await.unwrap();
    let places: Vec<_> = log
        .iter()
        .map(|entry| (entry.position, entry.account, entry.sequence))
        .collect();
    assert_eq!(places, [(1, ours, 1), (3, ours, 2), (4, ours, 3)]);
    let rest = store.read_log_of(ours, 1, 1).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].position, 3);
    assert!(
        store
            .read_log_of(account(), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
