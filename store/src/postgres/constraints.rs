//! The constraint tables in PostgreSQL: idempotency keys, claims, accounts and keys, changed in the
//! append's own transaction.
//!
//! Every change of a claim first locks the account's row of `image_counts`. So the claims of one
//! account change one after another, the limit holds, and no two transactions can deadlock (as two
//! images that swap their bytes otherwise would).

use std::sync::atomic::Ordering;

use photolog_domain::{AccountId, ContentHash, ImageId, Reason};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::keys::idempotency_record;
use super::{Postgres, secrets};
use crate::StoreError;
use crate::column::{parsed, scopes_to_text};
use crate::constraints::Change;
use crate::idempotency::{IDEMPOTENCY_KEY_LIFETIME_MS, NewIdempotencyKey};
use crate::master_key::MasterKey;
use crate::secrets::{of_key, verifiers_to_bytes};
use crate::sql;

impl Postgres {
    /// Deletes expired idempotency keys, except those that another process is deleting. Each run
    /// begins where the last one ended, because deleted rows may stay in the index for a long time.
    pub(super) async fn clear_idempotency_keys(&self) -> Result<(), StoreError> {
        let query = sqlx::query(
            "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM idempotency_keys
               WHERE created_at >= $2
                 AND created_at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1
               ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED))
             RETURNING created_at",
        )
        .bind(IDEMPOTENCY_KEY_LIFETIME_MS)
        .bind(self.cleared_until.load(Ordering::Relaxed));
        for row in self.pool.fetch_all(query).await? {
            self.cleared_until
                .fetch_max(row.try_get(0)?, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Stores the key, or returns its earlier result. An expired key is taken over.
pub(super) async fn use_idempotency_key(
    connection: &mut PgConnection,
    image: &str,
    key: &NewIdempotencyKey,
) -> Result<(), StoreError> {
    let account = key.idempotency.account.to_string();
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys AS known
           (account, key, fingerprint, image, sequence, created_at)
         SELECT $1, $2, $3, $4, $5, now FROM
           (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock
         ON CONFLICT (account, key) DO UPDATE
         SET fingerprint = $3, image = $4, sequence = $5, created_at = excluded.created_at
         WHERE known.created_at < excluded.created_at - $6",
    )
    .bind(&account)
    .bind(&key.idempotency.key)
    .bind(key.idempotency.fingerprint.to_string())
    .bind(image)
    .bind(key.sequence)
    .bind(IDEMPOTENCY_KEY_LIFETIME_MS)
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(());
    }
    let before = idempotency_record(connection, &account, &key.idempotency.key).await?;
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
        Change::ReleaseContent { image } => return release(connection, *image).await,
        Change::OpenAccount {
            account,
            name,
            image_limit,
            at,
        } => sqlx::query(sql::OPEN_ACCOUNT)
            .bind(account.to_string())
            .bind(name)
            .bind(image_limit.map(i64::from))
            .bind(at.unix_millis()),
        Change::SetImageLimit {
            account,
            image_limit,
        } => sqlx::query(sql::SET_IMAGE_LIMIT)
            .bind(account.to_string())
            .bind(image_limit.map(i64::from)),
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

/// The number of an account's claims, which may be changed while [`lock_count`] holds its lock.
struct Count {
    account: String,
    images: i64,
    /// Part of the row's key, together with the account: with a row updated in place, every version
    /// would have to be read while an open snapshot may still see the old ones.
    changes: i64,
}

/// Locks and reads the account's count. The first claim of an account inserts the row; an advisory
/// lock makes a concurrent first claim wait, because the row's key may have changed by then.
async fn lock_count(connection: &mut PgConnection, account: &str) -> Result<Count, StoreError> {
    if let Some(count) = lock_newest_count(connection, account).await? {
        return Ok(count);
    }
    for statement in [
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        "INSERT INTO image_counts (account, images) SELECT $1, 0
         WHERE NOT EXISTS (SELECT 1 FROM image_counts WHERE account = $1)",
    ] {
        let statement = sqlx::query(statement).bind(account);
        statement.execute(&mut *connection).await?;
    }
    let count = lock_newest_count(connection, account).await?;
    Ok(count.ok_or(sqlx::Error::RowNotFound)?)
}

async fn lock_newest_count(
    connection: &mut PgConnection,
    account: &str,
) -> Result<Option<Count>, StoreError> {
    let newest = sqlx::query(
        "SELECT images, changes FROM image_counts WHERE account = $1
         ORDER BY changes DESC LIMIT 1 FOR UPDATE",
    )
    .bind(account)
    .fetch_optional(connection)
    .await?;
    let count = |row: PgRow| {
        Ok(Count {
            account: account.to_owned(),
            images: row.try_get(0)?,
            changes: row.try_get(1)?,
        })
    };
    newest.map(count).transpose()
}

/// The same for the account of an image that holds a claim.
async fn lock_count_of(
    connection: &mut PgConnection,
    image: ImageId,
) -> Result<Option<Count>, StoreError> {
    let account = sqlx::query(sql::CLAIMANT)
        .bind(image.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    match account {
        Some(row) => lock_count(connection, row.try_get(0)?).await.map(Some),
        None => Ok(None),
    }
}

impl Count {
    async fn set(self, images: i64, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE image_counts SET images = $3, changes = changes + 1
             WHERE account = $1 AND changes = $2",
        )
        .bind(self.account)
        .bind(self.changes)
        .bind(images)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Reports a duplicate as such even when the limit is reached.
async fn claim(
    connection: &mut PgConnection,
    image: ImageId,
    account: AccountId,
    digest: &ContentHash,
    image_limit: Option<u32>,
) -> Result<(), StoreError> {
    let account = account.to_string();
    let count = lock_count(connection, &account).await?;
    let claimed = sqlx::query(
        "INSERT INTO claims (image, account, digest) VALUES ($1, $2, $3)
         ON CONFLICT (account, digest) DO NOTHING
         RETURNING (SELECT image_limit FROM accounts WHERE account = $2)",
    )
    .bind(image.to_string())
    .bind(&account)
    .bind(digest.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(claimed) = claimed else {
        return Err(duplicate(connection, &account, digest).await);
    };
    let images = count.images + 1;
    let own_limit: Option<i64> = claimed.try_get(0)?;
    match own_limit.or(image_limit.map(i64::from)) {
        Some(limit) if images > limit => Err(StoreError::ImageLimitReached),
        _ => count.set(images, connection).await,
    }
}

async fn release(connection: &mut PgConnection, image: ImageId) -> Result<(), StoreError> {
    let Some(count) = lock_count_of(connection, image).await? else {
        return Ok(());
    };
    let released = sqlx::query("DELETE FROM claims WHERE image = $1").bind(image.to_string());
    let released = released.execute(&mut *connection).await?.rows_affected() as i64;
    let images = count.images - released;
    count.set(images, connection).await
}

async fn change_claim(
    connection: &mut PgConnection,
    image: ImageId,
    digest: &ContentHash,
) -> Result<(), StoreError> {
    let count = lock_count_of(connection, image).await?;
    let Count { account, .. } = count.ok_or(sqlx::Error::RowNotFound)?;
    // No other transaction can claim for this account now, so a check instead of a conflict is safe.
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

/// Finds the image that holds these bytes.
async fn duplicate(
    connection: &mut PgConnection,
    account: &str,
    digest: &ContentHash,
) -> StoreError {
    let holder = sqlx::query(sql::CONTENT_HOLDER)
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
