//! The image view and the checkpoints.

use futures::TryStreamExt;
use photolog_domain::{AccountId, ContentHash, ImageId, PublicId};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Connection, Row};

use super::Sqlite;
use crate::backend::ImageTables;
use crate::column::{bookmark, image_row, view_columns};
use crate::compute::compute;
use crate::image_list::{ImageFilter, ImageList, ImagePage, SortOrder};
use crate::read_model::CheckpointMove;
use crate::sql;
use crate::sql::IS_PUBLIC;
use crate::{Bookmark, ImageRow, Position, StoreError};

const NEWEST_FIRST: &str = "SELECT image, sequence, created_position, state FROM image_view
    WHERE account = ?1 AND (?2 IS NULL OR disabled = ?2)
      AND (?3 IS NULL OR created_position <
           (SELECT created_position FROM image_view WHERE image = ?3))
      AND (?4 IS NULL OR state ->> 'created_at' <= ?4)
    ORDER BY created_position DESC LIMIT ?6 OFFSET ?5";

const OLDEST_FIRST: &str = "SELECT image, sequence, created_position, state FROM image_view
    WHERE account = ?1 AND (?2 IS NULL OR disabled = ?2)
      AND (?3 IS NULL OR created_position >
           (SELECT created_position FROM image_view WHERE image = ?3))
      AND (?4 IS NULL OR state ->> 'created_at' >= ?4)
    ORDER BY created_position LIMIT ?6 OFFSET ?5";

type SqliteQuery<'q> = Query<'q, sqlx::Sqlite, SqliteArguments<'q>>;

impl ImageTables for Sqlite {
    async fn list_images(&self, list: &ImageList) -> Result<ImagePage, StoreError> {
        let mut stream = sqlx::query(match list.order {
            SortOrder::NewestFirst => NEWEST_FIRST,
            SortOrder::OldestFirst => OLDEST_FIRST,
        })
        .bind(list.account.to_string())
        .bind(list.which.disabled())
        .bind(list.start.marker())
        .bind(list.start.moment())
        .bind(i64::try_from(list.skip).unwrap_or(i64::MAX))
        .bind(i64::try_from(list.count).unwrap_or(i64::MAX))
        .fetch(&self.readers);
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut is_cut = false;
        while let Some(row) = stream.try_next().await? {
            bytes += row.try_get::<&str, _>(3)?.len();
            if bytes > ImagePage::MOST_BYTES && !rows.is_empty() {
                is_cut = true;
                break;
            }
            rows.push(row);
        }
        drop(stream);
        compute(rows.len(), move || {
            let rows = rows.iter().map(image_row).collect::<Result<_, _>>()?;
            Ok(ImagePage { rows, is_cut })
        })
        .await
    }

    async fn count_listed(
        &self,
        account: AccountId,
        which: ImageFilter,
    ) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM image_view
             WHERE account = ?1 AND (?2 IS NULL OR disabled = ?2)",
        )
        .bind(account.to_string())
        .bind(which.disabled())
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    async fn image_row_by_public_id(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<ImageRow>, StoreError> {
        sqlx::query(sql::PUBLIC_IMAGE)
            .bind(public_id.as_str())
            .fetch_optional(&self.readers)
            .await?
            .map(|row| image_row(&row))
            .transpose()
    }

    async fn is_master(&self, digest: &ContentHash) -> Result<bool, StoreError> {
        let query = format!(
            "SELECT EXISTS (SELECT 1 FROM image_view
             WHERE state ->> '$.master.digest' = ?1
               AND state ->> '$.has_newer_events' IS NULL AND {IS_PUBLIC})"
        );
        let row = sqlx::query(&query)
            .bind(digest.to_string())
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get(0)?)
    }

    async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError> {
        let row = sqlx::query(sql::SHOWN_SEQUENCE)
            .bind(image.to_string())
            .fetch_optional(&self.readers)
            .await?;
        let sequence: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        Ok(sequence.unsigned_abs())
    }

    async fn checkpoint(&self, projection: &str, version: u32) -> Result<Position, StoreError> {
        let row =
            sqlx::query("SELECT position FROM checkpoints WHERE projection = ?1 AND version = ?2")
                .bind(projection)
                .bind(version)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
    }

    async fn move_checkpoint(&self, step: &CheckpointMove<'_>) -> Result<bool, StoreError> {
        let query = bound_to(sqlx::query(MOVE_CHECKPOINT), step);
        self.in_turn(async |connection| Ok(query.fetch_optional(connection).await?.is_some()))
            .await
    }

    async fn forget_checkpoint(&self, projection: &str) -> Result<(), StoreError> {
        let query = sqlx::query(sql::FORGET_CHECKPOINT).bind(projection);
        self.in_turn(async |connection| Ok(query.execute(connection).await?))
            .await?;
        Ok(())
    }

    async fn bookmark(&self, follower: &str) -> Result<Bookmark, StoreError> {
        let row = sqlx::query("SELECT position, mark FROM checkpoints WHERE projection = ?1")
            .bind(follower)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map_or(Ok(Bookmark::default()), bookmark)
    }

    async fn set_bookmark(&self, follower: &str, at: Bookmark) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO checkpoints (projection, version, position, mark) VALUES (?1, 1, ?2, ?3)
             ON CONFLICT (projection) DO UPDATE SET position = ?2, mark = ?3",
        )
        .bind(follower)
        .bind(at.position)
        .bind(at.mark as i64);
        self.in_turn(async |connection| Ok(query.execute(connection).await?))
            .await?;
        Ok(())
    }

    async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        let images = serde_json::to_string(images).map_err(not_json)?;
        sqlx::query(
            "SELECT image, sequence, created_position, state FROM image_view
             WHERE image IN (SELECT value FROM json_each(?1))",
        )
        .bind(images)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(image_row)
        .collect()
    }

    async fn save_image_rows(
        &self,
        step: &CheckpointMove<'_>,
        rows: &[ImageRow],
    ) -> Result<bool, StoreError> {
        let begun = "DELETE FROM image_view WHERE ?3 = 0 AND EXISTS
               (SELECT 1 FROM checkpoints WHERE projection = ?1 AND version < ?2);";
        let query = format!("{begun} {MOVE_CHECKPOINT}");
        let query = bound_to(sqlx::query(&query), step);
        self.in_turn(async |connection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            if query.fetch_optional(&mut *transaction).await?.is_none() {
                transaction.rollback().await?;
                return Ok(false);
            }
            write(&mut transaction, "image_view", rows).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }
}

/// Compares and sets the checkpoint; returns a row when that succeeds.
const MOVE_CHECKPOINT: &str = "INSERT INTO checkpoints (projection, version, position)
    SELECT ?1, ?2, ?4
    WHERE ?3 = 0 OR EXISTS (SELECT 1 FROM checkpoints WHERE projection = ?1)
    ON CONFLICT (projection) DO UPDATE SET version = ?2, position = ?4
    WHERE (version = ?2 AND position = ?3) OR (version < ?2 AND ?3 = 0)
    RETURNING position";

/// The parameters of [`MOVE_CHECKPOINT`].
fn bound_to<'q>(query: SqliteQuery<'q>, step: &CheckpointMove<'q>) -> SqliteQuery<'q> {
    query
        .bind(step.projection)
        .bind(step.version)
        .bind(step.from)
        .bind(step.to)
}

/// Writes rows to a table with the view's columns; a row's sequence never decreases. The rows are one
/// JSON text, so that one statement serves any number of them.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    table: &str,
    rows: &[ImageRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = rows
        .iter()
        .map(view_columns)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|rows| serde_json::to_string(&rows))
        .map_err(not_json)?;
    let query = format!(
        "INSERT INTO {table} AS shown
           (image, account, public_id, created_position, sequence, state)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each(?1) WHERE true
         ON CONFLICT (image) DO UPDATE
         SET sequence = excluded.sequence, state = excluded.state
         WHERE excluded.sequence > shown.sequence"
    );
    sqlx::query(&query)
        .bind(columns)
        .execute(connection)
        .await?;
    Ok(())
}

fn not_json(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
