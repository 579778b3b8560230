//! The image view built anew in a table of its own, and copied over in one transaction: readers go
//! on with the old rows until its commit, writers wait for it.

use sqlx::{Connection, Executor, Row};

use super::Sqlite;
use super::read_model::write;
use crate::rebuild::Swapped;
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

impl Sqlite {
    pub(crate) async fn begin_rebuilt_view(&self) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        turn.connection()?.execute(BEGIN).await?;
        Ok(())
    }

    pub(crate) async fn save_rebuilt_rows(&self, rows: &[ImageRow]) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        write(turn.connection()?, "image_view_rebuilt", rows).await
    }

    pub(crate) async fn swap_rebuilt_view(
        &self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        let mut turn = self.turn.lock().await;
        let connection = turn.connection()?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let reached = sqlx::query(
            "INSERT INTO checkpoints AS known (projection, version, position) VALUES (?1, ?2, ?3)
             ON CONFLICT (projection) DO UPDATE
             SET version = ?2, position = max(?3, known.position)
             RETURNING position",
        )
        .bind(projection)
        .bind(version)
        .bind(position)
        .fetch_one(&mut *transaction)
        .await?;
        let reached: Position = reached.try_get(0)?;
        if reached > position {
            transaction.rollback().await?;
            return Ok(Swapped::Behind(reached));
        }
        transaction.execute(SWAP).await?;
        transaction.commit().await?;
        Ok(Swapped::Yes)
    }
}
