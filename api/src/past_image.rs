//! An image at an earlier time: the fold of its stream up to an event.

use photolog_domain::{
    AccountId, ForwardCompatible, Image, ImageError, ImageEvent, ImageId, ImageState,
};
use photolog_store::{Fact, Recorded, Store};

use crate::app::App;
use crate::error::ApiError;
use crate::http::memory::Holder;

/// Events of a stream in memory at once. Each has at most a quarter of a mebibyte.
pub const BATCH: u32 = 25;

/// The memory of a batch: read, folded, with before and after, and written.
pub const BATCH_BYTES: u64 = 4 * BATCH as u64 * (256 << 10);

/// An image of an account, folded from the events before the first one that fails `reached`.
///
/// # Errors
/// `NotFound` when the account has no such image, `Unavailable` when only a newer version of the
/// program can read its state.
pub async fn fold_while(
    app: &App,
    account: AccountId,
    image: ImageId,
    reached: impl Fn(&Recorded<ImageEvent>) -> bool,
) -> Result<Option<(u64, ImageState)>, ApiError> {
    let holder = Holder::Account(account);
    let _turn = app.reads.turn(holder, BATCH_BYTES).await?;
    let mut batch = first_events(&app.store, account, image).await?;
    let mut folded = Image::default();
    let mut sequence = 0;
    'stream: while !batch.is_empty() {
        for recorded in batch {
            if !reached(&recorded) {
                break 'stream;
            }
            sequence = recorded.sequence;
            folded.apply_read(recorded.event.known());
        }
        batch = app.store.image_events(image, sequence, BATCH).await?;
    }
    let Some(state) = folded.into_state() else {
        return Ok(None);
    };
    state.refuse_newer()?;
    Ok(Some((sequence, state)))
}

/// The first events of an image of this account.
///
/// # Errors
/// `NotFound` when there is none, or it belongs to another account.
pub async fn first_events(
    store: &Store,
    account: AccountId,
    image: ImageId,
) -> Result<Vec<Recorded<ImageEvent>>, ApiError> {
    let batch = store.image_events(image, 0, BATCH).await?;
    match batch.first().map(|first| &first.event) {
        Some(Fact::Known(ImageEvent::Uploaded { account: owner, .. })) if *owner == account => {
            Ok(batch)
        }
        _ => Err(ImageError::NotFound.into()),
    }
}
