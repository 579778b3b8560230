//! The image view built anew in a table of its own; a rename puts it in place.

use sqlx::{Executor, Row};

use super::Postgres;
use super::read_model::write;
use crate::rebuild::Swapped;
use crate::{ImageRow, Position, StoreError};

/// Whoever may use the view may use its successor.
const BEGIN: &str = "
DROP TABLE IF EXISTS image_view_rebuilt;
CREATE TABLE image_view_rebuilt (LIKE image_view INCLUDING ALL);
DO $$
DECLARE held record;
BEGIN
  FOR held IN SELECT grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = current_schema() AND table_name = 'image_view'
      AND grantee NOT IN (current_user, 'PUBLIC')
  LOOP
    EXECUTE format('GRANT %s ON image_view_rebuilt TO %I', held.privilege_type, held.grantee);
  END LOOP;
END
$$;";

const SWAP: &str = "
ALTER TABLE image_view RENAME TO image_view_old;
ALTER TABLE image_view_rebuilt RENAME TO image_view;
DROP TABLE image_view_old;";

impl Postgres {
    pub(crate) async fn begin_rebuilt_view(&self) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        transaction.execute(BEGIN).await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn save_rebuilt_rows(&self, rows: &[ImageRow]) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        write(&mut connection, "image_view_rebuilt", rows).await
    }

    pub(crate) async fn swap_rebuilt_view(
        &self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // In the order in which the projector locks them; it waits, and then finds the checkpoint
        // moved.
        let lock = "LOCK TABLE image_view IN ACCESS EXCLUSIVE MODE";
        transaction.execute(lock).await?;
        let reached = sqlx::query(
            "INSERT INTO checkpoints AS known (projection, version, position) VALUES ($1, $2, $3)
             ON CONFLICT (projection) DO UPDATE
             SET version = $2, position = greatest($3, known.position)
             RETURNING position",
        )
        .bind(projection)
        .bind(i64::from(version))
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
