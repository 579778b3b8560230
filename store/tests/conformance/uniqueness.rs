//! Constraints across streams: one enabled image per content and account, and the image limit.

use photolog_domain::{Account, AccountEvent};
use photolog_store::{Conditions, StoreError};

use crate::given::*;

fn limit(image_limit: u32) -> Conditions {
    Conditions {
        image_limit: Some(image_limit),
        ..Conditions::default()
    }
}

pub(crate) async fn of_64_parallel_uploads_of_the_same_bytes_exactly_one_wins(database: &Database) {
    let account = account();
    let outcomes = in_parallel(64, |_| {
        let store = database.store.clone();
        let image = image();
        async move {
            (
                image,
                append(&store, image, 0, [uploaded(account, 1)]).await,
            )
        }
    })
    .await;
    let winners: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(image, _)| *image)
        .collect();
    assert_eq!(winners.len(), 1);
    for (image, outcome) in outcomes {
        match outcome {
            Ok(_) => assert_eq!(image, winners[0]),
            Err(StoreError::DuplicateContent { holder }) => assert_eq!(holder, winners[0]),
            Err(other) => panic!("{other:?}"),
        }
    }
    let holders = [((account, digest(1)), winners[0])].into();
    assert_eq!(database.holders().await, holders);
    assert_eq!(database.counts().await, [(account, 1)].into());
}

pub(crate) async fn other_accounts_may_hold_the_same_bytes(database: &Database) {
    for _ in 0..3 {
        append(&database.store, image(), 0, [uploaded(account(), 1)])
            .await
            .unwrap();
    }
}

pub(crate) async fn disabling_frees_the_bytes(database: &Database) {
    let (store, account, image) = (&database.store, account(), image());
    append(store, image, 0, [uploaded(account, 1)])
        .await
        .unwrap();
    append(store, image, 1, [disabled()]).await.unwrap();
    assert!(database.counts().await.is_empty());
    append(store, crate::given::image(), 0, [uploaded(account, 1)])
        .await
        .unwrap();
}

pub(crate) async fn replacing_frees_the_old_bytes_and_takes_the_new(database: &Database) {
    let (store, account, image) = (&database.store, account(), image());
    append(store, image, 0, [uploaded(account, 1)])
        .await
        .unwrap();
    append(store, image, 1, [replaced(2)]).await.unwrap();
    let taken = append(store, crate::given::image(), 0, [uploaded(account, 2)]).await;
    assert!(matches!(taken, Err(StoreError::DuplicateContent { holder }) if holder == image));
    append(store, crate::given::image(), 0, [uploaded(account, 1)])
        .await
        .unwrap();
    assert_eq!(database.counts().await, [(account, 2)].into());
}

pub(crate) async fn replacing_by_bytes_held_elsewhere_names_the_holder(database: &Database) {
    let (store, account) = (&database.store, account());
    let (one, other) = (image(), image());
    append(store, one, 0, [uploaded(account, 1)]).await.unwrap();
    append(store, other, 0, [uploaded(account, 2)])
        .await
        .unwrap();
    let taken = append(store, other, 1, [replaced(1), set("a", "b")]).await;
    assert!(matches!(taken, Err(StoreError::DuplicateContent { holder }) if holder == one));
    assert_eq!(
        database.holders().await,
        [((account, digest(1)), one), ((account, digest(2)), other)].into()
    );
}

pub(crate) async fn the_image_limit_holds_under_concurrency(database: &Database) {
    let account = account();
    let outcomes = in_parallel(32, |number| {
        let store = database.store.clone();
        async move {
            let event = uploaded(account, number as u8);
            append_if(&store, image(), 0, [event], &limit(5)).await
        }
    })
    .await;
    let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(taken, 5);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(
            matches!(refused, StoreError::ImageLimitReached),
            "{refused:?}"
        );
    }
    assert_eq!(database.counts().await, [(account, 5)].into());
}

pub(crate) async fn an_accounts_own_limit_goes_before_the_servers(database: &Database) {
    let (store, account) = (&database.store, account());
    let opened = AccountEvent::AccountOpened {
        at: at(),
        name: "demo".into(),
        image_limit: Some(2),
    };
    store
        .append::<Account>(
            account.uuid(),
            0,
            vec![(opened, metadata())],
            &Conditions::default(),
        )
        .await
        .unwrap();
    let first = image();
    for (image, bytes) in [(first, 1), (image(), 2)] {
        append_if(store, image, 0, [uploaded(account, bytes)], &limit(1))
            .await
            .unwrap();
    }
    let third = append_if(store, image(), 0, [uploaded(account, 3)], &limit(10)).await;
    assert!(matches!(third, Err(StoreError::ImageLimitReached)));
    // A disabled image does not count.
    append(store, first, 1, [disabled()]).await.unwrap();
    append_if(store, image(), 0, [uploaded(account, 3)], &limit(10))
        .await
        .unwrap();
    let raised = AccountEvent::ImageLimitSet {
        at: at(),
        image_limit: None,
    };
    store
        .append::<Account>(
            account.uuid(),
            1,
            vec![(raised, metadata())],
            &Conditions::default(),
        )
        .await
        .unwrap();
    append_if(store, image(), 0, [uploaded(account, 4)], &limit(10))
        .await
        .unwrap();
}
