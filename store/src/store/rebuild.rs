//! The image view rebuilt beside the one in use, and swapped in atomically.

use super::{Backend, Store, on_backend};
use crate::backend::RebuiltTable;
use crate::chain::Position;
use crate::error::StoreError;
use crate::postgres::PostgresRebuild;
use crate::read_model::{ImageRow, Swapped};
use crate::sqlite::SqliteRebuild;

/// A view that is being built. While it exists no other process can build one.
#[derive(Debug)]
pub struct RebuiltView(Backend<SqliteRebuild, PostgresRebuild>);

impl Store {
    /// Creates an empty table beside the image view, and drops an earlier unfinished one.
    ///
    /// # Errors
    /// [`StoreError::Rebuilding`] while another process builds one; when the database fails, or does
    /// not let this role create tables.
    pub async fn begin_rebuilt_view(&self) -> Result<RebuiltView, StoreError> {
        Ok(RebuiltView(match &self.backend {
            Backend::Sqlite(sqlite) => Backend::Sqlite(sqlite.begin_rebuilt_view().await?),
            Backend::Postgres(postgres) => Backend::Postgres(postgres.begin_rebuilt_view().await?),
        }))
    }
}

impl RebuiltView {
    /// Writes rows to the new table; they are not visible yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save(&mut self, rows: &[ImageRow]) -> Result<(), StoreError> {
        on_backend!(&mut self.0, save(rows))
    }

    /// Replaces the view with the new table, complete with `images` rows up to `position`, unless the
    /// view in use is further along. Readers see either the old table or the new one.
    ///
    /// # Errors
    /// When the database fails, or the table has a different number of rows.
    pub async fn swap(
        &mut self,
        projection: &str,
        version: u32,
        position: Position,
        images: u64,
    ) -> Result<Swapped, StoreError> {
        let rows = on_backend!(&mut self.0, count())?;
        if rows != images {
            let wrong = format!("the view that was built has {rows} rows for {images} images");
            return Err(StoreError::Corrupt(wrong));
        }
        on_backend!(&mut self.0, swap(projection, version, position))
    }
}
