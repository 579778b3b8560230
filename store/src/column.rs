//! Columns into domain types. Identifiers and digests are stored in their usual text form, so that
//! an operator can read the tables; a text that does not parse is damage.

use crate::chain::Hash;
use crate::log_entry::LogRow;
use crate::log_tail::LogTail;
use crate::master_key::MasterKey;
use crate::secrets::open_verifiers;
use crate::stored_event::StoredEvent;
use crate::stored_text::parse;
use crate::{
    AccountRecord, Bookmark, ImageRow, KeyRecord, Misplaced, Misplacement, StoreError, TokenFamily,
};
use photolog_domain::{AccountStatus, KeyId, KeyVerifiers, Scope, Timestamp, Word};
use sqlx::{ColumnIndex, Decode, Row, Type};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

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

/// `image, account, public_id, created_position, sequence, state` of a row to write.
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

/// `position, mark`.
pub(crate) fn bookmark<R>(row: &R) -> Result<Bookmark, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Bookmark {
        position: row.try_get(0)?,
        mark: row.try_get::<i64, _>(1)?.unsigned_abs(),
    })
}

/// The columns of [`ACCOUNTS`](crate::sql::ACCOUNTS).
pub(crate) fn account_record<R>(row: &R) -> Result<AccountRecord, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let limit: Option<i64> = row.try_get(2)?;
    Ok(AccountRecord {
        account: parsed(row, 0)?,
        name: row.try_get(1)?,
        image_limit: limit.and_then(|limit| u32::try_from(limit).ok()),
        status: status(row, 3)?,
        created_at: moment(row.try_get(5)?)?,
        images: row.try_get::<i64, _>(6)?.unsigned_abs(),
    })
}

/// `status, reason` of an account, from column `first` on.
fn status<R>(row: &R, first: usize) -> Result<AccountStatus, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
{
    let reason: Option<&str> = row.try_get(first + 1)?;
    let reason = reason.map(parse).transpose()?;
    match row.try_get(first)? {
        "open" => Ok(AccountStatus::Open),
        "suspended" => Ok(AccountStatus::Suspended(reason)),
        "closed" => Ok(AccountStatus::Closed(reason)),
        other => Err(StoreError::Corrupt(format!("no such status: {other:?}"))),
    }
}

/// Milliseconds since 1970.
pub(crate) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_unix_millis(millis)
        .ok_or_else(|| StoreError::Corrupt(format!("no such time: {millis}")))
}

/// `key_id, used_at`; an impossible time becomes the earliest one, because one damaged row must not
/// hide the others.
pub(crate) fn key_use<R>(row: &R) -> Result<(KeyId, Timestamp), StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let used_at = moment(row.try_get(1)?).or_else(|_| moment(0))?;
    Ok((parsed(row, 0)?, used_at))
}

/// The columns of [`KEYS`](crate::sql::KEYS).
pub(crate) fn key_record<R>(row: &R, master_key: &MasterKey) -> Result<KeyRecord, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    bool: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let key_id = parsed(row, 0)?;
    let expires_at: Option<i64> = row.try_get(5)?;
    let wrapped: Option<&[u8]> = row.try_get(4)?;
    Ok(KeyRecord {
        account: parsed(row, 1)?,
        signing_key_logged: row.try_get(2)?,
        verifiers: wrapped
            .map(|wrapped| open_verifiers(master_key, &key_id, wrapped))
            .transpose()?,
        key_id,
        scopes: known_scopes(row.try_get(3)?),
        expires_at: expires_at.map(moment).transpose()?,
        account_status: status(row, 6)?,
        account_sequence: row.try_get::<i64, _>(8)?.unsigned_abs(),
        has_newer_events: false,
    })
}

/// `key_id, secret_sha256, signing_sha1`, as the tables once stored them in clear. The error does
/// not include the texts when they are damaged.
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

/// `family, key_id, account, scopes, scope, expires_at, refresh_number, refreshed_at`, the current
/// time, the version of the secret, `status, reason`, the sequence of the account's stream.
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
        key_scopes: known_scopes(row.try_get(3)?),
        scope: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        refresh_number: row.try_get(6)?,
        refreshed_at: row.try_get(7)?,
        now: row.try_get(8)?,
        secret_version: row.try_get(9)?,
        account_status: status(row, 10)?,
        account_sequence: row.try_get::<i64, _>(12)?.unsigned_abs(),
        has_newer_events: false,
    })
}

/// `how, aggregate_type, aggregate_id, sequence`.
pub(crate) fn misplaced<R>(row: &R) -> Result<Misplaced, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let how: String = row.try_get(0)?;
    Ok(Misplaced {
        how: match how.as_str() {
            "no place" => Misplacement::NoPlace,
            "no event" => Misplacement::NoEvent,
            "waits without event" => Misplacement::WaitsWithoutEvent,
            _ => Misplacement::WaitsAgain,
        },
        aggregate_type: row.try_get(1)?,
        aggregate_id: row.try_get(2)?,
        sequence: row.try_get(3)?,
    })
}

/// Leaves out scopes known only to a newer program: they grant nothing here.
fn known_scopes(text: &str) -> BTreeSet<Scope> {
    let scopes = text.split_ascii_whitespace();
    scopes.filter_map(|scope| scope.parse().ok()).collect()
}

/// Scopes as OAuth writes them: separated by spaces.
pub(crate) fn scopes_to_text(scopes: &BTreeSet<Word<Scope>>) -> String {
    let names: Vec<_> = scopes.iter().map(Word::to_string).collect();
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

/// `global_position, hash`, the columns of [`stored_event`], `account`.
pub(crate) fn log_row<R>(row: &R) -> Result<LogRow, StoreError>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(LogRow {
        position: row.try_get(0)?,
        hash: hash(row.try_get(1)?)?,
        event: stored_event(row, 2)?,
        account: row.try_get(9)?,
    })
}

/// `global_position, hash` of the newest entry, if there is one.
pub(crate) fn log_tail<R>(newest: Option<R>) -> Result<LogTail, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let Some(newest) = newest else {
        return Ok(LogTail::default());
    };
    Ok(LogTail {
        position: newest.try_get(0)?,
        hash: hash(newest.try_get(1)?)?,
    })
}

/// A stored hash; the table's CHECK keeps it at 32 bytes.
pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, sqlx::Error> {
    bytes
        .try_into()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
