//! Accounts, keys, and the secrets of the installation.

use cqrs_es::Aggregate;
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use photolog_domain::{
    Account, AccountEvent, AccountId, AccountStatus, Key, KeyId, KeyVerifiers, Name, Scope,
    Timestamp,
};
use photolog_store::{
    AccountRecord, Conditions, MasterKeyError, MasterKeyFile, NewTokenFamily, Store, StoreError,
    Table, TokenSecret,
};
use uuid::Uuid;

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

fn verifiers(byte: u8) -> KeyVerifiers {
    KeyVerifiers {
        secret_sha256: digest(byte),
        signing_sha1: [byte; 20],
    }
}

fn key_id(number: usize) -> KeyId {
    format!("plk_abcdefghijklm{number:03}").parse().unwrap()
}

/// Issues a key with these verifiers, which are not in its event.
async fn issue(
    store: &Store,
    account: AccountId,
    sequence: u64,
    key_id: &KeyId,
    verifiers: &KeyVerifiers,
) -> Result<(), StoreError> {
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id.clone(),
        key: Key::new(verifiers, Scope::ALL),
    };
    let conditions = Conditions {
        verifiers: Some(verifiers.clone()),
        ..Conditions::default()
    };
    let events = vec![(issued, metadata())];
    store
        .append::<Account>(account.uuid(), sequence, events, &conditions)
        .await
        .map(drop)
}

pub(crate) async fn a_key_works_until_it_is_revoked(database: &Database) {
    let (store, account) = (&database.store, account());
    let (key_id, verifiers) = (key_id(1), verifiers(3));
    record(store, account, 0, opened("demo")).await;
    assert_eq!(store.key(&key_id).await.unwrap(), None);
    issue(store, account, 1, &key_id, &verifiers).await.unwrap();
    let known = store.key(&key_id).await.unwrap().unwrap();
    assert_eq!((known.account, known.scopes), (account, Scope::ALL.into()));
    assert_eq!(known.verifiers, Some(verifiers));
    assert!(!known.signing_key_logged);
    assert_eq!(database.count("keys").await, 1);
    assert_eq!(store.wrapped_secrets().await.unwrap().len(), 1);
    let revoked = AccountEvent::KeyRevoked {
        at: at(),
        key_id: key_id.clone(),
    };
    record(store, account, 2, revoked).await;
    assert_eq!(store.key(&key_id).await.unwrap(), None);
    assert!(store.wrapped_secrets().await.unwrap().is_empty());
}

pub(crate) async fn neither_events_nor_tables_hold_a_verifier_in_clear(database: &Database) {
    let (store, account) = (&database.store, account());
    let verifiers = KeyVerifiers {
        secret_sha256: digest(0xa7),
        signing_sha1: [0xb6; 20],
    };
    record(store, account, 0, opened("demo")).await;
    issue(store, account, 1, &key_id(1), &verifiers)
        .await
        .unwrap();
    store.token_secret([0xc5; 32]).await.unwrap();
    settle(store, 2).await;
    let events = store.archived_events(0, 10).await.unwrap();
    let text = serde_json::to_string(&events).unwrap();
    let secrets = serde_json::to_string(&store.wrapped_secrets().await.unwrap()).unwrap();
    assert!(text.contains(&verifiers.hashes().secret.to_string()));
    assert!(secrets.contains("token_secret"));
    for secret in ["a7a7a7", "b6b6b6", "c5c5c5"] {
        assert!(
            !text.contains(secret) && !secrets.contains(secret),
            "{secret}"
        );
    }
}

pub(crate) async fn verifiers_of_another_key_are_not_kept(database: &Database) {
    let (store, account) = (&database.store, account());
    record(store, account, 0, opened("demo")).await;
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id(1),
        key: Key::new(&verifiers(3), Scope::ALL),
    };
    let conditions = Conditions {
        verifiers: Some(verifiers(4)),
        ..Conditions::default()
    };
    let events = vec![(issued, metadata())];
    store
        .append::<Account>(account.uuid(), 1, events, &conditions)
        .await
        .unwrap();
    let known = store.key(&key_id(1)).await.unwrap().unwrap();
    assert_eq!(known.verifiers, None);
}

pub(crate) async fn a_key_of_an_old_event_works_by_the_verifiers_in_it(database: &Database) {
    let (store, account) = (&database.store, account());
    record(store, account, 0, opened("demo")).await;
    let payload = serde_json::json!({
        "type": "KeyIssued", "at": at(), "key_id": key_id(1),
        "key": {
            "secret_sha256": digest(3),
            "signing_sha1": "03".repeat(20),
            "scopes": ["images.read"],
        },
    });
    let event = SerializedEvent::new(
        account.to_string(),
        2,
        Account::TYPE.to_owned(),
        "KeyIssued".to_owned(),
        "1".to_owned(),
        payload,
        serde_json::to_value(metadata()).unwrap(),
    );
    store.persist::<Account>(&[event], None).await.unwrap();
    let known = store.key(&key_id(1)).await.unwrap().unwrap();
    assert_eq!(known.verifiers, Some(verifiers(3)));
    assert!(known.signing_key_logged);
}

pub(crate) async fn another_master_key_is_refused_and_none_is_not_made_again(database: &Database) {
    let store = &database.store;
    store.token_secret([1; 32]).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = MasterKeyFile::in_data_folder(elsewhere.path());
    assert!(other.create().unwrap());
    let refused = Store::open(&database.config, other).await.err().unwrap();
    let another = StoreError::MasterKey(MasterKeyError::Another(elsewhere.path().into()));
    assert_eq!(
        std::mem::discriminant(&refused),
        std::mem::discriminant(&another)
    );
    assert!(
        refused.to_string().contains("is not the master key"),
        "{refused}"
    );

    std::fs::remove_file(database.master_key.path()).unwrap();
    let refused = database.open_again().await.err().unwrap().to_string();
    assert!(refused.contains("missing"), "{refused}");
    assert!(!database.master_key.path().exists());
}

pub(crate) async fn the_master_key_is_rotated_under_open_stores(database: &Database) {
    let (store, account) = (&database.store, account());
    let other = database.open_again().await.unwrap();
    record(store, account, 0, opened("demo")).await;
    issue(store, account, 1, &key_id(1), &verifiers(1))
        .await
        .unwrap();
    let token_secret = store.token_secret([1; 32]).await.unwrap();
    assert!(other.key(&key_id(1)).await.unwrap().is_some());
    let file = || std::fs::read_to_string(database.master_key.path()).unwrap();
    let (old, before) = (file(), store.wrapped_secrets().await.unwrap());

    let refused = store.rotate_master_key().await.err().unwrap().to_string();
    assert!(refused.contains("master-key prepare"), "{refused}");
    store.prepare_master_key().await.unwrap();
    let both = file();
    assert_eq!(store.rotate_master_key().await.unwrap(), 2);
    // Interrupted here, the file with both keys opens everything; so does the final state.
    for state in [both.clone(), both[old.len()..].to_owned()] {
        std::fs::write(database.master_key.path(), state).unwrap();
        let fresh = database.open_again().await.unwrap();
        for store in [&fresh, &other, store] {
            let key = store.key(&key_id(1)).await.unwrap().unwrap();
            assert_eq!(key.verifiers, Some(verifiers(1)));
            let kept = store.token_secret([2; 32]).await.unwrap();
            assert_eq!((kept.version, kept.secret), (1, token_secret.secret));
        }
        fresh.close().await;
    }
    std::fs::write(database.master_key.path(), both).unwrap();
    store.forget_old_master_key().await.unwrap();
    assert_ne!(file(), old);
    assert_eq!(file().len(), old.len());
    let after = store.wrapped_secrets().await.unwrap();
    assert_eq!(before.len(), after.len());
    assert_ne!(before, after);

    // Another process adds a key under the new master key, without a restart.
    issue(&other, account, 2, &key_id(2), &verifiers(2))
        .await
        .unwrap();
    let fresh = database.open_again().await.unwrap();
    let key = fresh.key(&key_id(2)).await.unwrap().unwrap();
    assert_eq!(key.verifiers, Some(verifiers(2)));
    std::fs::write(database.master_key.path(), old).unwrap();
    assert!(database.open_again().await.is_err());
    other.close().await;
    fresh.close().await;
}

pub(crate) async fn keys_issued_during_a_rotation_work_after_it(database: &Database) {
    let store = database.store.clone();
    let issuing = tokio::spawn(async move {
        for number in 0..60 {
            let account = account();
            record(&store, account, 0, opened("demo")).await;
            issue(
                &store,
                account,
                1,
                &key_id(number),
                &verifiers(number as u8),
            )
            .await
            .unwrap();
        }
    });
    let rotating = database.open_again().await.unwrap();
    let mut rotations = 0;
    while !issuing.is_finished() || rotations < 2 {
        rotating.prepare_master_key().await.unwrap();
        rotating.rotate_master_key().await.unwrap();
        rotating.forget_old_master_key().await.unwrap();
        rotations += 1;
    }
    issuing.await.unwrap();
    assert!(rotations > 1, "{rotations}");
    let fresh = database.open_again().await.unwrap();
    for number in 0..60 {
        let key = fresh.key(&key_id(number)).await.unwrap().unwrap();
        assert_eq!(key.verifiers, Some(verifiers(number as u8)));
    }
    rotating.close().await;
    fresh.close().await;
}

pub(crate) async fn accounts_are_listed_oldest_first(database: &Database) {
    let store = &database.store;
    let mut expected = Vec::new();
    for name in ["one", "two", "three"] {
        let account = account();
        let event = opened(name);
        let AccountEvent::AccountOpened { at, .. } = event else {
            unreachable!();
        };
        record(store, account, 0, event).await;
        expected.push(AccountRecord {
            account,
            name: name.to_owned(),
            image_limit: Some(3),
            status: AccountStatus::Open,
            created_at: at,
            images: 0,
        });
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    assert_eq!(store.accounts().await.unwrap(), expected);
}

pub(crate) async fn the_token_secret_is_made_once_and_replaced_on_demand(database: &Database) {
    let store = &database.store;
    let secret = |kept: TokenSecret| (kept.version, kept.secret);
    let made = in_parallel(8, |number| {
        let store = store.clone();
        async move { store.token_secret([number as u8 + 1; 32]).await.unwrap() }
    })
    .await;
    let first = secret(made[0]);
    assert_eq!(first.0, 1);
    assert!(made.into_iter().all(|kept| secret(kept) == first));
    let second = secret(store.rotate_token_secret([9; 32]).await.unwrap());
    assert_eq!(second, (2, [9; 32]));
    let other = database.open_again().await.unwrap();
    assert_eq!(secret(other.token_secret([3; 32]).await.unwrap()), second);
    other.close().await;
}

/// The account as it is listed.
async fn listed(store: &Store, account: AccountId) -> AccountRecord {
    let accounts = store.accounts().await.unwrap();
    let found = accounts
        .into_iter()
        .find(|record| record.account == account);
    found.unwrap()
}

pub(crate) async fn an_accounts_name_and_status_are_known_at_once(database: &Database) {
    let (store, account) = (&database.store, account());
    let other = database.open_again().await.unwrap();
    store.token_secret([1; 32]).await.unwrap();
    record(store, account, 0, opened("demo")).await;
    issue(store, account, 1, &key_id(1), &verifiers(1))
        .await
        .unwrap();
    let family = NewTokenFamily {
        family: Uuid::now_v7(),
        key_id: key_id(1),
        scope: String::new(),
        lifetime_millis: 60_000,
    };
    store.begin_token_family(&family).await.unwrap().unwrap();
    let reason = |text: &str| Some(text.parse().unwrap());
    let renamed = AccountEvent::AccountRenamed {
        at: at(),
        name: "shop".parse().unwrap(),
    };
    record(store, account, 2, renamed).await;
    let suspended = AccountEvent::AccountSuspended {
        at: at(),
        reason: reason("unpaid"),
    };
    let closed = AccountEvent::AccountClosed {
        at: at(),
        reason: None,
    };
    for (sequence, event, status) in [
        (3, suspended, AccountStatus::Suspended(reason("unpaid"))),
        (
            4,
            AccountEvent::AccountResumed { at: at() },
            AccountStatus::Open,
        ),
        (5, closed, AccountStatus::Closed(None)),
        (
            6,
            AccountEvent::AccountReopened { at: at() },
            AccountStatus::Open,
        ),
    ] {
        record(store, account, sequence, event).await;
        for node in [store, &other] {
            let key = node.key(&key_id(1)).await.unwrap().unwrap();
            assert_eq!(key.account_status, status);
            let family = node.token_family(family.family).await.unwrap().unwrap();
            assert_eq!(family.account_status, status);
            let listed = listed(node, account).await;
            assert_eq!(
                (listed.name.as_str(), listed.status),
                ("shop", status.clone())
            );
        }
    }
    other.close().await;
}

pub(crate) async fn a_key_and_its_tokens_end_when_it_expires(database: &Database) {
    let (store, account) = (&database.store, account());
    store.token_secret([1; 32]).await.unwrap();
    record(store, account, 0, opened("demo")).await;
    let end = Timestamp::from_unix_millis(at().unix_millis() + 1_500).unwrap();
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id(1),
        key: Key {
            expires_at: Some(end),
            ..Key::new(&verifiers(1), Scope::ALL)
        },
    };
    record(store, account, 1, issued).await;
    let family = NewTokenFamily {
        family: Uuid::now_v7(),
        key_id: key_id(1),
        scope: String::new(),
        lifetime_millis: 60_000,
    };
    let begun = store.begin_token_family(&family).await.unwrap().unwrap();
    assert_eq!(begun.expires_at, end.unix_millis());
    assert!(store.key(&key_id(1)).await.unwrap().is_some());
    tokio::time::sleep(std::time::Duration::from_millis(1_600)).await;
    assert_eq!(store.key(&key_id(1)).await.unwrap(), None);
    assert_eq!(store.token_family(family.family).await.unwrap(), None);
    let late = NewTokenFamily {
        family: Uuid::now_v7(),
        ..family
    };
    assert_eq!(store.begin_token_family(&late).await.unwrap(), None);
    let record = &database.rows(Table::Keys).await[0];
    assert_eq!(record["expires_at"], end.unix_millis());
}

pub(crate) async fn the_use_of_a_key_is_noted_once_a_minute(database: &Database) {
    let (store, account) = (&database.store, account());
    assert!(store.key_uses(account).await.unwrap().is_empty());
    store.note_key_use(account, &key_id(1)).await.unwrap();
    let first = store.key_uses(account).await.unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), [&key_id(1)]);
    store.note_key_use(account, &key_id(1)).await.unwrap();
    assert_eq!(store.key_uses(account).await.unwrap(), first);
    database
        .execute("UPDATE key_uses SET used_at = used_at - 61000")
        .await;
    store.note_key_use(account, &key_id(1)).await.unwrap();
    assert!(store.key_uses(account).await.unwrap() >= first);
    assert!(store.key_uses(self::account()).await.unwrap().is_empty());
}

pub(crate) async fn an_actor_is_called_what_its_key_is_also_after_that_was_revoked(
    database: &Database,
) {
    let (store, account) = (&database.store, account());
    record(store, account, 0, opened("demo")).await;
    let name: Name = "importer".parse().unwrap();
    let issued = |number: usize, name: Option<&Name>| AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id(number),
        key: Key {
            name: name.cloned(),
            ..Key::new(&verifiers(number as u8), Scope::ALL)
        },
    };
    record(store, account, 1, issued(1, Some(&name))).await;
    record(store, account, 2, issued(2, None)).await;
    let actors = [key_id(1).to_string(), key_id(2).to_string()];
    let names = async |store: &Store| {
        let actors = actors.iter().map(String::as_str);
        let actors = actors.chain(["operator:jo", "operator"]);
        store.actor_names(account, actors).await.unwrap()
    };
    let known = names(store).await;
    assert_eq!(known.get(&actors[0]), Some(&name));
    assert_eq!(known.get(&actors[1]), None);
    assert_eq!(known.get("operator:jo"), None);
    let other = database.open_again().await.unwrap();
    let revoked = AccountEvent::KeyRevoked {
        at: at(),
        key_id: key_id(1),
    };
    record(&other, account, 3, revoked).await;
    record(&other, account, 4, issued(3, Some(&name))).await;
    assert_eq!(names(store).await, known);
    let third = key_id(3).to_string();
    let newer = store.actor_names(account, [third.as_str()]).await.unwrap();
    assert_eq!(newer.get(&third), Some(&name));
    other.close().await;
}
