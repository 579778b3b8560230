//! The constraint tables in SQLite: idempotency keys, claims, accounts and keys, changed in the
//! append's own transaction.

use photolog_domain::{AccountId, ContentHash, ImageId, Reason};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::append::AppendFailure;
use super::keys::idempotency_record;
use super::secrets;
use crate::StoreError;
use crate::column::{parsed, scopes_to_text};
use crate::constraints::Change;
use crate::idempotency::{IDEMPOTENCY_KEY_LIFETIME_MS, NewIdempotencyKey};
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};
use crate::sql;

/// Stores the key, or returns its earlier result.
pub(super) async fn use_idempotency_key(
    connection: &mut SqliteConnection,
    image: &str,
    key: &NewIdempotencyKey,
) -> Result<(), AppendFailure> {
    let account = key.idempotency.account.to_string();
    let taken = sqlx::query(
        "DELETE FROM idempotency_keys
         WHERE created_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?6;
         INSERT INTO idempotency_keys (account, key, fingerprint, image, sequence, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, CAST(unixepoch('subsec') * 1000 AS INTEGER))
         ON CONFLICT DO NOTHING
         RETURNING key",
    )
    .bind(&account)
    .bind(&key.idempotency.key)
    .bind(key.idempotency.fingerprint.to_string())
    .bind(image)
    .bind(key.sequence)
    .bind(IDEMPOTENCY_KEY_LIFETIME_MS)
    .fetch_optional(&mut *connection)
    .await?;
    if taken.is_some() {
        return Ok(());
    }
    let before = idempotency_record(connection, &account, &key.idempotency.key).await;
    Err(match before {
        Ok(Some(record)) => AppendFailure::Refused(StoreError::IdempotencyKeyUsed(record)),
        Ok(None) => AppendFailure::Refused(StoreError::Conflict),
        Err(error) => AppendFailure::Refused(error),
    })
}

/// Makes one change.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    change: &Change,
    image_limit: Option<u32>,
    master_key: &MasterKey,
) -> Result<(), AppendFailure> {
    let query = match change {
        Change::ClaimContent {
            image,
            account,
            digest,
        } => return claim(connection, *image, *account, digest, image_limit).await,
        Change::ChangeContent { image, digest } => {
            return change_claim(connection, *image, digest).await;
        }
        Change::ReleaseContent { image } => sqlx::query(
            "UPDATE image_counts SET images = images - 1
             WHERE account = (SELECT account FROM claims WHERE image = ?1);
             DELETE FROM claims WHERE image = ?1",
        )
        .bind(image.to_string()),
        Change::OpenAccount {
            account,
            name,
            image_limit,
            at,
        } => sqlx::query(sql::OPEN_ACCOUNT)
            .bind(account.to_string())
            .bind(name)
            .bind(*image_limit)
            .bind(at.unix_millis()),
        Change::SetImageLimit {
            account,
            image_limit,
        } => sqlx::query(sql::SET_IMAGE_LIMIT)
            .bind(account.to_string())
            .bind(*image_limit),
        Change::RenameAccount { account, name } => sqlx::query(sql::RENAME_ACCOUNT)
            .bind(account.to_string())
            .bind(name),
        Change::SetStatus { account, status } => sqlx::query(sql::SET_STATUS)
            .bind(account.to_string())
            .bind(status.as_str())
            .bind(status.reason().map(Reason::as_str)),
        Change::IssueKey {
            account,
            key_id,
            key,
            verifiers,
        } => {
            if let Some(verifiers) = verifiers {
                let (name, secret) = (of_key(key_id), verifiers_to_bytes(verifiers));
                secrets::put(connection, master_key, &name, 1, &secret, false).await?;
            }
            sqlx::query(sql::ISSUE_KEY)
                .bind(key_id.as_str())
                .bind(account.to_string())
                .bind(key.logged_verifiers.is_some())
                .bind(scopes_to_text(&key.scopes))
                .bind(key.expires_at.map(|end| end.unix_millis()))
        }
        Change::RevokeKey { key_id } => {
            sqlx::query("DELETE FROM keys WHERE key_id = ?1; DELETE FROM secrets WHERE name = ?2")
                .bind(key_id.as_str())
                .bind(of_key(key_id))
        }
    };
    query.execute(connection).await?;
    Ok(())
}

/// The claim first, then the count: a duplicate is reported as such even when the limit is reached.
async fn claim(
    connection: &mut SqliteConnection,
    image: ImageId,
    account: AccountId,
    digest: &ContentHash,
    image_limit: Option<u32>,
) -> Result<(), AppendFailure> {
    let (account, digest) = (account.to_string(), digest.to_string());
    let claimed = sqlx::query(
        "INSERT INTO claims (image, account, digest) VALUES (?1, ?2, ?3);
         INSERT INTO image_counts (account, images) VALUES (?2, 1)
         ON CONFLICT (account) DO UPDATE SET images = images + 1;
         SELECT images, image_limit
         FROM image_counts LEFT JOIN accounts USING (account) WHERE account = ?2",
    )
    .bind(image.to_string())
    .bind(&account)
    .bind(&digest)
    .fetch_one(&mut *connection)
    .await;
    let counted = match claimed {
        Ok(counted) => counted,
        Err(error) => return Err(or_duplicate(connection, error, &account, &digest).await),
    };
    let images: i64 = counted.try_get(0)?;
    let own_limit: Option<u32> = counted.try_get(1)?;
    match own_limit.or(image_limit) {
        Some(limit) if images > i64::from(limit) => {
            Err(AppendFailure::Refused(StoreError::ImageLimitReached))
        }
        _ => Ok(()),
    }
}

async fn change_claim(
    connection: &mut SqliteConnection,
    image: ImageId,
    digest: &ContentHash,
) -> Result<(), AppendFailure> {
    let (image, digest) = (image.to_string(), digest.to_string());
    let changed = sqlx::query("UPDATE claims SET digest = ?2 WHERE image = ?1")
        .bind(&image)
        .bind(&digest)
        .execute(&mut *connection)
        .await;
    let Err(error) = changed else { return Ok(()) };
    let account: String = sqlx::query(sql::CLAIMANT)
        .bind(&image)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    Err(or_duplicate(connection, error, &account, &digest).await)
}

/// Converts a conflicting claim to the error that names its holder; keeps any other error.
async fn or_duplicate(
    connection: &mut SqliteConnection,
    error: sqlx::Error,
    account: &str,
    digest: &str,
) -> AppendFailure {
    let unique = |error: &sqlx::Error| {
        error
            .as_database_error()
            .is_some_and(|database| database.message().contains("claims.digest"))
    };
    if !unique(&error) {
        return error.into();
    }
    let holder = sqlx::query(sql::CONTENT_HOLDER)
        .bind(account)
        .bind(digest)
        .fetch_one(connection)
        .await
        .map_err(StoreError::from)
        .and_then(|row| parsed(&row, 0));
    match holder {
        Ok(holder) => AppendFailure::Refused(StoreError::DuplicateContent { holder }),
        Err(error) => AppendFailure::Refused(error),
    }
}
