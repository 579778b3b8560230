//! Accounts, keys and the installation's secret.

use std::collections::BTreeSet;

use photolog_domain::{Account, AccountEvent, AccountId, Key, KeyId, Scope};
use photolog_store::{AccountRecord, Conditions, Store};

use crate::given::*;

async fn record(store: &Store, account: AccountId, sequence: u64, event: AccountEvent) {
    let events = vec![(event, metadata())];
    store
        .append::<Account>(account.uuid(), sequence, events, &Conditions::default())
        .await
        .unwrap();
}

fn opened(name: &str) -> AccountEvent {
    AccountEvent::AccountOpened {
        at: at(),
        name: name.to_owned(),
        image_limit: Some(3),
    }
}

pub(crate) async fn a_key_works_until_it_is_revoked(database: &Database) {
    let (store, account) = (&database.store, account());
    let key_id: KeyId = "plk_abcdefghijklmnop".parse().unwrap();
    let scopes = BTreeSet::from([Scope::ImagesRead, Scope::HistoryRead]);
    record(store, account, 0, opened("demo")).await;
    assert_eq!(store.key(&key_id).await.unwrap(), None);
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id.clone(),
        key: Key {
            secret_sha256: digest(3),
            signing_sha1: "03".repeat(20),
            scopes: scopes.clone(),
        },
    };
    record(store, account, 1, issued).await;
    let known = store.key(&key_id).await.unwrap().unwrap();
    assert_eq!((known.account, known.scopes), (account, scopes));
    assert_eq!(known.secret_sha256, digest(3));
    assert_eq!(store.keys().await.unwrap().len(), 1);
    let revoked = AccountEvent::KeyRevoked {
        at: at(),
        key_id: key_id.clone(),
    };
    record(store, account, 2, revoked).await;
    assert_eq!(store.key(&key_id).await.unwrap(), None);
}

pub(crate) async fn accounts_are_listed_oldest_first(database: &Database) {
    let store = &database.store;
    let mut expected = Vec::new();
    for name in ["one", "two", "three"] {
        let account = account();
        record(store, account, 0, opened(name)).await;
        expected.push(AccountRecord {
            account,
            name: name.to_owned(),
            image_limit: Some(3),
        });
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    assert_eq!(store.accounts().await.unwrap(), expected);
}

pub(crate) async fn the_token_secret_is_made_once(database: &Database) {
    let first = database.store.token_secret([1; 32]).await.unwrap();
    let second = database.store.token_secret([2; 32]).await.unwrap();
    assert_eq!((first.secret, second.secret), ([1; 32], [1; 32]));
}
