//! The write limit of PostgreSQL: `pgbench` runs the SELECT and the INSERT of a command in one
//! transaction, over the extended protocol.

use sqlx::Executor;

use crate::postgres::Cluster;

const DATABASE: &str = "postgres";

/// Streams as postgres-es lays them out, five events each.
const STREAMS: &str = "
DROP TABLE IF EXISTS events;
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
ANALYZE events;";

/// Every client has streams of its own, so that sequences never conflict.
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

/// The number of such transactions per second with up to 32 clients, on streams created for it.
pub async fn transactions_per_second(cluster: &Cluster, clients: u32) -> f64 {
    let mut connection = cluster.connect(DATABASE).await;
    connection.execute(STREAMS).await.expect("streams");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("write.sql");
    std::fs::write(&script, WRITE).expect("a script");
    let output = cluster
        .program("pgbench", DATABASE)
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
