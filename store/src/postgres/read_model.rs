//! The image view and the checkpoints.

use std::sync::atomic::Ordering;

use futures::TryStreamExt;
use photolog_domain::{AccountId, ContentHash, ImageId, PublicId};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Executor, Row};

use super::Postgres;
use super::listener::{self, VIEW_CHANNEL};
use crate::backend::ImageTables;
use crate::column::{ViewColumns, bookmark, image_row, view_columns};
use crate::compute::compute;
use crate::image_list::{ImageFilter, ImageList, ImagePage, SortOrder};
use crate::read_model::CheckpointMove;
use crate::sql;
use crate::sql::IS_PUBLIC;
use crate::{Bookmark, ImageRow, Position, StoreError};

const NEWEST_FIRST: &str = "SELECT image, sequence, created_position, state FROM image_view
    WHERE account = $1 AND ($2::boolean IS NULL OR disabled = $2)
      AND ($3::text IS NULL OR created_position <
           (SELECT created_position FROM image_view WHERE image = $3))
      AND ($4::text IS NULL OR created_at <= $4)
    ORDER BY created_position DESC LIMIT $6 OFFSET $5";

const OLDEST_FIRST: &str = "SELECT image, sequence, created_position, state FROM image_view
    WHERE account = $1 AND ($2::boolean IS NULL OR disabled = $2)
      AND ($3::text IS NULL OR created_position >
           (SELECT created_position FROM image_view WHERE image = $3))
      AND ($4::text IS NULL OR created_at >= $4)
    ORDER BY created_position LIMIT $6 OFFSET $5";

impl Postgres {
    async fn count(
        &self,
        query: Query<'_, sqlx::Postgres, PgArguments>,
    ) -> Result<u64, StoreError> {
        let count = self
            .pool
            .ask(async |connection| Ok(query.fetch_one(connection).await?.try_get::<i64, _>(0)?));
        Ok(count.await?.unsigned_abs())
    }

    /// Moves a checkpoint, together with rows of the image view; `table` is the projection's own, if
    /// it has one here. A single statement and round trip, except for the first step of a new version.
    async fn advance(
        &self,
        step: &CheckpointMove<'_>,
        table: Option<&str>,
        rows: &[ImageRow],
    ) -> Result<bool, StoreError> {
        let epoch = self.sequencing.epoch.load(Ordering::Relaxed);
        if step.from > 0 {
            return self
                .unpinged
                .ask(async |connection| move_on(connection, step, rows, epoch).await)
                .await;
        }
        self.pool
            .transact(async |transaction| {
                begin(transaction, step, table, epoch).await?;
                move_on(transaction, step, rows, epoch).await
            })
            .await
    }
}

impl ImageTables for Postgres {
    async fn list_images(&self, list: &ImageList) -> Result<ImagePage, StoreError> {
        let query = sqlx::query(match list.order {
            SortOrder::NewestFirst => NEWEST_FIRST,
            SortOrder::OldestFirst => OLDEST_FIRST,
        })
        .bind(list.account.to_string())
        .bind(list.which.disabled())
        .bind(list.start.marker())
        .bind(list.start.moment())
        .bind(i64::try_from(list.skip).unwrap_or(i64::MAX))
        .bind(i64::try_from(list.count).unwrap_or(i64::MAX));
        let read = self.pool.ask(async |connection| {
            let mut stream = query.fetch(connection);
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = stream.try_next().await? {
                bytes += row.try_get::<&str, _>(3)?.len();
                if bytes > ImagePage::MOST_BYTES && !rows.is_empty() {
                    return Ok((rows, true));
                }
                rows.push(row);
            }
            Ok((rows, false))
        });
        let (rows, is_cut) = read.await?;
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
        let query = sqlx::query(
            "SELECT count(*) FROM image_view
             WHERE account = $1 AND ($2::boolean IS NULL OR disabled = $2)",
        )
        .bind(account.to_string())
        .bind(which.disabled());
        self.count(query).await
    }

    async fn image_row_by_public_id(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<ImageRow>, StoreError> {
        let query = sqlx::query(sql::PUBLIC_IMAGE).bind(public_id.as_str());
        self.pool
            .fetch_optional(query)
            .await?
            .map(|row| image_row(&row))
            .transpose()
    }

    async fn is_master(&self, digest: &ContentHash) -> Result<bool, StoreError> {
        let query = format!(
            "SELECT EXISTS (SELECT 1 FROM image_view WHERE master = $1
               AND state::json ->> 'has_newer_events' IS NULL AND {IS_PUBLIC})"
        );
        let query = sqlx::query(&query).bind(digest.to_string());
        self.pool
            .ask(async |connection| Ok(query.fetch_one(connection).await?.try_get(0)?))
            .await
    }

    async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError> {
        let query = sqlx::query(sql::SHOWN_SEQUENCE).bind(image.to_string());
        let found = self.pool.fetch_optional(query);
        let row = found.await?;
        let sequence: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        Ok(sequence.unsigned_abs())
    }

    async fn checkpoint(&self, projection: &str, version: u32) -> Result<Position, StoreError> {
        let query = sqlx::query(
            "SELECT position FROM checkpoints WHERE projection = $1 AND version = $2
             ORDER BY position DESC LIMIT 1",
        )
        .bind(projection)
        .bind(i64::from(version));
        let found = self.pool.fetch_optional(query);
        Ok(found.await?.map_or(Ok(0), |row| row.try_get(0))?)
    }

    async fn move_checkpoint(&self, step: &CheckpointMove<'_>) -> Result<bool, StoreError> {
        self.advance(step, None, &[]).await
    }

    async fn forget_checkpoint(&self, projection: &str) -> Result<(), StoreError> {
        let query = sqlx::query(sql::FORGET_CHECKPOINT).bind(projection);
        self.pool.fetch_optional(query).await?;
        Ok(())
    }

    async fn bookmark(&self, follower: &str) -> Result<Bookmark, StoreError> {
        let query = sqlx::query(
            "SELECT position, mark FROM checkpoints WHERE projection = $1 AND version = 1
             ORDER BY position DESC LIMIT 1",
        )
        .bind(follower);
        let found = self.pool.fetch_optional(query);
        found
            .await?
            .as_ref()
            .map_or(Ok(Bookmark::default()), bookmark)
    }

    async fn set_bookmark(&self, follower: &str, at: Bookmark) -> Result<(), StoreError> {
        let query = sqlx::query(
            "WITH leads AS (SELECT 1 FROM lead WHERE epoch = $4),
             moved AS (
               UPDATE checkpoints SET position = $2, mark = $3
               WHERE projection = $1 AND version = 1 AND EXISTS (SELECT 1 FROM leads)
                 AND position = (SELECT position FROM checkpoints
                                 WHERE projection = $1 AND version = 1
                                 ORDER BY position DESC LIMIT 1)
               RETURNING 1),
             begun AS (
               INSERT INTO checkpoints (projection, version, position, mark)
               SELECT $1, 1, $2, $3 FROM leads WHERE NOT EXISTS (SELECT 1 FROM moved)
               RETURNING 1)
             SELECT 1 FROM moved UNION ALL SELECT 1 FROM begun",
        )
        .bind(follower)
        .bind(at.position)
        .bind(at.mark as i64)
        .bind(self.sequencing.epoch.load(Ordering::Relaxed));
        match self.pool.fetch_optional(query).await? {
            None => Err(StoreError::NotLeading),
            Some(_) => Ok(()),
        }
    }

    async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        let images: Vec<_> = images.iter().map(ImageId::to_string).collect();
        let query = sqlx::query(
            "SELECT image, sequence, created_position, state FROM image_view
             WHERE image = ANY ($1)",
        )
        .bind(images);
        self.pool
            .fetch_all(query)
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
        self.advance(step, Some("image_view"), rows).await
    }
}

/// A notification carries at most 8,000 bytes; an image and its sequence take about 45.
const ROWS_OF_A_NOTIFICATION: usize = 100;
const NOTIFICATIONS: usize = 5;

/// The first step of a version empties the table of an older one. A projection has one checkpoint, so
/// no other process may write one meanwhile, and the lead must not change.
async fn begin(
    connection: &mut PgConnection,
    step: &CheckpointMove<'_>,
    table: Option<&str>,
    epoch: i64,
) -> Result<(), StoreError> {
    let leads = sqlx::query("SELECT 1 FROM lead WHERE epoch = $1 FOR SHARE").bind(epoch);
    if leads.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(());
    }
    let tables: Vec<_> = table.into_iter().chain(["checkpoints"]).collect();
    let lock = format!(
        "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
        tables.join(", ")
    );
    connection.execute(&*lock).await?;
    let version = i64::from(step.version);
    let older = "DELETE FROM checkpoints WHERE projection = $1 AND version < $2";
    let older = sqlx::query(older).bind(step.projection).bind(version);
    let is_new = older.execute(&mut *connection).await?.rows_affected() > 0;
    if let Some(table) = table.filter(|_| is_new) {
        connection.execute(&*format!("DELETE FROM {table}")).await?;
    }
    sqlx::query(
        "INSERT INTO checkpoints (projection, version, position) SELECT $1, $2, 0
         WHERE NOT EXISTS (SELECT 1 FROM checkpoints WHERE projection = $1)",
    )
    .bind(step.projection)
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}

/// Runs `move_on.sql`: compares and sets the checkpoint under the given lead; if that succeeds,
/// writes the rows and sends notifications of them.
async fn move_on(
    connection: &mut PgConnection,
    step: &CheckpointMove<'_>,
    rows: &[ImageRow],
    epoch: i64,
) -> Result<bool, StoreError> {
    // Beyond a few hundred rows no notification is sent: the projection is catching up, and waiters
    // poll anyway.
    let payloads: Vec<_> = rows
        .chunks(ROWS_OF_A_NOTIFICATION)
        .take(NOTIFICATIONS)
        .map(listener::shown_to_text)
        .collect();
    let query = format!(
        include_str!("move_on.sql"),
        written = upsert("image_view", "moved,")
    );
    let columns = Columns::of(rows)?;
    let row = columns
        .bound_to(sqlx::query(&query))
        .bind(step.projection)
        .bind(i64::from(step.version))
        .bind(step.from)
        .bind(step.to)
        .bind(VIEW_CHANNEL)
        .bind(payloads)
        .bind(epoch)
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// Writes rows to a table with the view's columns.
pub(super) async fn write(
    connection: &mut PgConnection,
    table: &str,
    rows: &[ImageRow],
) -> Result<(), StoreError> {
    let query = upsert(table, "");
    let columns = Columns::of(rows)?;
    let query = columns.bound_to(sqlx::query(&query));
    query.execute(connection).await?;
    Ok(())
}

/// Writes the rows of `$1` to `$6` once per row of `others`; a row's sequence never decreases. The
/// values are arrays, so that one statement serves any number of rows.
fn upsert(table: &str, others: &str) -> String {
    format!(
        "INSERT INTO {table} AS shown
           (image, account, public_id, created_position, sequence, state)
         SELECT new.* FROM {others} unnest
           ($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[]) AS new
         ON CONFLICT (image) DO UPDATE
         SET sequence = excluded.sequence, state = excluded.state
         WHERE excluded.sequence > shown.sequence"
    )
}

/// Rows, column by column.
struct Columns(Vec<ViewColumns>);

impl Columns {
    fn of(rows: &[ImageRow]) -> Result<Self, StoreError> {
        let columns: Result<_, _> = rows.iter().map(view_columns).collect();
        columns
            .map(Self)
            .map_err(|error: serde_json::Error| StoreError::Corrupt(error.to_string()))
    }

    /// Binds the first six parameters of a statement by [`upsert`].
    fn bound_to<'q>(
        &'q self,
        query: Query<'q, sqlx::Postgres, PgArguments>,
    ) -> Query<'q, sqlx::Postgres, PgArguments> {
        let Self(rows) = self;
        query
            .bind(rows.iter().map(|row| &*row.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.1).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.2).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.3).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.4).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.5).collect::<Vec<_>>())
    }
}
