//! Reading the log and single streams.

use sqlx::Row;

use super::Sqlite;
use super::writer::hash;
use crate::column::stored_event;
use crate::event_log::LogRow;
use crate::stored_event::StoredEvent;
use crate::{Position, StoreError};

impl Sqlite {
    pub(crate) async fn log_rows(
        &self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT global_position, hash, aggregate_type, aggregate_id, sequence,
                    event_type, event_version, payload, metadata
             FROM event_log JOIN events USING (aggregate_type, aggregate_id, sequence)
             WHERE global_position > ?1 ORDER BY global_position LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LogRow {
                    position: row.try_get(0)?,
                    hash: hash(row.try_get(1)?)?,
                    event: stored_event(row, 2)?,
                })
            })
            .collect()
    }

    pub(crate) async fn log_head(&self) -> Result<Position, StoreError> {
        let row = sqlx::query("SELECT coalesce(max(global_position), 0) FROM event_log")
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get(0)?)
    }

    pub(crate) async fn stream_rows(
        &self,
        aggregate_type: &str,
        stream: &str,
    ) -> Result<Vec<(StoredEvent, Option<Position>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT aggregate_type, aggregate_id, sequence, event_type, event_version,
                    payload, metadata, global_position
             FROM events LEFT JOIN event_log USING (aggregate_type, aggregate_id, sequence)
             WHERE aggregate_type = ?1 AND aggregate_id = ?2 ORDER BY sequence",
        )
        .bind(aggregate_type)
        .bind(stream)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok((stored_event(row, 0)?, row.try_get(7)?)))
            .collect()
    }
}
