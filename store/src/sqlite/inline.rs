//! The inline tables as SQLite keeps them: idempotency keys, claims, accounts and keys, changed in
//! the append's own transaction.

use photolog_domain::{AccountId, Digest, ImageId};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::append::Stop;
use super::keys::idempotency_record;
use super::secrets;
use crate::StoreError;
use crate::column::{parsed, scopes_to_text};
use crate::event_store::{IDEMPOTENCY_KEY_LIFETIME_MS, NewIdempotencyKey};
use crate::inline::Change;
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};

/// Takes the key, or says what it led to before.
pub(super) async fn use_idempotency_key(
    connection: &mut SqliteConnection,
    image: &str,
    key: &NewIdempotencyKey,
) -> Result<(), Stop> {
    let account = key.idempotency.account.to_string();
    let expired_before = key.at.unix_millis() - IDEMPOTENCY_KEY_LIFETIME_MS;
    let taken = sqlx::query(
        "DELETE FROM idempotency_keys WHERE created_at < ?7;
         INSERT INTO idempotency_keys (account, key, fingerprint, image, sequence, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING
         RETURNING key",
    )
    .bind(&account)
    .bind(&key.idempotency.key)
    .bind(key.idempotency.fingerprint.to_string())
    .bind(image)
    .bind(key.sequence)
    .bind(key.at.unix_millis())
    .bind(expired_before)
    .fetch_optional(&mut *connection)
    .await?;
    if taken.is_some() {
        return Ok(());
    }
    let before =
        idempotency_record(connection, &account, &key.idempotency.key, expired_before).await;
    Err(match before {
        Ok(Some(record)) => Stop::Refused(StoreError::IdempotencyKeyUsed(record)),
        Ok(None) => Stop::Refused(StoreError::Conflict),
        Err(error) => Stop::Refused(error),
    })
}

/// Makes one change.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    change: &Change,
    image_limit: Option<u32>,
    master_key: &MasterKey,
) -> Result<(), Stop> {
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
        } => sqlx::query(
            "INSERT INTO accounts (account, name, image_limit, created_at) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(account.to_string())
        .bind(name)
        .bind(*image_limit)
        .bind(at.unix_millis()),
        Change::SetImageLimit {
            account,
            image_limit,
        } => sqlx::query("UPDATE accounts SET image_limit = ?2 WHERE account = ?1")
            .bind(account.to_string())
            .bind(*image_limit),
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
            sqlx::query(
                "INSERT INTO keys (key_id, account, signing_key_logged, scopes)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(key_id.as_str())
            .bind(account.to_string())
            .bind(key.logged_verifiers.is_some())
            .bind(scopes_to_text(&key.scopes))
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

/// The claim itself, then the count: a duplicate is told as such even at the limit.
async fn claim(
    connection: &mut SqliteConnection,
    image: ImageId,
    account: AccountId,
    digest: &Digest,
    image_limit: Option<u32>,
) -> Result<(), Stop> {
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
            Err(Stop::Refused(StoreError::ImageLimitReached))
        }
        _ => Ok(()),
    }
}

async fn change_claim(
    connection: &mut SqliteConnection,
    image: ImageId,
    digest: &Digest,
) -> Result<(), Stop> {
    let (image, digest) = (image.to_string(), digest.to_string());
    let changed = sqlx::query("UPDATE claims SET digest = ?2 WHERE image = ?1")
        .bind(&image)
        .bind(&digest)
        .execute(&mut *connection)
        .await;
    let Err(error) = changed else { return Ok(()) };
    let account: String = sqlx::query("SELECT account FROM claims WHERE image = ?1")
        .bind(&image)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    Err(or_duplicate(connection, error, &account, &digest).await)
}

/// A claim met another one: whose? Any other error stays what it is.
async fn or_duplicate(
    connection: &mut SqliteConnection,
    error: sqlx::Error,
    account: &str,
    digest: &str,
) -> Stop {
    let unique = |error: &sqlx::Error| {
        error
            .as_database_error()
            .is_some_and(|database| database.message().contains("claims.digest"))
    };
    if !unique(&error) {
        return error.into();
    }
    let holder = sqlx::query("SELECT image FROM claims WHERE account = ?1 AND digest = ?2")
        .bind(account)
        .bind(digest)
        .fetch_one(connection)
        .await
        .map_err(StoreError::from)
        .and_then(|row| parsed(&row, 0));
    match holder {
        Ok(holder) => Stop::Refused(StoreError::DuplicateContent { holder }),
        Err(error) => Stop::Refused(error),
    }
}
