//! A small installation on either database, to be copied and damaged.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cqrs_es::Aggregate;
use photolog_domain::fixtures::{self, at, content, disabled, event_metadata, set};
use photolog_domain::{
    Account, AccountEvent, AccountId, Content, ContentHash, Image, ImageId, Key, KeyVerifiers,
    Scope,
};
use photolog_projector::settings::RelaySettings;
use photolog_projector::{Head, Projector, Report, VerifyError, projections, verify};
use photolog_store::{
    BlobConfig, Blobs, Conditions, Idempotency, MasterKeyFile, NewTokenFamily, Store, StoreConfig,
    StoredAggregate,
};
use photolog_tests::postgres::Cluster;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use tokio::sync::watch;
use uuid::Uuid;

const KEY: &str = "plk_abcdefghijklmnop";
const OTHER_KEY: &str = "plk_bbcdefghijklmnop";

/// An installation to be copied.
pub(crate) struct Installation {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: StoreConfig,
}

impl Installation {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photolog.sqlite");
        let made = Self {
            folder,
            config: StoreConfig::Sqlite { path },
        };
        made.fill().await;
        made
    }

    pub(crate) async fn on_postgres(cluster: &Cluster) -> Self {
        let url = cluster.new_database().await;
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
            config: StoreConfig::Postgres {
                url,
                connections: 4,
            },
        };
        made.fill().await;
        made
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.config, self.master_key()).await.unwrap()
    }

    pub(crate) fn master_key(&self) -> MasterKeyFile {
        MasterKeyFile::in_data_folder(self.folder.path())
    }

    pub(crate) fn blobs(&self) -> BlobConfig {
        let path = self.folder.path().join("blobs");
        BlobConfig::Directory { path }
    }

    /// Two accounts with a key each, three images of which one is disabled, a retried request and a
    /// log-in; all of it projected.
    async fn fill(&self) {
        let store = self.open().await;
        let blobs = Blobs::open(&self.blobs()).await.unwrap();
        let (stop, stops) = watch::channel(false);
        let projector = tokio::spawn(
            Projector::new(store.clone(), RelaySettings::default(), projections()).run(stops),
        );
        let account = open_account(&store, KEY, 7).await;
        open_account(&store, OTHER_KEY, 8).await;
        let first = upload(&store, &blobs, account, b"one").await;
        append::<Image>(&store, first.uuid(), 1, [set("a", "a")]).await;
        let second = upload(&store, &blobs, account, b"two").await;
        append::<Image>(&store, second.uuid(), 1, [disabled()]).await;
        upload(&store, &blobs, account, b"three").await;
        let family = NewTokenFamily {
            family: Uuid::now_v7(),
            key_id: KEY.parse().unwrap(),
            scope: "all".into(),
            lifetime_millis: 60_000_000,
        };
        store.token_secret([5; 32]).await.unwrap();
        store.begin_token_family(&family).await.unwrap().unwrap();
        until_projected(&store, 9).await;
        stop.send_replace(true);
        projector.await.unwrap();
        store.close().await;
    }

    /// A copy of the installation.
    pub(crate) async fn copy(&self, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        let config = match &self.config {
            StoreConfig::Sqlite { .. } => StoreConfig::Sqlite {
                path: folder.path().join("photolog.sqlite"),
            },
            StoreConfig::Postgres { url, connections } => {
                let (start, rest) = url.split_once("localhost/").unwrap();
                let (template, host) = rest.split_once('?').unwrap();
                let mut admin = admin(start, host).await;
                let make = format!("CREATE DATABASE {name} TEMPLATE {template}");
                // Earlier connections may still be open.
                while admin.execute(make.as_str()).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                StoreConfig::Postgres {
                    url: format!("{start}localhost/{name}?{host}"),
                    connections: *connections,
                }
            }
        };
        Self { folder, config }
    }

    /// Runs SQL as with the database's own tools; if `unguarded`, with the triggers removed.
    pub(crate) async fn tamper(&self, sql: &str, unguarded: bool) {
        match &self.config {
            StoreConfig::Sqlite { path } => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.unwrap();
                let mut triggers = Vec::new();
                if unguarded {
                    let all = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
                    for row in connection.fetch_all(all).await.unwrap() {
                        triggers.push(row.get::<String, _>(1));
                        let drop = format!("DROP TRIGGER {}", row.get::<String, _>(0));
                        connection.execute(drop.as_str()).await.unwrap();
                    }
                }
                connection.execute(sql).await.unwrap();
                for trigger in triggers {
                    connection.execute(trigger.as_str()).await.unwrap();
                }
                connection.close().await.unwrap();
            }
            StoreConfig::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                if unguarded {
                    let set = "SET session_replication_role = replica";
                    connection.execute(set).await.unwrap();
                }
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    pub(crate) async fn verify(&self, noted: Option<Head>) -> Result<Report, VerifyError> {
        let blobs = Blobs::open_to_read(&self.blobs()).await?;
        verify(&self.config, &self.master_key(), &blobs, noted).await
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.config, StoreConfig::Sqlite { .. })
    }
}

async fn admin(start: &str, host: &str) -> PgConnection {
    let url = format!("{start}localhost/postgres?{host}");
    PgConnection::connect(&url).await.unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) async fn append<A: StoredAggregate>(
    store: &Store,
    stream: Uuid,
    expected: u64,
    events: impl IntoIterator<Item = <A as Aggregate>::Event>,
) {
    append_if::<A>(store, stream, expected, events, Conditions::default()).await;
}

async fn append_if<A: StoredAggregate>(
    store: &Store,
    stream: Uuid,
    expected: u64,
    events: impl IntoIterator<Item = <A as Aggregate>::Event>,
    conditions: Conditions,
) {
    let events = events
        .into_iter()
        .map(|event| (event, event_metadata()))
        .collect();
    let appended = store.append::<A>(stream, expected, events, &conditions);
    appended.await.unwrap();
}

async fn open_account(store: &Store, key_id: &str, secret: u8) -> AccountId {
    let account = Uuid::now_v7();
    let opened = AccountEvent::AccountOpened {
        at: at(),
        name: "demo".into(),
        image_limit: None,
    };
    append::<Account>(store, account, 0, [opened]).await;
    let verifiers = KeyVerifiers {
        secret_sha256: ContentHash::new([secret; 32]),
        signing_sha1: [secret; 20],
    };
    let issued = AccountEvent::KeyIssued {
        at: at(),
        key_id: key_id.parse().unwrap(),
        key: Key::new(&verifiers, Scope::ALL),
    };
    let conditions = Conditions {
        verifiers: Some(verifiers),
        ..Conditions::default()
    };
    append_if::<Account>(store, account, 1, [issued], conditions).await;
    AccountId::new(account)
}

pub(crate) async fn upload(
    store: &Store,
    blobs: &Blobs,
    account: AccountId,
    bytes: &'static [u8],
) -> ImageId {
    let digest = blobs.put(bytes.into()).await.unwrap().digest();
    let image = fixtures::image();
    let content = Content {
        size_bytes: bytes.len() as u64,
        ..content(digest)
    };
    let uploaded = fixtures::uploaded(account, content);
    let conditions = Conditions {
        idempotency: Some(Idempotency {
            account,
            key: image.to_string(),
            fingerprint: digest,
        }),
        ..Conditions::default()
    };
    append_if::<Image>(store, image.uuid(), 0, [uploaded], conditions).await;
    image
}

async fn until_projected(store: &Store, position: i64) {
    while store.checkpoint("image_view", 1).await.unwrap() < position {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
