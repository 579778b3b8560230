//! Metadata writes per second over HTTP with PostgreSQL, against `pgbench` doing the SELECT and the
//! INSERT of such a write in a transaction on the same server, by the extended protocol.

use std::sync::Arc;

use photolog_tests::TestApp;
use photolog_tests::postgres::Cluster;
use sqlx::Executor;

use crate::figure::{Figure, Target, median};
use crate::metadata_writes::writes_per_second;
use crate::pictures::photograph;

const ROUNDS: usize = 3;
const IMAGES: u32 = 128;

/// Streams as postgres-es lays them out, five events each.
const STREAMS: &str = "
CREATE TABLE events
(
  aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT NULL,
  event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL,
  metadata json NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
INSERT INTO events
SELECT 'Image', 'stream-' || stream, sequence, 'MetadataSet', '1',
       json_build_object('text', repeat('x', 150)), json_build_object('text', repeat('x', 300))
FROM generate_series(0, 3199) AS stream, generate_series(1, 5) AS sequence;
ANALYZE;";

/// Every client has streams of its own, so that none meets another's sequence.
const WRITE: &str = "
\\set stream :client_id * 100 + random(0, 99)
BEGIN;
SELECT sequence, event_type, event_version, payload, metadata FROM events
WHERE aggregate_type = 'Image' AND aggregate_id = 'stream-' || :stream ORDER BY sequence;
INSERT INTO events
SELECT 'Image', 'stream-' || :stream, max(sequence) + 1, 'MetadataSet', '1',
       json_build_object('text', repeat('x', 150)), json_build_object('text', repeat('x', 300))
FROM events WHERE aggregate_type = 'Image' AND aggregate_id = 'stream-' || :stream;
COMMIT;
";

pub(crate) async fn measure() -> Vec<Figure> {
    let cluster = Cluster::start_durable();
    let url = cluster.new_database().await;
    let app = TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await;
    let mut images = Vec::new();
    for seed in 0..IMAGES {
        let image = app.uploaded(photograph(seed)).await;
        images.push(image["imageID"].as_str().expect("imageID").to_owned());
    }
    let app = Arc::new(app);
    let mut bare = cluster.connect("postgres").await;
    bare.execute(STREAMS).await.expect("streams for pgbench");
    let mut figures = Vec::new();
    for (name, clients, target) in [
        ("PostgreSQL: metadata PUT, 1 client : pgbench", 1, 0.0),
        ("PostgreSQL: metadata PUT, 8 clients : pgbench", 8, 0.6),
        ("PostgreSQL: metadata PUT, 32 clients : pgbench", 32, 0.0),
    ] {
        let (mut measured, mut limit) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            measured.push(writes_per_second(&app, &images, clients).await);
            limit.push(transactions_per_second(&cluster, clients));
        }
        figures.push(Figure {
            name,
            unit: "writes/s",
            measured: median(measured),
            limit: median(limit),
            target: Target::AtLeast(target),
        });
    }
    figures
}

fn transactions_per_second(cluster: &Cluster, clients: u32) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("write.sql");
    std::fs::write(&script, WRITE).expect("a script");
    let output = cluster
        .program("pgbench", "postgres")
        .args(["--protocol", "extended", "--no-vacuum", "--time", "4"])
        .args(["--client", &clients.to_string(), "--jobs", "2"])
        .arg("--file")
        .arg(&script)
        .output()
        .expect("pgbench runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure.unwrap_or_else(|| panic!("pgbench said {output:?}"))
}
