//! Import of a whole log in one transaction.
//!
//! The trigger on `events` queues imported events for the sequencer; the import removes them from
//! the queue again, because their positions are known. A running sequencer sees none of this before
//! the commit, and then finds that the log has grown. A concurrent append either fails the import or
//! is ordered after it.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use super::connections::{connect, patient};
use super::listener::LOG_CHANNEL;
use super::{Postgres, constraints, secrets};
use crate::backend::ImportTransaction;
use crate::constraints::Change;
use crate::log_entry::ArchivedEvent;
use crate::master_key::MasterKey;
use crate::progress::Head;
use crate::secrets::{TOKEN_SECRET, TokenSecret};
use crate::{Position, StoreError};

/// The transaction; rolled back when its connection is dropped.
#[derive(Debug)]
pub(crate) struct PostgresImport {
    connection: PgConnection,
    head: Arc<Head>,
    master_key: Arc<MasterKey>,
}

impl Postgres {
    pub(crate) async fn import(&self) -> Result<PostgresImport, StoreError> {
        let mut connection = connect(&patient(&self.options)).await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        let empty: bool = sqlx::query("SELECT NOT EXISTS (SELECT 1 FROM events)")
            .fetch_one(&mut connection)
            .await?
            .try_get(0)?;
        if !empty {
            return Err(StoreError::NotEmpty);
        }
        Ok(PostgresImport {
            connection,
            head: self.head.clone(),
            master_key: self.master_key.clone(),
        })
    }
}

impl ImportTransaction for PostgresImport {
    async fn insert(&mut self, entries: &[ArchivedEvent]) -> Result<(), StoreError> {
        let texts =
            |field: fn(&ArchivedEvent) -> &str| entries.iter().map(field).collect::<Vec<_>>();
        let types = texts(|entry| &entry.aggregate_type);
        let streams = texts(|entry| &entry.aggregate_id);
        let sequences: Vec<_> = entries.iter().map(|entry| entry.sequence).collect();
        sqlx::query(
            "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type,
                                 event_version, payload, metadata)
             SELECT type, stream, sequence, event_type, event_version, payload::json, metadata::json
             FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                         $7::text[])
               AS new (type, stream, sequence, event_type, event_version, payload, metadata)",
        )
        .bind(&types)
        .bind(&streams)
        .bind(&sequences)
        .bind(texts(|entry| &entry.event_type))
        .bind(texts(|entry| &entry.event_version))
        .bind(texts(|entry| &entry.payload))
        .bind(texts(|entry| &entry.metadata))
        .execute(&mut self.connection)
        .await?;

        let positions: Vec<_> = entries.iter().map(|entry| entry.position).collect();
        let hashes: Vec<_> = entries.iter().map(|entry| entry.hash.to_vec()).collect();
        sqlx::query(
            "WITH entries AS (
               SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bytea[])
                 AS entry (position, type, stream, sequence, hash)),
             taken AS (
               DELETE FROM unsealed USING entries
               WHERE aggregate_type = type AND aggregate_id = stream
                 AND unsealed.sequence = entries.sequence)
             INSERT INTO event_log
               (global_position, aggregate_type, aggregate_id, sequence, hash, account)
             SELECT position, type, stream, entries.sequence, hash, coalesce(
               (SELECT payload ->> 'account' FROM events
                WHERE aggregate_type = type AND aggregate_id = stream AND events.sequence = 1),
               stream)
             FROM entries",
        )
        .bind(&positions)
        .bind(&types)
        .bind(&streams)
        .bind(&sequences)
        .bind(hashes)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    async fn commit(
        mut self,
        changes: Vec<Change>,
        token_secret: Option<TokenSecret>,
        head: Position,
    ) -> Result<(), StoreError> {
        for change in &changes {
            constraints::make(&mut self.connection, change, None, &self.master_key).await?;
        }
        if let Some(TokenSecret { version, secret }) = token_secret {
            let connection = &mut self.connection;
            secrets::put(
                connection,
                &self.master_key,
                TOKEN_SECRET,
                version,
                &secret,
                true,
            )
            .await?;
        }
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(LOG_CHANNEL)
            .bind(head.to_string())
            .execute(&mut self.connection)
            .await?;
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        self.head.reached(head);
        Ok(self.connection.close().await?)
    }
}
