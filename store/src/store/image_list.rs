//! Lists of images.

use photolog_domain::AccountId;

use super::{Store, on_backend};
use crate::backend::ImageTables;
use crate::error::StoreError;
use crate::image_list::{ImageFilter, ImageList, ImagePage};

impl Store {
    /// A page of an account's images.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_images(&self, list: &ImageList) -> Result<ImagePage, StoreError> {
        on_backend!(&self.backend, list_images(list))
    }

    /// How many images an account has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_listed(
        &self,
        account: AccountId,
        which: ImageFilter,
    ) -> Result<u64, StoreError> {
        on_backend!(&self.backend, count_listed(account, which))
    }
}
