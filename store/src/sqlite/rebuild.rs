//! The image view rebuilt in a table of its own, and copied over in one transaction: readers see the
//! old rows until its commit, writers wait for it.

use std::fs::File;
use std::sync::Arc;

use sqlx::{Connection, Executor, Row};

use super::Sqlite;
use super::read_model::write;
use crate::backend::RebuiltTable;
use crate::read_model::Swapped;
use crate::sql;
use crate::{ImageRow, Position, StoreError};

const BEGIN: &str = "
DROP TABLE IF EXISTS image_view_rebuilt;
CREATE TABLE image_view_rebuilt
(
  image            text    NOT NULL PRIMARY KEY,
  account          text    NOT NULL,
  public_id        text    NOT NULL UNIQUE,
  created_position integer NOT NULL,
  sequence         integer NOT NULL,
  state            text    NOT NULL
) STRICT;";

const SWAP: &str = "
DELETE FROM image_view;
INSERT INTO image_view (image, account, public_id, created_position, sequence, state)
SELECT * FROM image_view_rebuilt ORDER BY created_position;
DROP TABLE image_view_rebuilt;";

/// A table that is being built. The lock file stays locked until it is closed.
#[derive(Debug)]
pub(crate) struct SqliteRebuild {
    sqlite: Arc<Sqlite>,
    _lock: File,
}

impl Sqlite {
    pub(crate) async fn begin_rebuilt_view(self: &Arc<Self>) -> Result<SqliteRebuild, StoreError> {
        let lock = self.lock("rebuild")?.ok_or(StoreError::Rebuilding)?;
        self.in_turn(async |connection| Ok(connection.execute(BEGIN).await?))
            .await?;
        Ok(SqliteRebuild {
            sqlite: self.clone(),
            _lock: lock,
        })
    }
}

impl RebuiltTable for SqliteRebuild {
    async fn count(&mut self) -> Result<u64, StoreError> {
        let query = sqlx::query(sql::REBUILT_ROWS);
        let count = self.sqlite.in_turn(async |connection| {
            Ok(query.fetch_one(connection).await?.try_get::<i64, _>(0)?)
        });
        Ok(count.await?.unsigned_abs())
    }

    async fn save(&mut self, rows: &[ImageRow]) -> Result<(), StoreError> {
        self.sqlite
            .in_turn(async |connection| write(connection, "image_view_rebuilt", rows).await)
            .await
    }

    async fn swap(
        &mut self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        let query = sqlx::query(
            // A checkpoint beyond the end of the log is meaningless.
            "INSERT INTO checkpoints AS known (projection, version, position) VALUES (?1, ?2, ?3)
             ON CONFLICT (projection) DO UPDATE
             SET version = ?2, position = max(?3, min(known.position,
               (SELECT coalesce(max(global_position), 0) FROM event_log)))
             RETURNING position",
        )
        .bind(projection)
        .bind(version)
        .bind(position);
        self.sqlite
            .in_turn(async |connection| {
                let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
                let reached: Position = query.fetch_one(&mut *transaction).await?.try_get(0)?;
                if reached > position {
                    transaction.rollback().await?;
                    return Ok(Swapped::Behind(reached));
                }
                transaction.execute(SWAP).await?;
                transaction.commit().await?;
                Ok(Swapped::Yes)
            })
            .await
    }
}
