//! The inline tables as PostgreSQL keeps them: idempotency keys, claims, accounts and keys,
//! changed in the append's own transaction.
//!
//! Every change of a claim locks the account's row of `image_counts` first: so the claims of one
//! account change one after another, the limit holds, and no two transactions can wait for each
//! other in a circle (two images that swap their bytes would).

use photolog_domain::{AccountId, Digest, ImageId};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::keys::idempotency_record;
use super::secrets;
use crate::StoreError;
use crate::column::{parsed, scopes_to_text};
use crate::event_store::{IDEMPOTENCY_KEY_LIFETIME_MS, NewIdempotencyKey};
use crate::inline::Change;
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};

/// Takes the key, or says what it led to before. An expired one is taken over; other expired ones
/// are cleared away, except where another transaction is doing the same.
pub(super) async fn use_idempotency_key(
    connection: &mut PgConnection,
    image: &str,
    key: &NewIdempotencyKey,
) -> Result<(), StoreError> {
    let account = key.idempotency.account.to_string();
    let expired_before = key.at.unix_millis() - IDEMPOTENCY_KEY_LIFETIME_MS;
    sqlx::query(
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM idempotency_keys WHERE created_at < $1
           LIMIT 100 FOR UPDATE SKIP LOCKED))",
    )
    .bind(expired_before)
    .execute(&mut *connection)
    .await?;
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys AS known
           (account, key, fingerprint, image, sequence, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account, key) DO UPDATE
         SET fingerprint = $3, image = $4, sequence = $5, created_at = $6
         WHERE known.created_at < $7",
    )
    .bind(&account)
    .bind(&key.idempotency.key)
    .bind(key.idempotency.fingerprint.to_string())
    .bind(image)
    .bind(key.sequence)
    .bind(key.at.unix_millis())
    .bind(expired_before)
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(());
    }
    let before =
        idempotency_record(connection, &account, &key.idempotency.key, expired_before).await?;
    Err(before.map_or(StoreError::Conflict, StoreError::IdempotencyKeyUsed))
}

/// Makes one change.
pub(super) async fn make(
    connection: &mut PgConnection,
    change: &Change,
    image_limit: Option<u32>,
    master_key: &MasterKey,
) -> Result<(), StoreError> {
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
            "WITH released AS (DELETE FROM claims WHERE image = $1 RETURNING account)
             UPDATE image_counts SET images = images - 1
             WHERE account IN (SELECT account FROM released)",
        )
        .bind(image.to_string()),
        Change::OpenAccount {
            account,
            name,
            image_limit,
            at,
        } => sqlx::query(
            "INSERT INTO accounts (account, name, image_limit, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(account.to_string())
        .bind(name)
        .bind(image_limit.map(i64::from))
        .bind(at.unix_millis()),
        Change::SetImageLimit {
            account,
            image_limit,
        } => sqlx::query("UPDATE accounts SET image_limit = $2 WHERE account = $1")
            .bind(account.to_string())
            .bind(image_limit.map(i64::from)),
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
        Change::RevokeKey { key_id } => sqlx::query(
            "WITH revoked AS (DELETE FROM keys WHERE key_id = $1)
                 DELETE FROM secrets WHERE name = $2",
        )
        .bind(key_id.as_str())
        .bind(of_key(key_id)),
    };
    query.execute(connection).await?;
    Ok(())
}

/// The count first: its row is the account's lock. But a duplicate is told as such even at the
/// limit.
async fn claim(
    connection: &mut PgConnection,
    image: ImageId,
    account: AccountId,
    digest: &Digest,
    image_limit: Option<u32>,
) -> Result<(), StoreError> {
    let account = account.to_string();
    let counted = sqlx::query(
        "INSERT INTO image_counts AS counted (account, images) VALUES ($1, 1)
         ON CONFLICT (account) DO UPDATE SET images = counted.images + 1
         RETURNING images, (SELECT image_limit FROM accounts WHERE account = $1)",
    )
    .bind(&account)
    .fetch_one(&mut *connection)
    .await?;
    let claimed = sqlx::query(
        "INSERT INTO claims (image, account, digest) VALUES ($1, $2, $3)
         ON CONFLICT (account, digest) DO NOTHING",
    )
    .bind(image.to_string())
    .bind(&account)
    .bind(digest.to_string())
    .execute(&mut *connection)
    .await?;
    if claimed.rows_affected() == 0 {
        return Err(duplicate(connection, &account, digest).await);
    }
    let images: i64 = counted.try_get(0)?;
    let own_limit: Option<i64> = counted.try_get(1)?;
    match own_limit.or(image_limit.map(i64::from)) {
        Some(limit) if images > limit => Err(StoreError::ImageLimitReached),
        _ => Ok(()),
    }
}

async fn change_claim(
    connection: &mut PgConnection,
    image: ImageId,
    digest: &Digest,
) -> Result<(), StoreError> {
    let locked = sqlx::query(
        "SELECT account FROM image_counts
         WHERE account = (SELECT account FROM claims WHERE image = $1) FOR UPDATE",
    )
    .bind(image.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let account: String = locked.try_get(0)?;
    // Nobody else can claim for this account now, so looking first is as good as colliding.
    let changed = sqlx::query(
        "UPDATE claims SET digest = $2 WHERE image = $1
         AND NOT EXISTS (SELECT 1 FROM claims WHERE account = $3 AND digest = $2)",
    )
    .bind(image.to_string())
    .bind(digest.to_string())
    .bind(&account)
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(duplicate(connection, &account, digest).await);
    }
    Ok(())
}

/// Who holds these bytes?
async fn duplicate(connection: &mut PgConnection, account: &str, digest: &Digest) -> StoreError {
    let holder = sqlx::query("SELECT image FROM claims WHERE account = $1 AND digest = $2")
        .bind(account)
        .bind(digest.to_string())
        .fetch_one(connection)
        .await
        .map_err(StoreError::from)
        .and_then(|row| parsed(&row, 0));
    match holder {
        Ok(holder) => StoreError::DuplicateContent { holder },
        Err(error) => error,
    }
}
