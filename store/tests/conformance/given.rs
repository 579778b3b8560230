//! Minimal valid fixtures, and a database for them.

use std::collections::BTreeMap;

use photolog_domain::fixtures::{self, content, event_metadata};
pub(crate) use photolog_domain::fixtures::{account, digest, disabled, image, set};
use photolog_domain::{
    AccountId, ContentHash, EventMetadata, Image, ImageEvent, ImageId, Timestamp,
};
use photolog_store::{
    Appended, ArchivedEvent, Bookmark, Columns, Conditions, LogTail, MasterKeyFile, Snapshot,
    Store, StoreConfig, StoreError, Table,
};
use photolog_tests::newer::NewerEvent;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

/// An empty database, removed on drop. On Postgres a sequencer runs.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    pub(crate) master_key: MasterKeyFile,
    sequencer: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photolog.db");
        Self::open(StoreConfig::Sqlite { path }, folder).await
    }

    pub(crate) async fn postgres() -> Self {
        let url = photolog_tests::postgres::new_database().await;
        let config = StoreConfig::Postgres {
            url,
            connections: 8,
        };
        Self::open(config, tempfile::tempdir().unwrap()).await
    }

    async fn open(config: StoreConfig, folder: tempfile::TempDir) -> Self {
        let master_key = MasterKeyFile::in_data_folder(folder.path());
        let store = Store::open(&config, master_key.clone()).await.unwrap();
        let sequencer = sequences(&store);
        until_it_leads(&store).await;
        Self {
            sequencer,
            store,
            config,
            master_key,
            _folder: folder,
        }
    }

    /// Opens it again, as another process would.
    pub(crate) async fn open_again(&self) -> Result<Store, StoreError> {
        Store::open(&self.config, self.master_key.clone()).await
    }

    /// Runs a statement beside the store.
    pub(crate) async fn execute(&self, statement: &str) {
        match &self.config {
            StoreConfig::Sqlite { path } => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.unwrap();
                connection.execute(statement).await.unwrap();
            }
            StoreConfig::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
        }
    }

    /// Writes an event at the end of a stream, as a newer program would.
    pub(crate) async fn write_newer(&self, aggregate_type: &str, stream: Uuid, payload: &str) {
        let event = NewerEvent {
            aggregate_type,
            stream: &stream.to_string(),
            event_type: "Sold",
            event_version: "9",
            payload,
        };
        match &self.config {
            StoreConfig::Sqlite { path } => event.write_to_sqlite(path).await,
            StoreConfig::Postgres { url, .. } => event.write_to_postgres(url).await,
        }
    }

    /// The number of rows of a table.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        match &self.config {
            StoreConfig::Sqlite { path } => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.unwrap();
                let row = connection.fetch_one(query.as_str()).await.unwrap();
                row.get(0)
            }
            StoreConfig::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let row = connection.fetch_one(query.as_str()).await.unwrap();
                row.get(0)
            }
        }
    }

    /// The rows of a table as `verify` reads them.
    pub(crate) async fn rows(&self, table: Table) -> Vec<Columns> {
        let opened = Snapshot::open(&self.config, self.master_key.clone()).await;
        let (mut snapshot, mut rows) = (opened.unwrap(), Vec::new());
        let read = snapshot.each_row(table, |row| rows.push(row));
        read.await.unwrap();
        assert!(snapshot.close().await);
        rows
    }

    /// The image that holds each content.
    pub(crate) async fn holders(&self) -> BTreeMap<(AccountId, ContentHash), ImageId> {
        let rows = self.rows(Table::Claims).await;
        let claim = |row: &Columns| {
            let content = (text(row, "account"), text(row, "digest"));
            let content = (content.0.parse().unwrap(), content.1.parse().unwrap());
            (content, text(row, "image").parse().unwrap())
        };
        rows.iter().map(claim).collect()
    }

    /// The number of images of each account that has any.
    pub(crate) async fn counts(&self) -> BTreeMap<AccountId, i64> {
        let rows = self.rows(Table::ImageCounts).await;
        let count = |row: &Columns| {
            let account = text(row, "account").parse().unwrap();
            (account, row["images"].as_i64().unwrap())
        };
        let counts = rows.iter().map(count);
        counts.filter(|(_, images)| *images != 0).collect()
    }

    /// Simulates the death of the sequencing process.
    pub(crate) fn sequencer_stops(&self) {
        self.sequencer.abort();
    }

    pub(crate) async fn close(self) {
        self.sequencer.abort();
        self.store.close().await;
    }
}

fn text<'a>(row: &'a Columns, column: &str) -> &'a str {
    row[column].as_str().unwrap()
}

/// The whole log from the table, checked to be gapless and chained.
pub(crate) async fn whole_log(store: &Store) -> Vec<ArchivedEvent> {
    let log = store.archived_events(0, 10_000).await.unwrap();
    let mut tail = LogTail::default();
    for event in &log {
        tail.advance(event).unwrap();
    }
    log
}

/// Sequences whenever no other process does.
pub(crate) fn sequences(store: &Store) -> tokio::task::JoinHandle<()> {
    let store = store.clone();
    tokio::spawn(async move {
        loop {
            let lost = match store.lead().await {
                Ok(mut lead) => lead.sequence().await.err(),
                Err(error) => Some(error),
            };
            eprintln!("the lead is lost: {lost:?}");
        }
    })
}

/// Returns once the store leads: only the leader may set a bookmark.
pub(crate) async fn until_it_leads(store: &Store) {
    while store
        .set_bookmark("lead", Bookmark::default())
        .await
        .is_err()
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// The current time, the base for expiry times.
pub(crate) fn at() -> Timestamp {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_unix_millis(now.as_millis() as i64).unwrap()
}

pub(crate) fn metadata() -> EventMetadata {
    EventMetadata {
        occurred_at: at(),
        ..event_metadata()
    }
}

pub(crate) fn uploaded(account: AccountId, bytes: u8) -> ImageEvent {
    fixtures::uploaded(account, content(digest(bytes)))
}

pub(crate) fn replaced(bytes: u8) -> ImageEvent {
    fixtures::replaced(content(digest(bytes)))
}

/// Appends events to an image's stream without conditions.
pub(crate) async fn append(
    store: &Store,
    image: ImageId,
    expected_sequence: u64,
    events: impl IntoIterator<Item = ImageEvent>,
) -> Result<Appended, StoreError> {
    let conditions = Conditions::default();
    append_if(store, image, expected_sequence, events, &conditions).await
}

/// Appends events to an image's stream.
pub(crate) async fn append_if(
    store: &Store,
    image: ImageId,
    expected_sequence: u64,
    events: impl IntoIterator<Item = ImageEvent>,
    conditions: &Conditions,
) -> Result<Appended, StoreError> {
    let events = events
        .into_iter()
        .map(|event| (event, metadata()))
        .collect();
    store
        .append::<Image>(image.uuid(), expected_sequence, events, conditions)
        .await
}

/// Runs the same work many times concurrently.
pub(crate) async fn in_parallel<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    times: usize,
    mut work: impl FnMut(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..times)
        .map(|number| tokio::spawn(work(number)))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Returns once the log contains this many events.
pub(crate) async fn settle(store: &Store, head: i64) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while store.log_head().await.unwrap() < head {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the log stands still"
        );
        store.log_grew(head - 1).await;
    }
}
