//! Events written by a newer program: read and shown, but neither ignored nor granting anything.

use photolog_domain::{
    Account, AccountEvent, DialectName, Image, ImageEvent, Key, KeyId, KeyVerifiers, Scope, Word,
};
use photolog_store::{Conditions, Fact, ImageRow, StoreError, Table};

use crate::given::*;

const PAYLOAD: &str = r#"{"type":"Sold",  "price":1.50}"#;

pub(crate) async fn an_event_that_only_a_newer_program_knows_is_shown_and_folded_past(
    database: &Database,
) {
    let store = &database.store;
    let image = image();
    let first = [uploaded(account(), 1)];
    append(store, image, 0, first).await.unwrap();
    let before = store.load::<Image>(image.uuid()).await.unwrap();
    assert!(!before.aggregate.state().unwrap().has_newer_events);
    database.write_newer("Image", image.uuid(), PAYLOAD).await;
    settle(store, 2).await;

    // From the cache and from the beginning.
    for store in [store, &database.open_again().await.unwrap()] {
        let loaded = store.load::<Image>(image.uuid()).await.unwrap();
        assert_eq!(loaded.sequence, 2);
        assert!(loaded.aggregate.state().unwrap().has_newer_events);
    }
    let stale = append(store, image, 1, [disabled()]).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    append(store, image, 2, [set("a", "1")]).await.unwrap();

    let recorded = store.image_events(image, 0, u32::MAX).await.unwrap();
    assert_eq!(recorded.len(), 3);
    let Fact::Newer {
        event_type,
        payload,
    } = &recorded[1].event
    else {
        panic!("{recorded:?}");
    };
    assert_eq!((event_type.as_str(), payload.get()), ("Sold", PAYLOAD));
    assert_eq!(recorded[1].metadata.dialect, DialectName::new("imgix"));
    assert_eq!(recorded[0].metadata.dialect, DialectName::MOOV);
    settle(store, 3).await;
    let log = store.read_log(1, 1).await.unwrap();
    assert_eq!(log[0].event::<ImageEvent>().unwrap(), None);
    assert_eq!(log[0].payload.get(), PAYLOAD);
}

fn verifiers(secret: u8) -> KeyVerifiers {
    KeyVerifiers {
        secret_sha256: digest(secret),
        signing_sha1: [secret; 20],
    }
}

/// An account with one key.
async fn open_account(database: &Database, key_id: &KeyId, key: Key) -> photolog_domain::AccountId {
    let account = account();
    let opened = AccountEvent::AccountOpened {
        at: at(),
        name: "shop".to_owned(),
        image_limit: None,
    };
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id.clone(),
        key,
    };
    let events = [opened, issued].map(|event| (event, metadata())).into();
    let stream = account.uuid();
    let conditions = Conditions::default();
    let appended = database
        .store
        .append::<Account>(stream, 0, events, &conditions);
    appended.await.unwrap();
    account
}

pub(crate) async fn an_account_with_such_an_event_has_its_keys_refused(database: &Database) {
    let (key_id, other_id): (KeyId, KeyId) = (
        "plk_abcdefghijklmnop".parse().unwrap(),
        "plk_bbcdefghijklmnop".parse().unwrap(),
    );
    let key = |secret| Key::new(&verifiers(secret), Scope::ALL);
    let account = open_account(database, &key_id, key(1)).await;
    open_account(database, &other_id, key(2)).await;
    let family = photolog_store::NewTokenFamily {
        family: uuid::Uuid::now_v7(),
        key_id: key_id.clone(),
        scope: "all".to_owned(),
        lifetime_millis: 60_000,
    };
    let store = &database.store;
    store.token_secret([5; 32]).await.unwrap();
    store.begin_token_family(&family).await.unwrap().unwrap();
    let other = database.open_again().await.unwrap();
    for is_newer in [false, true] {
        for store in [store, &other] {
            let known = store.key(&key_id).await.unwrap().unwrap();
            assert_eq!(known.has_newer_events, is_newer);
            let known = store.token_family(family.family).await.unwrap().unwrap();
            assert_eq!(known.has_newer_events, is_newer);
            let known = store.key(&other_id).await.unwrap().unwrap();
            assert!(!known.has_newer_events);
        }
        if !is_newer {
            let stream = account.uuid();
            database.write_newer("Account", stream, PAYLOAD).await;
        }
    }
    // The feed still shows the names of the keys.
    let names = store.actor_names(account, [key_id.as_str()]).await;
    assert_eq!(names.unwrap().get(key_id.as_str()), None);
}

pub(crate) async fn an_image_with_such_an_event_is_not_shown(database: &Database) {
    let store = &database.store;
    let image = image();
    append(store, image, 0, [uploaded(account(), 1)])
        .await
        .unwrap();
    let loaded = store.load::<Image>(image.uuid()).await.unwrap();
    let mut row = ImageRow {
        image,
        sequence: 1,
        created_position: 1,
        state: loaded.aggregate.into_state().unwrap(),
    };
    let (link, master) = (row.state.public_id.clone(), row.state.master.digest);
    for is_newer in [false, true] {
        row.state.has_newer_events = is_newer;
        row.sequence += u64::from(is_newer);
        let rows = std::slice::from_ref(&row);
        let from = i64::from(is_newer);
        let saved = store.save_image_rows("view", 1, from, from + 1, rows).await;
        assert!(saved.unwrap());
        let shown = store.public_image(&link).await;
        match is_newer {
            false => assert_eq!(shown.unwrap().unwrap().image, image),
            true => assert!(matches!(shown, Err(StoreError::WrittenByNewerVersion))),
        }
        assert_eq!(store.is_master(&master).await.unwrap(), !is_newer);
    }
}

pub(crate) async fn unknown_scopes_are_kept_and_grant_nothing(database: &Database) {
    let key_id: KeyId = "plk_abcdefghijklmnop".parse().unwrap();
    let mut key = Key::new(&verifiers(1), [Scope::ImagesRead]);
    key.scopes.insert(Word::Unknown("images.share".into()));
    let account = open_account(database, &key_id, key.clone()).await;
    let known = database.store.key(&key_id).await.unwrap().unwrap();
    assert_eq!(known.scopes, [Scope::ImagesRead].into());
    let rows = database.rows(Table::Keys).await;
    assert_eq!(rows[0]["scopes"], "images.read images.share");
    let expected = photolog_store::derived::key(account, &key_id, &key);
    assert_eq!(rows[0]["scopes"], expected["scopes"]);
    let other = database.open_again().await.unwrap();
    let loaded = other.load::<Account>(account.uuid()).await.unwrap();
    assert_eq!(loaded.aggregate.state().unwrap().keys[&key_id].key, key);
}

pub(crate) async fn a_log_with_such_events_can_be_imported(database: &Database) {
    let from = &database.store;
    let (image, account) = (image(), account());
    append(from, image, 0, [uploaded(account, 1)])
        .await
        .unwrap();
    database.write_newer("Image", image.uuid(), PAYLOAD).await;
    settle(from, 2).await;
    append(from, image, 2, [set("a", "1")]).await.unwrap();
    settle(from, 3).await;
    let log = whole_log(from).await;
    assert_eq!(log[1].payload, PAYLOAD);
    let copy = Database::sqlite().await;
    let mut import = copy.store.import().await.unwrap();
    import.add(&log).await.unwrap();
    import.commit().await.unwrap();
    assert_eq!(whole_log(&copy.store).await, log);
    assert_eq!(copy.counts().await, [(account, 1)].into());
    copy.close().await;
}
