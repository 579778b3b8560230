//! The image view rebuilt in a table of its own, swapped in by a rename.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use super::Postgres;
use super::connections::{connect, patient, within};
use super::read_model::write;
use crate::backend::RebuiltTable;
use crate::read_model::Swapped;
use crate::sql;
use crate::{ImageRow, Position, StoreError};

/// Roles with rights on the view get them on its successor too.
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

/// The advisory lock of a rebuild: an arbitrary number, the same in every version.
const LOCK: i64 = 7_105_821_003;

/// Deadline of a statement.
const STATEMENT: Duration = Duration::from_secs(60);

/// How long the swap may wait for readers of the view, because all later readers queue behind it; and
/// how long these may then run before the next attempt.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '1s'";
const PAUSE: Duration = Duration::from_secs(1);

/// A rebuild on its own connection, which holds the lock, so both are lost together.
#[derive(Debug)]
pub(crate) struct PostgresRebuild {
    connection: PgConnection,
}

impl Postgres {
    pub(crate) async fn begin_rebuilt_view(&self) -> Result<PostgresRebuild, StoreError> {
        let locked = self.lock(LOCK).await?;
        let mut connection = locked.ok_or(StoreError::Rebuilding)?;
        let begun = async {
            connection.execute(LOCK_TIMEOUT).await?;
            connection.execute(BEGIN).await?;
            Ok::<_, StoreError>(())
        };
        within(STATEMENT, begun).await?;
        Ok(PostgresRebuild { connection })
    }

    /// A connection that holds an advisory lock while it is open; `None` while another process holds
    /// the lock.
    pub(crate) async fn lock(&self, lock: i64) -> Result<Option<PgConnection>, StoreError> {
        let mut connection = connect(&patient(&self.options)).await?;
        let query = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(lock);
        let locked = within(STATEMENT, query.fetch_one(&mut connection)).await?;
        let is_locked: bool = locked.try_get(0)?;
        Ok(is_locked.then_some(connection))
    }
}

impl RebuiltTable for PostgresRebuild {
    async fn save(&mut self, rows: &[ImageRow]) -> Result<(), StoreError> {
        within(
            STATEMENT,
            write(&mut self.connection, "image_view_rebuilt", rows),
        )
        .await
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        let count = async {
            let row = sqlx::query(sql::REBUILT_ROWS)
                .fetch_one(&mut self.connection)
                .await?;
            Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
        };
        within(STATEMENT, count).await
    }

    async fn swap(
        &mut self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        loop {
            let swapped = within(STATEMENT, self.try_to_swap(projection, version, position)).await;
            match swapped {
                Err(StoreError::Unavailable(error)) if is_locked(&error) => {
                    tracing::info!("a long query holds the view: the swap will be tried again");
                    tokio::time::sleep(PAUSE).await;
                }
                swapped => return swapped,
            }
        }
    }
}

impl PostgresRebuild {
    async fn try_to_swap(
        &mut self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        let mut transaction = self.connection.begin().await?;
        // In the same order as the projector, which waits and then finds the checkpoint
        // moved.
        let lock = "LOCK TABLE image_view, checkpoints IN ACCESS EXCLUSIVE MODE";
        transaction.execute(lock).await?;
        // A checkpoint beyond the end of the log is meaningless.
        let reached: Option<Position> = sqlx::query(
            "WITH before AS (DELETE FROM checkpoints WHERE projection = $1 RETURNING position)
             SELECT least((SELECT max(position) FROM before),
                          (SELECT coalesce(max(global_position), 0) FROM event_log))",
        )
        .bind(projection)
        .fetch_one(&mut *transaction)
        .await?
        .try_get(0)?;
        if let Some(reached) = reached.filter(|reached| *reached > position) {
            transaction.rollback().await?;
            return Ok(Swapped::Behind(reached));
        }
        sqlx::query("INSERT INTO checkpoints (projection, version, position) VALUES ($1, $2, $3)")
            .bind(projection)
            .bind(i64::from(version))
            .bind(position)
            .execute(&mut *transaction)
            .await?;
        transaction.execute(SWAP).await?;
        transaction.commit().await?;
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(LOCK)
            .execute(&mut self.connection)
            .await?;
        Ok(Swapped::Yes)
    }
}

/// Whether the wait ended by the lock timeout.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "55P03")
}
