//! The image view: rows and checkpoint in one transaction, lists, public links, waiting.

use std::time::Duration;

use cqrs_es::Aggregate;
use photolog_domain::{AccountId, Image, ImageEvent, ImageId, Timestamp};
use photolog_store::{
    Appended, ImageFilter, ImageList, ImageRow, ListStart, Position, SortOrder, Store, StoreError,
    Swapped,
};

use crate::given::*;

pub(crate) const NAME: &str = "image_view";

fn row(image: ImageId, created_position: i64, events: &[ImageEvent]) -> ImageRow {
    let mut fold = Image::default();
    for event in events {
        fold.apply(event.clone());
    }
    ImageRow {
        image,
        sequence: events.len() as u64,
        created_position,
        state: fold.into_state().unwrap(),
    }
}

pub(crate) fn fresh(account: AccountId, created_position: i64) -> ImageRow {
    row(image(), created_position, &[uploaded(account, 1)])
}

pub(crate) async fn rows_and_checkpoint_move_together(database: &Database) {
    let store = &database.store;
    let one = fresh(account(), 1);
    let save = |from, to, rows: Vec<ImageRow>| async move {
        store
            .save_image_rows(NAME, 1, from, to, &rows)
            .await
            .unwrap()
    };
    assert_eq!(store.checkpoint(NAME, 1).await.unwrap(), 0);
    assert!(!save(5, 6, vec![one.clone()]).await);
    assert!(save(0, 3, vec![one.clone()]).await);
    assert_eq!(store.checkpoint(NAME, 1).await.unwrap(), 3);
    let kept = store.image_rows(&[one.image]).await.unwrap();
    assert_eq!(kept, std::slice::from_ref(&one));
    // Another projector that is where this one was writes nothing.
    let late = fresh(account(), 2);
    assert!(!save(0, 4, vec![late.clone()]).await);
    assert!(!save(2, 4, vec![late.clone()]).await);
    assert_eq!(store.image_rows(&[late.image]).await.unwrap(), []);
    assert!(save(3, 9, vec![]).await);
    assert_eq!(store.checkpoint(NAME, 1).await.unwrap(), 9);
    assert_eq!(database.count("image_view").await, 1);
}

pub(crate) async fn a_checkpoint_moves_alone_and_is_forgotten(database: &Database) {
    const OTHER: &str = "other";
    let store = &database.store;
    let shown = fresh(account(), 1);
    let rows = std::slice::from_ref(&shown);
    assert!(store.save_image_rows(NAME, 1, 0, 7, rows).await.unwrap());
    let step = |version, from, to| async move {
        store
            .move_checkpoint(OTHER, version, from, to)
            .await
            .unwrap()
    };
    assert!(!step(1, 5, 6).await);
    assert!(step(1, 0, 3).await);
    assert!(!step(1, 0, 3).await);
    assert!(!step(1, 2, 4).await);
    assert!(step(1, 3, 5).await);
    assert_eq!(store.checkpoint(OTHER, 1).await.unwrap(), 5);
    // A new version starts over, and the old program does not revert it.
    assert!(step(2, 0, 2).await);
    assert!(!step(1, 5, 6).await);
    assert_eq!(store.checkpoint(OTHER, 1).await.unwrap(), 0);
    assert_eq!(store.checkpoint(OTHER, 2).await.unwrap(), 2);

    store.forget_checkpoint(OTHER).await.unwrap();
    assert_eq!(store.checkpoint(OTHER, 2).await.unwrap(), 0);
    assert!(!step(2, 2, 3).await);
    assert!(step(2, 0, 4).await);
    // None of this affects other projections.
    assert_eq!(store.checkpoint(NAME, 1).await.unwrap(), 7);
    assert_eq!(store.image_rows(&[shown.image]).await.unwrap(), rows);
}

pub(crate) async fn a_row_never_goes_back(database: &Database) {
    let (store, image) = (&database.store, image());
    let events = [uploaded(account(), 1), set("a", "b")];
    let (old, new) = (row(image, 1, &events[..1]), row(image, 1, &events));
    for (from, to, row) in [(0, 1, &old), (1, 2, &new), (2, 3, &old)] {
        let rows = std::slice::from_ref(row);
        assert!(
            store
                .save_image_rows(NAME, 1, from, to, rows)
                .await
                .unwrap()
        );
    }
    assert_eq!(store.image_rows(&[image]).await.unwrap(), [new]);
}

pub(crate) async fn lists_are_newest_first_and_paged(database: &Database) {
    let (store, account) = (&database.store, account());
    let mut rows: Vec<_> = (1..=5).map(|position| fresh(account, position)).collect();
    let foreign = fresh(crate::given::account(), 6);
    rows.push(foreign);
    assert!(store.save_image_rows(NAME, 1, 0, 6, &rows).await.unwrap());
    let positions = |skip, count| async move {
        let list = ImageList {
            skip,
            count,
            ..newest_first(account)
        };
        positions(store, &list).await
    };
    assert_eq!(positions(0, 2).await, [5, 4]);
    assert_eq!(positions(2, 20).await, [3, 2, 1]);
    assert_eq!(positions(u64::MAX, u64::MAX).await, [0; 0]);
}

pub(crate) async fn lists_are_filtered_turned_and_resumed(database: &Database) {
    let (store, account) = (&database.store, account());
    let mut rows: Vec<_> = (1..=5).map(|position| fresh(account, position)).collect();
    let second = |number| Timestamp::from_unix_millis(number * 1_000).unwrap();
    for row in &mut rows {
        row.state.created_at = second(row.created_position);
        row.state.disabled_at = (row.created_position % 2 == 0).then_some(row.state.updated_at);
    }
    let foreign = fresh(crate::given::account(), 6);
    let (marker, unknown) = (rows[1].image, image());
    rows.push(foreign);
    assert!(store.save_image_rows(NAME, 1, 0, 6, &rows).await.unwrap());
    for (which, order, start, expected) in [
        (
            ImageFilter::Enabled,
            SortOrder::NewestFirst,
            ListStart::First,
            vec![5, 3, 1],
        ),
        (
            ImageFilter::Disabled,
            SortOrder::OldestFirst,
            ListStart::First,
            vec![2, 4],
        ),
        (
            ImageFilter::All,
            SortOrder::OldestFirst,
            ListStart::After(marker),
            vec![3, 4, 5],
        ),
        (
            ImageFilter::All,
            SortOrder::NewestFirst,
            ListStart::After(marker),
            vec![1],
        ),
        (
            ImageFilter::Enabled,
            SortOrder::NewestFirst,
            ListStart::After(marker),
            vec![1],
        ),
        (
            ImageFilter::All,
            SortOrder::NewestFirst,
            ListStart::After(unknown),
            vec![],
        ),
        (
            ImageFilter::All,
            SortOrder::NewestFirst,
            ListStart::At(second(3)),
            vec![3, 2, 1],
        ),
        (
            ImageFilter::All,
            SortOrder::OldestFirst,
            ListStart::At(second(3)),
            vec![3, 4, 5],
        ),
    ] {
        let list = ImageList {
            which,
            order,
            start,
            ..newest_first(account)
        };
        assert_eq!(positions(store, &list).await, expected, "{list:?}");
    }
    for (which, count) in [
        (ImageFilter::All, 5),
        (ImageFilter::Enabled, 3),
        (ImageFilter::Disabled, 2),
    ] {
        assert_eq!(store.count_listed(account, which).await.unwrap(), count);
    }
}

fn newest_first(account: AccountId) -> ImageList {
    ImageList {
        account,
        which: ImageFilter::All,
        order: SortOrder::NewestFirst,
        start: ListStart::First,
        skip: 0,
        count: 100,
    }
}

async fn positions(store: &Store, list: &ImageList) -> Vec<Position> {
    let page = store.list_images(list).await.unwrap().rows;
    page.iter().map(|row| row.created_position).collect()
}

pub(crate) async fn a_public_link_finds_its_image(database: &Database) {
    let store = &database.store;
    let mut one = fresh(account(), 1);
    one.state.master.digest = digest(7);
    let rows = [one.clone(), fresh(account(), 2)];
    assert!(store.save_image_rows(NAME, 1, 0, 2, &rows).await.unwrap());
    let found = store.public_image(&one.state.public_id).await.unwrap();
    let found = found.unwrap();
    assert_eq!(
        (found.image, found.master),
        (one.image, one.state.master.clone())
    );
    let unknown = "abcdefghij_-ABCDEFGH1".parse().unwrap();
    assert_eq!(store.public_image(&unknown).await.unwrap(), None);
    for (status, is_public) in [("suspended", true), ("closed", false), ("open", true)] {
        let account = one.state.account;
        database.execute("DELETE FROM accounts").await;
        database
            .execute(&format!(
                "INSERT INTO accounts (account, name, created_at, status)
                 VALUES ('{account}', 'demo', 0, '{status}')"
            ))
            .await;
        let found = store.public_image(&one.state.public_id).await.unwrap();
        assert_eq!(found.is_some(), is_public, "{status}");
        let is_master = store.is_master(&one.state.master.digest).await.unwrap();
        assert_eq!(is_master, is_public, "{status}");
    }
}

pub(crate) async fn only_a_master_that_an_image_shows_is_one(database: &Database) {
    let store = &database.store;
    let (account, image) = (account(), image());
    let mut old = row(image, 1, &[uploaded(account, 1)]);
    let mut new = row(image, 1, &[uploaded(account, 1), replaced(2)]);
    old.state.content.digest = digest(3);
    new.state.content.digest = digest(4);
    let is_master = |row: &ImageRow| {
        let (store, state) = (store.clone(), row.state.clone());
        async move {
            let upload = store.is_master(&state.content.digest).await.unwrap();
            assert!(!upload, "an upload is not a master");
            store.is_master(&state.master.digest).await.unwrap()
        }
    };
    assert!(!is_master(&old).await);
    for (from, row, other) in [(0, &old, &new), (1, &new, &old)] {
        let rows = std::slice::from_ref(row);
        let saved = store.save_image_rows(NAME, 1, from, from + 1, rows).await;
        assert!(saved.unwrap());
        assert!(is_master(row).await);
        assert!(!is_master(other).await);
    }
    let mut view = store.begin_rebuilt_view().await.unwrap();
    view.save(&[new.clone()]).await.unwrap();
    let refused = store.begin_rebuilt_view().await;
    assert!(matches!(refused, Err(StoreError::Rebuilding)));
    let wrong = view.swap(NAME, 1, 2, 2).await.unwrap_err().to_string();
    assert!(wrong.contains("1 rows for 2 images"), "{wrong}");
    let swapped = view.swap(NAME, 1, 2, 1).await.unwrap();
    assert_eq!(swapped, Swapped::Yes);
    drop(view);
    drop(store.begin_rebuilt_view().await.unwrap());
    assert!(is_master(&new).await);
}

pub(crate) async fn a_writer_waits_until_its_write_is_visible(database: &Database) {
    let store = &database.store;
    let waiters = in_parallel(200, |_| {
        let store = store.clone();
        async move {
            let row = fresh(account(), 1);
            let appended = Appended {
                stream: row.image.uuid(),
                sequence: 1,
            };
            let task = tokio::spawn(async move {
                store
                    .wait_until_visible(&appended, Duration::from_secs(10))
                    .await
                    .unwrap()
            });
            (row, task)
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let rows: Vec<_> = waiters.iter().map(|(row, _)| row.clone()).collect();
    assert!(store.save_image_rows(NAME, 1, 0, 1, &rows).await.unwrap());
    for (_, task) in waiters {
        assert!(task.await.unwrap());
    }
    let never = Appended {
        stream: rows[0].image.uuid(),
        sequence: 2,
    };
    let seen = store.wait_until_visible(&never, Duration::from_millis(50));
    assert!(!seen.await.unwrap());
    // Written by a projector of another process, without a notification to this one.
    let other = database.open_again().await.unwrap();
    database.sequencer_stops();
    store.resign_lead().await.unwrap();
    let _lead = other.lead().await.unwrap();
    let later = row(
        rows[0].image,
        1,
        &[uploaded(rows[0].state.account, 1), set("a", "b")],
    );
    let waiting = store.wait_until_visible(&never, Duration::from_secs(10));
    let save = other.save_image_rows(NAME, 1, 1, 2, std::slice::from_ref(&later));
    let (seen, saved) = tokio::join!(waiting, save);
    assert!(seen.unwrap() && saved.unwrap());
    other.close().await;
}

pub(crate) async fn a_newer_version_starts_over(database: &Database) {
    let store = &database.store;
    let (old, new) = (fresh(account(), 1), fresh(account(), 1));
    let rows = std::slice::from_ref(&old);
    assert!(store.save_image_rows(NAME, 1, 0, 5, rows).await.unwrap());
    assert_eq!(store.checkpoint(NAME, 2).await.unwrap(), 0);
    let rows = std::slice::from_ref(&new);
    assert!(store.save_image_rows(NAME, 2, 0, 2, rows).await.unwrap());
    let left = store.image_rows(&[old.image, new.image]).await.unwrap();
    assert_eq!(left, [new]);
    // The old program does not revert it.
    assert_eq!(store.checkpoint(NAME, 1).await.unwrap(), 0);
    assert!(!store.save_image_rows(NAME, 1, 0, 5, &[old]).await.unwrap());
}
