//! The image view built anew beside the one in use, and put in its place in one moment.

use crate::{Backend, ImageRow, Position, Store, StoreError};

/// The outcome of [`Store::swap_rebuilt_view`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The rebuilt view is the one in use.
    Yes,
    /// The view in use has come further, to this position: the rebuilt one must follow first.
    Behind(Position),
}

impl Store {
    /// Makes an empty table beside the image view; an earlier one that was not finished is gone.
    ///
    /// # Errors
    /// When the database fails, or does not let this role make tables.
    pub async fn begin_rebuilt_view(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.begin_rebuilt_view().await,
            Backend::Postgres(postgres) => postgres.begin_rebuilt_view().await,
        }
    }

    /// Writes rows to the table beside; nobody sees them yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_rebuilt_rows(&self, rows: &[ImageRow]) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.save_rebuilt_rows(rows).await,
            Backend::Postgres(postgres) => postgres.save_rebuilt_rows(rows).await,
        }
    }

    /// Puts the table beside in the view's place, complete up to `position`, unless the view in use
    /// has come further. Readers see the one or the other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn swap_rebuilt_view(
        &self,
        projection: &str,
        version: u32,
        position: Position,
    ) -> Result<Swapped, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => {
                sqlite
                    .swap_rebuilt_view(projection, version, position)
                    .await
            }
            Backend::Postgres(postgres) => {
                postgres
                    .swap_rebuilt_view(projection, version, position)
                    .await
            }
        }
    }
}
