//! The expected rows of the tables derived from the log, column by column: the counterpart of
//! `constraints` and `read_model`, for `photolog verify`. A column missing here is reported as wrong.

use photolog_domain::{AccountId, AccountState, ContentHash, ImageId, Key, KeyId, Reason};
use serde_json::{Value, json};

use crate::column::{scopes_to_text, view_columns};
use crate::snapshot::flatten;
use crate::{Columns, ImageRow, StoreError};

fn row<const N: usize>(columns: [(&str, Value); N]) -> Columns {
    let named = columns.map(|(name, value)| (name.to_owned(), value));
    named.into()
}

/// A row of `image_view`.
///
/// # Errors
/// When the state cannot be serialised as JSON.
pub fn image_view(image: &ImageRow) -> Result<Columns, StoreError> {
    let (id, account, public_id, created_position, sequence, state) =
        view_columns(image).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let mut columns = row([
        ("image", id.into()),
        ("account", account.into()),
        ("public_id", public_id.into()),
        ("created_position", created_position.into()),
        ("sequence", sequence.into()),
    ]);
    flatten(&mut columns, &state);
    Ok(columns)
}

/// A row of `accounts`.
pub fn account(account: AccountId, state: &AccountState) -> Columns {
    row([
        ("account", account.to_string().into()),
        ("name", state.name.clone().into()),
        ("image_limit", json!(state.image_limit)),
        ("status", state.status.as_str().into()),
        ("reason", json!(state.status.reason().map(Reason::as_str))),
        ("created_at", state.created_at.unix_millis().into()),
    ])
}

/// A row of `keys`.
pub fn key(account: AccountId, key_id: &KeyId, key: &Key) -> Columns {
    row([
        ("key_id", key_id.as_str().into()),
        ("account", account.to_string().into()),
        (
            "signing_key_logged",
            u8::from(key.logged_verifiers.is_some()).into(),
        ),
        ("scopes", scopes_to_text(&key.scopes).into()),
        (
            "expires_at",
            json!(key.expires_at.map(|end| end.unix_millis())),
        ),
    ])
}

/// A row of `claims`.
pub fn claim(image: ImageId, account: AccountId, digest: &ContentHash) -> Columns {
    row([
        ("image", image.to_string().into()),
        ("account", account.to_string().into()),
        ("digest", digest.to_string().into()),
    ])
}

/// A row of `image_counts`.
pub fn image_count(account: AccountId, images: u64) -> Columns {
    row([
        ("account", account.to_string().into()),
        ("images", images.into()),
    ])
}
