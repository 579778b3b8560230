//! Very many uploads, written to PostgreSQL as the server would have written them.

use photolog_tests::TestApp;
use photolog_tests::postgres::Cluster;
use sqlx::{Connection, Executor, PgConnection};

use crate::pictures::photograph;

/// Events like the server's own, under other names, with their positions in the log. They pass
/// every check of the server but that of the hash chain.
const UPLOADS: &str = "
WITH known AS (
  SELECT event_version, payload::jsonb, metadata FROM events WHERE event_type = 'Uploaded' LIMIT 1
), new AS (
  INSERT INTO events
  SELECT 'Image', gen_random_uuid()::text, 1, 'Uploaded', event_version,
         jsonb_set(
           jsonb_set(payload, '{account}', to_jsonb($1)),
           '{public_id}',
           to_jsonb(left(md5($1 || number), length(payload ->> 'public_id'))))::json,
         jsonb_set(metadata::jsonb, '{event_id}', to_jsonb(gen_random_uuid()))::json
  FROM known, generate_series(1, $2) AS number
  RETURNING aggregate_id
)
INSERT INTO event_log (global_position, aggregate_type, aggregate_id, sequence, account, hash)
SELECT row_number() OVER () + (SELECT max(global_position) FROM event_log),
       'Image', aggregate_id, 1, $1, sha256('')
FROM new";

/// A server over a database of its own, with an event to copy.
pub(crate) async fn server(cluster: &Cluster) -> (TestApp, PgConnection) {
    let url = cluster.new_database().await;
    let app = TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await;
    app.uploaded(photograph(0)).await;
    let mut database = PgConnection::connect(&url)
        .await
        .expect("the server's database");
    // The work of the triggers is done by hand.
    let set = database.execute("SET session_replication_role = replica");
    set.await.expect("the rights of the owner");
    (app, database)
}

/// Writes this many uploads to an account.
pub(crate) async fn uploads(database: &mut PgConnection, account: &str, count: i64) {
    let insert = sqlx::query(UPLOADS).bind(account).bind(count);
    insert.execute(&mut *database).await.expect("uploads");
}

/// Waits until the server shows everything that is in the log.
pub(crate) async fn shown(database: &mut PgConnection) {
    const BEHIND: &str = "
        SELECT (SELECT max(global_position) FROM event_log)
             > (SELECT position FROM checkpoints WHERE projection = 'image_view')";
    while sqlx::query_scalar(BEHIND)
        .fetch_one(&mut *database)
        .await
        .expect("a checkpoint")
    {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let tidied = database.execute("VACUUM ANALYZE");
    tidied.await.expect("statistics as after some time");
}
