//! Columns into domain types. Identifiers and digests are stored as the text everybody knows
//! them by, so that an operator can read the tables; a text that does not parse is damage.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use photolog_domain::{KeyId, KeyVerifiers, Scope};
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::chain::Hash;
use crate::master_key::MasterKey;
use crate::secrets::open_verifiers;
use crate::stored_event::StoredEvent;
use crate::{ImageRow, KeyRecord, StoreError, TokenFamily};

/// The text in column `index`, parsed.
pub(crate) fn parsed<T, R>(row: &R, index: usize) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
{
    parse(row.try_get(index)?)
}

/// A stored text, parsed.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Corrupt(format!("{text:?}: {error}")))
}

/// `image, sequence, created_position, state`.
pub(crate) fn image_row<R>(row: &R) -> Result<ImageRow, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let image = parsed(row, 0)?;
    let state: &str = row.try_get(3)?;
    Ok(ImageRow {
        image,
        sequence: row.try_get::<i64, _>(1)?.unsigned_abs(),
        created_position: row.try_get(2)?,
        state: serde_json::from_str(state)
            .map_err(|error| StoreError::Corrupt(format!("view of image {image}: {error}")))?,
    })
}

/// `image, account, public_id, created_position, sequence, state` of a row to be written.
pub(crate) type ViewColumns = (String, String, String, i64, i64, String);

/// The columns of a row of the image view.
pub(crate) fn view_columns(row: &ImageRow) -> Result<ViewColumns, serde_json::Error> {
    Ok((
        row.image.to_string(),
        row.state.account.to_string(),
        row.state.public_id.to_string(),
        row.created_position,
        row.sequence.cast_signed(),
        serde_json::to_string(&row.state)?,
    ))
}

/// The columns that [`key_record`] reads.
pub(crate) const KEYS: &str = "SELECT key_id, account, signing_key_logged, scopes, wrapped
    FROM keys LEFT JOIN secrets ON secrets.name = 'key/' || keys.key_id";

/// `key_id, account, signing_key_logged, scopes, wrapped`.
pub(crate) fn key_record<R>(row: &R, master_key: &MasterKey) -> Result<KeyRecord, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    bool: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let key_id = parsed(row, 0)?;
    let wrapped: Option<&[u8]> = row.try_get(4)?;
    Ok(KeyRecord {
        account: parsed(row, 1)?,
        signing_key_logged: row.try_get(2)?,
        verifiers: wrapped
            .map(|wrapped| open_verifiers(master_key, &key_id, wrapped))
            .transpose()?,
        key_id,
        scopes: scopes_from_text(row.try_get(3)?)?,
    })
}

/// `key_id, secret_sha256, signing_sha1`, as tables kept them in clear once. The error does not show
/// the texts when they are damaged.
pub(crate) fn clear_verifiers_of<R>(row: &R) -> Result<(KeyId, KeyVerifiers), StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
{
    let key_id: KeyId = parsed(row, 0)?;
    let damaged = || StoreError::Corrupt(format!("the verifiers of key {key_id}"));
    let mut signing_sha1 = [0; 20];
    hex::decode_to_slice(row.try_get::<&str, _>(2)?, &mut signing_sha1).map_err(|_| damaged())?;
    let secret_sha256 = row.try_get::<&str, _>(1)?.parse().map_err(|_| damaged())?;
    let verifiers = KeyVerifiers {
        secret_sha256,
        signing_sha1,
    };
    Ok((key_id, verifiers))
}

/// `family, key_id, account, scopes, scope, expires_at, refresh_number, refreshed_at`, the present
/// moment, the version of the secret.
pub(crate) fn token_family<R>(row: &R) -> Result<TokenFamily, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(TokenFamily {
        family: parsed(row, 0)?,
        key_id: parsed(row, 1)?,
        account: parsed(row, 2)?,
        key_scopes: scopes_from_text(row.try_get(3)?)?,
        scope: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        refresh_number: row.try_get(6)?,
        refreshed_at: row.try_get(7)?,
        now: row.try_get(8)?,
        secret_version: row.try_get(9)?,
    })
}

fn scopes_from_text(text: &str) -> Result<BTreeSet<Scope>, StoreError> {
    text.split_ascii_whitespace()
        .map(|scope| {
            scope
                .parse()
                .map_err(|error| StoreError::Corrupt(format!("scope {scope:?}: {error}")))
        })
        .collect()
}

/// Scopes as OAuth writes them: separated by spaces.
pub(crate) fn scopes_to_text(scopes: &BTreeSet<Scope>) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(" ")
}

/// `aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata`,
/// from column `first` on.
pub(crate) fn stored_event<R>(row: &R, first: usize) -> Result<StoredEvent, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(StoredEvent {
        aggregate_type: row.try_get(first)?,
        aggregate_id: row.try_get(first + 1)?,
        sequence: row.try_get(first + 2)?,
        event_type: row.try_get(first + 3)?,
        event_version: row.try_get(first + 4)?,
        payload: row.try_get(first + 5)?,
        metadata: row.try_get(first + 6)?,
    })
}

/// A stored hash; the table's CHECK keeps it at 32 bytes.
pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, sqlx::Error> {
    bytes
        .try_into()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
