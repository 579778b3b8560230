//! Commands per second without HTTP: load, decide, append. On PostgreSQL against `pgbench` doing as
//! much in SQL; on both databases, streams of 5,000 events against streams of 5.
//!
//! `cargo xtask bench commands`

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]
#![expect(clippy::print_stdout, reason = "the figures belong on standard output")]

use std::time::{Duration, Instant};

use photolog_domain::fixtures::{self, at, content, event_metadata, set};
use photolog_domain::{AccountId, ContentHash, Image, ImageCommand, ImageEvent, ImageId};
use photolog_store::{Conditions, MasterKeyFile, Store, StoreConfig};
use photolog_tests::figure::{Figure, Target, median, table};
use photolog_tests::pgbench::transactions_per_second;
use photolog_tests::postgres::Cluster;

const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const STREAMS_OF_A_CLIENT: usize = 4;
const CONNECTIONS: u32 = 16;

#[tokio::main]
async fn main() {
    let mut figures = Vec::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("photolog.sqlite");
    let master_key = MasterKeyFile::in_data_folder(folder.path());
    let config = StoreConfig::Sqlite { path };
    let store = Store::open(&config, master_key.clone()).await.unwrap();
    let name = "SQLite: commands, streams of 5,000 : of 5, 8 clients";
    figures.push(long_streams(name, &store).await);
    store.close().await;

    let cluster = Cluster::start_durable();
    let config = StoreConfig::Postgres {
        url: cluster.new_database().await,
        connections: CONNECTIONS,
    };
    let store = Store::open(&config, master_key).await.unwrap();
    let name = "PostgreSQL: commands, streams of 5,000 : of 5, 8 clients";
    figures.push(long_streams(name, &store).await);
    for (name, clients, target) in [
        ("PostgreSQL: commands, 1 client : pgbench", 1, Target::None),
        (
            "PostgreSQL: commands, 8 clients : pgbench",
            8,
            Target::AtLeast(0.85),
        ),
        (
            "PostgreSQL: commands, 32 clients : pgbench",
            32,
            Target::None,
        ),
    ] {
        let (mut measured, mut limit) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            measured.push(commands_per_second(&store, 5, clients).await);
            limit.push(transactions_per_second(&cluster, clients).await);
        }
        figures.push(figure(name, measured, limit, target));
    }
    println!("\n{}", table(&figures));
}

async fn long_streams(name: &'static str, store: &Store) -> Figure {
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        short.push(commands_per_second(store, 5, 8).await);
        long.push(commands_per_second(store, 5_000, 8).await);
    }
    figure(name, long, short, Target::AtLeast(0.7))
}

fn figure(name: &'static str, measured: Vec<f64>, limit: Vec<f64>, target: Target) -> Figure {
    Figure {
        name,
        unit: "commands/s",
        measured: median(measured),
        limit: median(limit),
        target,
    }
}

/// Every client sends commands to streams of its own, one after the other. The streams are new,
/// of this length, and known to the store.
async fn commands_per_second(store: &Store, length: usize, clients: u32) -> f64 {
    let account = fixtures::account();
    let mut streams = Vec::new();
    for _ in 0..STREAMS_OF_A_CLIENT * clients as usize {
        let image = fixtures::image();
        append(store, image, 0, vec![uploaded(account, image)]).await;
        for first in (1..length).step_by(500) {
            let events = (first..length.min(first + 500))
                .map(|number| set("a", &number.to_string()))
                .collect();
            append(store, image, first as u64, events).await;
        }
        store.load::<Image>(image.uuid()).await.unwrap();
        streams.push(image);
    }
    let began = Instant::now();
    let tasks: Vec<_> = streams
        .chunks(STREAMS_OF_A_CLIENT)
        .map(|own| {
            let (store, own) = (store.clone(), own.to_vec());
            tokio::spawn(async move {
                let mut count = 0;
                while began.elapsed() < ROUND {
                    command(&store, own[count % own.len()], count).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

/// As the API does it: load, decide, append.
async fn command(store: &Store, image: ImageId, number: usize) {
    let loaded = store.load::<Image>(image.uuid()).await.unwrap();
    let command = ImageCommand::SetMetadata {
        entries: [("a".parse().unwrap(), format!("v{number}").parse().unwrap())].into(),
        max_keys: 128,
    };
    let events = loaded.aggregate.decide(command, at()).unwrap();
    append(store, image, loaded.sequence, events).await;
}

async fn append(store: &Store, image: ImageId, sequence: u64, events: Vec<ImageEvent>) {
    let events = events
        .into_iter()
        .map(|event| (event, event_metadata()))
        .collect();
    store
        .append::<Image>(image.uuid(), sequence, events, &Conditions::default())
        .await
        .unwrap();
}

fn uploaded(account: AccountId, image: ImageId) -> ImageEvent {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(image.uuid().as_bytes());
    fixtures::uploaded(account, content(ContentHash::new(bytes)))
}
