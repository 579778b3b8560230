//! The current picture of each public link, cached in memory.
//!
//! An entry is valid while the image view has not changed since it was read, so a replaced picture
//! shows at once. It expires after a second, in case the notification of a change is lost between
//! processes.

use moka::sync::Cache;
use photolog_domain::PublicId;
use photolog_store::{PublicImage, Store, StoreError};
use std::time::Duration;

const MOST_ENTRIES: u64 = 100_000;

const LIFETIME: Duration = Duration::from_secs(1);

/// The cache of public links.
pub struct Pointers {
    known: Cache<PublicId, Pointer>,
}

#[derive(Clone)]
struct Pointer {
    generation: u64,
    image: PublicImage,
}

impl Default for Pointers {
    fn default() -> Self {
        Self {
            known: Cache::builder()
                .max_capacity(MOST_ENTRIES)
                .time_to_live(LIFETIME)
                .build(),
        }
    }
}

impl Pointers {
    /// The image behind a link.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(
        &self,
        store: &Store,
        public_id: &PublicId,
    ) -> Result<Option<PublicImage>, StoreError> {
        // Read before the row, so that a change in between makes the entry outdated, never wrong.
        let generation = store.image_view_generation();
        if let Some(known) = self.known.get(public_id)
            && known.generation == generation
        {
            return Ok(Some(known.image));
        }
        let found = store.public_image(public_id).await?;
        if let Some(image) = &found {
            let image = image.clone();
            let pointer = Pointer { generation, image };
            self.known.insert(public_id.clone(), pointer);
        }
        Ok(found)
    }
}
