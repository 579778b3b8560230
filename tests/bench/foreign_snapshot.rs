//! Metadata writes on PostgreSQL after a million events under a foreign snapshot, as a dump holds
//! one, against the same without it: rows replaced since then stay in every table and index.

use photolog_tests::TestApp;
use photolog_tests::figure::{Figure, Target, median};
use photolog_tests::postgres::Cluster;
use sqlx::{Connection, Executor, PgConnection};

use crate::pictures::photograph;
use crate::wrk::writes_per_second;

const EVENTS: i64 = 1_000_000;
const AT_ONCE: i64 = 10_000;
const ROUNDS: usize = 5;
const IMAGES: u32 = 128;
const CLIENTS: u32 = 8;

/// Another account's uploads, without positions in the log: the server assigns them.
const UPLOADS: &str = "
WITH known AS (
  SELECT event_version, payload::jsonb, metadata FROM events WHERE event_type = 'Uploaded' LIMIT 1
)
INSERT INTO events
SELECT 'Image', gen_random_uuid()::text, 1, 'Uploaded', event_version,
       jsonb_set(
         jsonb_set(payload, '{account}', to_jsonb($1)),
         '{public_id}',
         to_jsonb(left(md5($1 || number), length(payload ->> 'public_id'))))::json,
       jsonb_set(metadata::jsonb, '{event_id}', to_jsonb(gen_random_uuid()))::json
FROM known, generate_series($2 + 1, $2 + $3) AS number";

const SHOWN: &str = "
SELECT NOT EXISTS (SELECT 1 FROM unsealed)
   AND (SELECT max(global_position) FROM event_log) <=
       (SELECT max(position) FROM checkpoints WHERE projection = 'image_view')";

struct Side {
    app: TestApp,
    images: Vec<String>,
    other: String,
    database: PgConnection,
}

impl Side {
    async fn new(cluster: &Cluster) -> (Self, PgConnection) {
        let url = cluster.new_database().await;
        let app = TestApp::with([("PHOTOLOG_DATABASE_URL", &url)]).await;
        let mut images = Vec::new();
        for seed in 0..IMAGES {
            let image = app.uploaded(photograph(seed)).await;
            images.push(image["imageID"].as_str().expect("imageID").to_owned());
        }
        let (other, _) = app.open_account();
        let connect = async || PgConnection::connect(&url).await.expect("the database");
        let (database, reader) = (connect().await, connect().await);
        let side = Self {
            app,
            images,
            other,
            database,
        };
        (side, reader)
    }

    async fn upload(&mut self, after: i64) {
        let uploads = sqlx::query(UPLOADS)
            .bind(&self.other)
            .bind(after)
            .bind(AT_ONCE);
        let uploads = uploads.execute(&mut self.database).await;
        uploads.expect("uploads");
        while !self.is_shown().await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn is_shown(&mut self) -> bool {
        let shown = sqlx::query_scalar(SHOWN).fetch_one(&mut self.database);
        shown.await.expect("a checkpoint")
    }

    fn writes(&self) -> f64 {
        writes_per_second(&self.app, &self.images, CLIENTS)
    }
}

pub(crate) async fn measure() -> Figure {
    let cluster = Cluster::start_durable();
    let (mut held, mut dump) = Side::new(&cluster).await;
    let (mut free, _) = Side::new(&cluster).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events";
    dump.execute(begin).await.expect("a snapshot");
    for after in (0..EVENTS).step_by(AT_ONCE as usize) {
        held.upload(after).await;
        free.upload(after).await;
    }
    let (mut under, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        under.push(held.writes());
        without.push(free.writes());
    }
    dump.execute("ROLLBACK").await.expect("it was held");
    Figure {
        name: "PostgreSQL: metadata PUT after a million events under a snapshot : without one",
        unit: "writes/s",
        measured: median(under),
        limit: median(without),
        target: Target::AtLeast(0.9),
    }
}
