//! Token families: which of a log-in's tokens are still valid, and for how long.

use std::collections::BTreeSet;

use photolog_domain::{Account, AccountEvent, AccountId, Key, KeyId, KeyVerifiers, Scope};
use photolog_store::tokens::{FAMILIES_PER_KEY, REPEAT_MILLIS};
use photolog_store::{Conditions, NewTokenFamily, Refreshed, Store, TokenFamily};
use uuid::Uuid;

use crate::given::*;

const HOUR: i64 = 60 * 60 * 1_000;

/// An account with a key of this name.
async fn key(store: &Store, name: char) -> (AccountId, KeyId) {
    let account = account();
    let key_id: KeyId = format!("plk_{}", name.to_string().repeat(16))
        .parse()
        .unwrap();
    let opened = AccountEvent::AccountOpened {
        at: at(),
        name: "demo".to_owned(),
        image_limit: None,
    };
    let verifiers = KeyVerifiers {
        secret_sha256: digest(3),
        signing_sha1: [3; 20],
    };
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id.clone(),
        key: Key::new(&verifiers, [Scope::ImagesRead]),
    };
    // The node has read the secret before any client can log in.
    store.token_secret([1; 32]).await.unwrap();
    append_to(store, account, 0, opened).await;
    let conditions = Conditions {
        verifiers: Some(verifiers),
        ..Conditions::default()
    };
    let events = vec![(issued, metadata())];
    let issued = store.append::<Account>(account.uuid(), 1, events, &conditions);
    issued.await.unwrap();
    (account, key_id)
}

async fn append_to(store: &Store, account: AccountId, sequence: u64, event: AccountEvent) {
    let events = vec![(event, metadata())];
    store
        .append::<Account>(account.uuid(), sequence, events, &Conditions::default())
        .await
        .unwrap();
}

fn family(key_id: &KeyId) -> NewTokenFamily {
    NewTokenFamily {
        family: Uuid::now_v7(),
        key_id: key_id.clone(),
        scope: "images.read".to_owned(),
        lifetime_millis: HOUR,
    }
}

async fn begun(store: &Store, key_id: &KeyId) -> TokenFamily {
    let begun = store.begin_token_family(&family(key_id)).await;
    begun.unwrap().unwrap()
}

async fn lives(store: &Store, family: &TokenFamily) -> bool {
    store.token_family(family.family).await.unwrap().is_some()
}

/// The number of the new refresh token.
fn granted(refreshed: Refreshed) -> i64 {
    match refreshed {
        Refreshed::Granted(family) => family.refresh_number,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_family_lives_until_it_is_ended(database: &Database) {
    let store = &database.store;
    let (account, key_id) = key(store, 'a').await;
    let (_, other) = key(store, 'b').await;
    let first = begun(store, &key_id).await;
    let found = store.token_family(first.family).await.unwrap().unwrap();
    assert_eq!((found.account, &found.key_id), (account, &key_id));
    assert_eq!(found.key_scopes, BTreeSet::from([Scope::ImagesRead]));
    assert_eq!(found.scope, "images.read");
    assert_eq!(found.expires_at, first.expires_at);
    assert!((first.expires_at - first.now - HOUR).abs() < 1_000);
    assert_eq!(found.refresh_number, 1);

    let second = begun(store, &key_id).await;
    store.end_token_family(first.family, &other).await.unwrap();
    assert!(lives(store, &first).await);
    store.end_token_family(first.family, &key_id).await.unwrap();
    assert!(!lives(store, &first).await && lives(store, &second).await);
    store.end_token_family(first.family, &key_id).await.unwrap();
    let refreshed = store.refresh_token_family(first.family, &key_id, 1).await;
    assert_eq!(refreshed.unwrap(), Refreshed::Unknown);
}

pub(crate) async fn a_revoked_key_has_no_families(database: &Database) {
    let store = &database.store;
    let (account, key_id) = key(store, 'a').await;
    let family = begun(store, &key_id).await;
    let revoked = AccountEvent::KeyRevoked {
        at: at(),
        key_id: key_id.clone(),
    };
    append_to(store, account, 2, revoked).await;
    assert!(!lives(store, &family).await);
    let refreshed = store.refresh_token_family(family.family, &key_id, 1).await;
    assert_eq!(refreshed.unwrap(), Refreshed::Unknown);
    let new = self::family(&key_id);
    assert_eq!(store.begin_token_family(&new).await.unwrap(), None);
}

pub(crate) async fn a_family_ends_in_time_and_its_row_goes(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let family = begun(store, &key_id).await;
    let past = format!("UPDATE token_families SET expires_at = {}", family.now - 1);
    database.execute(&past).await;
    assert!(!lives(store, &family).await);
    let refreshed = store.refresh_token_family(family.family, &key_id, 1).await;
    assert_eq!(refreshed.unwrap(), Refreshed::Unknown);
    assert_eq!(database.count("token_families").await, 1);
    begun(store, &key_id).await;
    assert_eq!(database.count("token_families").await, 1);
}

pub(crate) async fn each_refresh_spends_its_token(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let (_, other) = key(store, 'b').await;
    let family = begun(store, &key_id).await;
    let refresh = async |key_id: &KeyId, number| {
        let refreshed = store.refresh_token_family(family.family, key_id, number);
        refreshed.await.unwrap()
    };
    assert_eq!(refresh(&other, 1).await, Refreshed::Unknown);
    assert_eq!(granted(refresh(&key_id, 1).await), 2);
    assert_eq!(granted(refresh(&key_id, 2).await), 3);
    // A number never issued, as after a power cut that lost it.
    assert_eq!(refresh(&key_id, 9).await, Refreshed::Unknown);
    assert_eq!(granted(refresh(&key_id, 3).await), 4);
    // Another client cannot end the family with a stolen token.
    assert_eq!(refresh(&other, 1).await, Refreshed::Unknown);
    assert!(lives(store, &family).await);
    assert_eq!(refresh(&key_id, 1).await, Refreshed::Reused);
    assert!(!lives(store, &family).await);
    assert_eq!(refresh(&key_id, 4).await, Refreshed::Unknown);
}

pub(crate) async fn a_lost_answer_may_be_asked_for_again_for_a_while(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let family = begun(store, &key_id).await;
    let refresh = async |number| {
        let refreshed = store.refresh_token_family(family.family, &key_id, number);
        refreshed.await.unwrap()
    };
    let age = async |millis: i64| {
        let older = format!("UPDATE token_families SET refreshed_at = refreshed_at - {millis}");
        database.execute(&older).await;
    };
    assert_eq!(granted(refresh(1).await), 2);
    for _ in 0..3 {
        assert_eq!(granted(refresh(1).await), 2);
    }
    // Repeating it does not extend the period.
    age(REPEAT_MILLIS / 2).await;
    assert_eq!(granted(refresh(1).await), 2);
    age(REPEAT_MILLIS / 2).await;
    assert_eq!(refresh(1).await, Refreshed::Reused);
    assert!(!lives(store, &family).await);
}

pub(crate) async fn of_many_parallel_refreshes_all_get_the_same_successor(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let family = begun(store, &key_id).await.family;
    for number in 1..4 {
        let refreshed = in_parallel(16, |_| {
            let (store, key_id) = (store.clone(), key_id.clone());
            async move { store.refresh_token_family(family, &key_id, number).await }
        })
        .await;
        for refreshed in refreshed {
            assert_eq!(granted(refreshed.unwrap()), number + 1);
        }
    }
}

pub(crate) async fn a_key_has_so_many_families_and_the_oldest_ends(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let (_, other) = key(store, 'b').await;
    let spared = begun(store, &other).await;
    let oldest = begun(store, &key_id).await;
    // Up to the maximum number, each slightly younger.
    let copies = format!(
        "WITH RECURSIVE numbers (n) AS
           (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {FAMILIES_PER_KEY})
         INSERT INTO token_families SELECT 'copy ' || n, key_id, scope, began_at + n, expires_at,
           refresh_number, refreshed_at
         FROM token_families, numbers WHERE key_id = '{key_id}'"
    );
    database.execute(&copies).await;
    database
        .execute("UPDATE token_families SET began_at = began_at - 10000")
        .await;
    assert!(lives(store, &oldest).await);
    let newest = begun(store, &key_id).await;
    assert!(!lives(store, &oldest).await);
    assert!(lives(store, &newest).await && lives(store, &spared).await);
    assert_eq!(
        database.count("token_families").await,
        i64::from(FAMILIES_PER_KEY) + 1
    );

    let more = in_parallel(16, |_| {
        let (store, new) = (store.clone(), self::family(&key_id));
        async move { store.begin_token_family(&new).await }
    });
    assert!(more.await.iter().all(Result::is_ok));
    assert_eq!(
        database.count("token_families").await,
        i64::from(FAMILIES_PER_KEY) + 1
    );
}

pub(crate) async fn a_family_says_by_which_secret_tokens_are_signed(database: &Database) {
    let store = &database.store;
    let (_, key_id) = key(store, 'a').await;
    let first = store.token_secret([1; 32]).await.unwrap();
    assert!(first.secret == [1; 32]);
    assert!(store.token_secret([2; 32]).await.unwrap() == first);
    let family = begun(store, &key_id).await;
    assert_eq!(family.secret_version, first.version);
    let second = store.rotate_token_secret([2; 32]).await.unwrap();
    assert!(second.version > first.version && second.secret == [2; 32]);
    assert!(store.token_secret([3; 32]).await.unwrap() == second);
    let later = begun(store, &key_id).await;
    assert_eq!(later.secret_version, second.version);
}
