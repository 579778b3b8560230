//! The image view and the checkpoints.

use futures::TryStreamExt;
use photolog_domain::{AccountId, Digest, ImageId, PublicId};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;

use super::Postgres;
use super::listener::{self, VIEW_CHANNEL};
use crate::column::{ViewColumns, image_row, view_columns};
use crate::compute::compute;
use crate::image_list::{ImageList, ImagePage, Order, Which};
use crate::read_model::Step;
use crate::{ImageRow, Position, StoreError};

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
    pub(crate) async fn list_images(&self, list: &ImageList) -> Result<ImagePage, StoreError> {
        let mut stream = sqlx::query(match list.order {
            Order::NewestFirst => NEWEST_FIRST,
            Order::OldestFirst => OLDEST_FIRST,
        })
        .bind(list.account.to_string())
        .bind(list.which.disabled())
        .bind(list.start.marker())
        .bind(list.start.moment())
        .bind(i64::try_from(list.skip).unwrap_or(i64::MAX))
        .bind(i64::try_from(list.count).unwrap_or(i64::MAX))
        .fetch(&self.pool);
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

    pub(crate) async fn count_listed(
        &self,
        account: AccountId,
        which: Which,
    ) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM image_view
             WHERE account = $1 AND ($2::boolean IS NULL OR disabled = $2)",
        )
        .bind(account.to_string())
        .bind(which.disabled())
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    pub(crate) async fn image_row_by_public_id(
        &self,
        public_id: &PublicId,
    ) -> Result<Option<ImageRow>, StoreError> {
        sqlx::query(
            "SELECT image, sequence, created_position, state FROM image_view
             WHERE public_id = $1",
        )
        .bind(public_id.as_str())
        .fetch_optional(&self.pool)
        .await?
        .map(|row| image_row(&row))
        .transpose()
    }

    pub(crate) async fn is_master(&self, digest: &Digest) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM image_view WHERE master = $1)")
            .bind(digest.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    pub(crate) async fn visible_sequence(&self, image: ImageId) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT sequence FROM image_view WHERE image = $1")
            .bind(image.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let sequence: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        Ok(sequence.unsigned_abs())
    }

    pub(crate) async fn checkpoint(
        &self,
        projection: &str,
        version: u32,
    ) -> Result<Position, StoreError> {
        let row =
            sqlx::query("SELECT position FROM checkpoints WHERE projection = $1 AND version = $2")
                .bind(projection)
                .bind(i64::from(version))
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
    }

    pub(crate) async fn set_checkpoint(
        &self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO checkpoints (projection, version, position) VALUES ($1, $2, $3)
             ON CONFLICT (projection) DO UPDATE SET version = $2, position = $3",
        )
        .bind(projection)
        .bind(i64::from(version))
        .bind(position)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(crate) async fn image_rows(&self, images: &[ImageId]) -> Result<Vec<ImageRow>, StoreError> {
        let images: Vec<_> = images.iter().map(ImageId::to_string).collect();
        sqlx::query(
            "SELECT image, sequence, created_position, state FROM image_view
             WHERE image = ANY ($1)",
        )
        .bind(images)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(image_row)
        .collect()
    }

    pub(crate) async fn count_images(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM image_view")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    /// One statement, and so one round trip, but for the first step of a new version.
    pub(crate) async fn save_image_rows(
        &self,
        step: &Step<'_>,
        rows: &[ImageRow],
    ) -> Result<bool, StoreError> {
        let mut transaction = match step.from {
            0 => Some(self.pool.begin().await?),
            _ => None,
        };
        let saved = match &mut transaction {
            Some(transaction) => {
                empty_for_newer_version(transaction, step).await?;
                move_on(transaction, step, rows).await?
            }
            None => {
                let mut hot = self.hot.take().await?;
                let saved = move_on(hot.connection(), step, rows).await;
                hot.answered(saved)?
            }
        };
        if let Some(transaction) = transaction {
            match saved {
                true => transaction.commit().await?,
                false => transaction.rollback().await?,
            }
        }
        Ok(saved)
    }
}

/// A notification carries at most 8,000 bytes; an image and its sequence take about 45.
const ROWS_OF_A_NOTIFICATION: usize = 100;
const NOTIFICATIONS: usize = 5;

async fn empty_for_newer_version(
    connection: &mut PgConnection,
    step: &Step<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM image_view WHERE EXISTS
           (SELECT 1 FROM checkpoints WHERE projection = $1 AND version < $2)",
    )
    .bind(step.projection)
    .bind(i64::from(step.version))
    .execute(connection)
    .await?;
    Ok(())
}

/// Compares and sets the checkpoint; writes the rows and tells of them if that was done.
///
/// Does not wait for the disk: should the server crash, checkpoint and rows go back together, and
/// are projected again.
async fn move_on(
    connection: &mut PgConnection,
    step: &Step<'_>,
    rows: &[ImageRow],
) -> Result<bool, StoreError> {
    // Beyond some rows nobody is told: the projection is catching up, and who waits looks again
    // by itself.
    let told: Vec<_> = rows
        .chunks(ROWS_OF_A_NOTIFICATION)
        .take(NOTIFICATIONS)
        .map(listener::shown_to_text)
        .collect();
    let written = upsert("image_view", "moved,");
    let query = format!(
        "WITH moved AS (
           INSERT INTO checkpoints AS known (projection, version, position)
           SELECT $7, $8, $10
           WHERE $9 = 0 OR EXISTS (SELECT 1 FROM checkpoints WHERE projection = $7)
           ON CONFLICT (projection) DO UPDATE SET version = $8, position = $10
           WHERE (known.version = $8 AND known.position = $9) OR (known.version < $8 AND $9 = 0)
           RETURNING projection),
         written AS ({written})
         SELECT EXISTS (SELECT 1 FROM moved),
                (SELECT count(pg_notify($11, told)) FROM moved, unnest($12::text[]) AS told),
                set_config('synchronous_commit', 'off', true)"
    );
    let columns = Columns::of(rows)?;
    let row = columns
        .bound_to(sqlx::query(&query))
        .bind(step.projection)
        .bind(i64::from(step.version))
        .bind(step.from)
        .bind(step.to)
        .bind(VIEW_CHANNEL)
        .bind(told)
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// Writes rows to a table of the view's shape.
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

/// Writes the rows of `$1` to `$6` as often as there are rows in `others`; a row never goes back.
/// All travel as arrays: one statement, however many there are.
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

    /// The first six parameters of a statement by [`upsert`].
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
