//! Events that only a newer version of the program writes, inserted with the database's own tools.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

/// An event that this version of the program never writes. Its metadata is that of the previous
/// event, with an id of its own and a dialect of a newer version.
#[derive(Clone, Copy, Debug)]
pub struct NewerEvent<'a> {
    /// `Image` or `Account`.
    pub aggregate_type: &'a str,
    /// The stream, which must have an event already.
    pub stream: &'a str,
    /// The stored name.
    pub event_type: &'a str,
    /// The stored version.
    pub event_version: &'a str,
    /// The stored payload.
    pub payload: &'a str,
}

impl NewerEvent<'_> {
    /// Appends it to its stream; the leading process assigns its position in the log.
    pub async fn write_to_postgres(&self, url: &str) {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        let query = sqlx::query(
            "INSERT INTO events
             SELECT aggregate_type, aggregate_id, sequence + 1, $3, $4, $5::json,
               (metadata::jsonb
                 || jsonb_build_object('dialect', 'imgix', 'event_id', gen_random_uuid()))::json
             FROM events WHERE aggregate_type = $1 AND aggregate_id = $2
             ORDER BY sequence DESC LIMIT 1",
        );
        let query = query
            .bind(self.aggregate_type)
            .bind(self.stream)
            .bind(self.event_type)
            .bind(self.event_version)
            .bind(self.payload);
        let written = query.execute(&mut connection).await.expect("an event");
        assert_eq!(written.rows_affected(), 1);
    }

    /// Appends it to its stream, with its position in the log and its hash.
    pub async fn write_to_sqlite(&self, database: &Path) {
        let options = SqliteConnectOptions::new().filename(database);
        let options = options.busy_timeout(Duration::from_secs(20));
        let mut connection = options.connect().await.expect("a connection");
        let begun = connection.execute("BEGIN IMMEDIATE").await;
        begun.expect("a transaction");
        let before = sqlx::query(
            "SELECT sequence + 1, account,
               json_set(metadata, '$.dialect', 'imgix', '$.event_id', ?3),
               (SELECT max(global_position) + 1 FROM event_log),
               (SELECT hash FROM event_log ORDER BY global_position DESC LIMIT 1)
             FROM events JOIN event_log USING (aggregate_type, aggregate_id, sequence)
             WHERE aggregate_type = ?1 AND aggregate_id = ?2 ORDER BY sequence DESC LIMIT 1",
        );
        let before = before.bind(self.aggregate_type).bind(self.stream);
        let before = before.bind(Uuid::now_v7().to_string());
        let before = before.fetch_one(&mut connection).await.expect("an event");
        let (sequence, metadata) = (before.get::<i64, _>(0), before.get::<&str, _>(2));
        let place = sqlx::query("INSERT INTO event_log VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(before.get::<i64, _>(3))
            .bind(self.aggregate_type)
            .bind(self.stream)
            .bind(sequence)
            .bind(before.get::<&str, _>(1))
            .bind(self.hash(before.get(4), sequence, metadata));
        place.execute(&mut connection).await.expect("a place");
        let event = sqlx::query("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .bind(self.aggregate_type)
            .bind(self.stream)
            .bind(sequence)
            .bind(self.event_type)
            .bind(self.event_version)
            .bind(self.payload)
            .bind(metadata);
        event.execute(&mut connection).await.expect("an event");
        connection.execute("COMMIT").await.expect("a commit");
        connection.close().await.expect("a connection to close");
    }

    /// Its hash in the chain, as the store's `chain` defines it.
    fn hash(&self, before: &[u8], sequence: i64, metadata: &str) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix(before);
        for field in [
            self.aggregate_type,
            self.stream,
            &sequence.to_string(),
            self.event_type,
            self.event_version,
            self.payload,
            metadata,
        ] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().to_vec()
    }
}
