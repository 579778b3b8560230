//! A retried request is recognised by its key.

use photolog_domain::{AccountId, EventMetadata, Image, Timestamp};
use photolog_store::{Conditions, Idempotency, IdempotencyRecord, StoreError};

use crate::given::*;

fn once(account: AccountId, key: &str, fingerprint: u8) -> Conditions {
    Conditions {
        idempotency: Some(Idempotency {
            account,
            key: key.to_owned(),
            fingerprint: digest(fingerprint),
        }),
        ..Conditions::default()
    }
}

pub(crate) async fn a_key_is_taken_once_and_remembers_what_it_led_to(database: &Database) {
    let (store, account, image) = (&database.store, account(), image());
    assert_eq!(store.idempotency_record(account, "k").await.unwrap(), None);
    let events = [uploaded(account, 1), set("a", "b")];
    append_if(store, image, 0, events, &once(account, "k", 7))
        .await
        .unwrap();
    let expected = IdempotencyRecord {
        fingerprint: digest(7),
        image,
        sequence: 2,
    };
    let record = store.idempotency_record(account, "k").await.unwrap();
    assert_eq!(record.as_ref(), Some(&expected));

    // The same content again: the result is that of the key, not a duplicate.
    let retried = append_if(
        store,
        crate::given::image(),
        0,
        [uploaded(account, 1)],
        &once(account, "k", 8),
    )
    .await;
    assert!(
        matches!(&retried, Err(StoreError::IdempotencyKeyUsed(record)) if *record == expected),
        "{retried:?}"
    );
    // Another account has its own keys.
    let other = crate::given::account();
    append_if(
        store,
        crate::given::image(),
        0,
        [uploaded(other, 1)],
        &once(other, "k", 7),
    )
    .await
    .unwrap();
    // A refused append does not consume its key.
    let refused = append_if(
        store,
        crate::given::image(),
        0,
        [uploaded(account, 1)],
        &once(account, "unused", 7),
    )
    .await;
    assert!(matches!(refused, Err(StoreError::DuplicateContent { .. })));
    let unused = store.idempotency_record(account, "unused").await.unwrap();
    assert_eq!(unused, None);
}

pub(crate) async fn of_many_parallel_uses_of_a_key_exactly_one_wins(database: &Database) {
    let account = account();
    let outcomes = in_parallel(32, |number| {
        let store = database.store.clone();
        let event = uploaded(account, number as u8);
        async move { append_if(&store, image(), 0, [event], &once(account, "k", 1)).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let record = database.store.idempotency_record(account, "k").await;
    let record = record.unwrap().unwrap();
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(
            matches!(&refused, StoreError::IdempotencyKeyUsed(found) if *found == record),
            "{refused:?}"
        );
    }
}

pub(crate) async fn a_key_is_forgotten_after_a_day(database: &Database) {
    let (store, account) = (&database.store, account());
    // A node whose clock is a day ahead keeps no key longer than others, and expires none.
    let tomorrow = at().unix_millis() + 25 * 60 * 60 * 1_000;
    let ahead = EventMetadata {
        occurred_at: Timestamp::from_unix_millis(tomorrow).unwrap(),
        ..metadata()
    };
    let conditions = once(account, "ahead", 1);
    let events = vec![(uploaded(account, 3), ahead)];
    let appended = store.append::<Image>(image().uuid(), 0, events, &conditions);
    appended.await.unwrap();
    let event = uploaded(account, 1);
    append_if(store, image(), 0, [event], &once(account, "k", 1))
        .await
        .unwrap();
    for key in ["ahead", "k"] {
        let record = store.idempotency_record(account, key).await.unwrap();
        assert!(record.is_some(), "{key}");
    }
    let a_day_later = "UPDATE idempotency_keys SET created_at = created_at - 90000000";
    database.execute(a_day_later).await;
    assert_eq!(store.idempotency_record(account, "k").await.unwrap(), None);
    append_if(
        store,
        image(),
        0,
        [uploaded(account, 2)],
        &once(account, "k", 2),
    )
    .await
    .unwrap();
    let record = store.idempotency_record(account, "k").await.unwrap();
    assert_eq!(record.unwrap().fingerprint, digest(2));
}
