//! Questions about keys, accounts, used idempotency keys, and the installation's own secret.

use photolog_domain::{AccountId, Digest, ImageId, KeyId};
use sqlx::{Executor, Row};

use super::Sqlite;
use crate::column::{key_record, parsed, token_secret};
use crate::event_store::oldest_idempotency_key;
use crate::{AccountRecord, Claims, IdempotencyRecord, KeyRecord, StoreError, TokenSecret};

const TOKEN_SECRET: &str = "SELECT version, value FROM installation WHERE name = 'token_secret'";

impl Sqlite {
    pub(crate) async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        sqlx::query(
            "SELECT key_id, account, secret_sha256, signing_sha1, scopes
             FROM keys WHERE key_id = ?1",
        )
        .bind(key_id.as_str())
        .fetch_optional(self.hot.take().await?.connection()?)
        .await?
        .map(|row| key_record(&row))
        .transpose()
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        sqlx::query("SELECT key_id, account, secret_sha256, signing_sha1, scopes FROM keys")
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(key_record)
            .collect()
    }

    pub(crate) async fn content_holder(
        &self,
        account: AccountId,
        digest: &Digest,
    ) -> Result<Option<ImageId>, StoreError> {
        sqlx::query("SELECT image FROM claims WHERE account = ?1 AND digest = ?2")
            .bind(account.to_string())
            .bind(digest.to_string())
            .fetch_optional(self.hot.take().await?.connection()?)
            .await?
            .map(|row| parsed(&row, 0))
            .transpose()
    }

    pub(crate) async fn claims(&self) -> Result<Claims, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        let mut claims = Claims::default();
        for row in sqlx::query("SELECT account, digest, image FROM claims")
            .fetch_all(&mut *snapshot)
            .await?
        {
            let content = (parsed(&row, 0)?, parsed(&row, 1)?);
            claims.holders.insert(content, parsed(&row, 2)?);
        }
        for row in sqlx::query("SELECT account, images FROM image_counts WHERE images <> 0")
            .fetch_all(&mut *snapshot)
            .await?
        {
            claims.counts.insert(parsed(&row, 0)?, row.try_get(1)?);
        }
        Ok(claims)
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        sqlx::query("SELECT account, name, image_limit FROM accounts ORDER BY created_at, account")
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(AccountRecord {
                    account: parsed(row, 0)?,
                    name: row.try_get(1)?,
                    image_limit: row.try_get(2)?,
                })
            })
            .collect()
    }

    pub(crate) async fn idempotency_record(
        &self,
        account: AccountId,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let account = account.to_string();
        idempotency_record(&self.readers, &account, key, oldest_idempotency_key()).await
    }

    /// Written by the projection's connection: should a power cut take it, clients log in again.
    pub(crate) async fn token_secret(&self, fresh: [u8; 32]) -> Result<TokenSecret, StoreError> {
        let known = sqlx::query(TOKEN_SECRET)
            .fetch_optional(self.hot.take().await?.connection()?)
            .await?;
        if let Some(row) = known {
            return token_secret(&row);
        }
        let mut turn = self.turn.lock().await;
        let connection = turn.connection()?;
        sqlx::query(
            "INSERT INTO installation (name, value) VALUES ('token_secret', ?1)
             ON CONFLICT DO NOTHING",
        )
        .bind(fresh.as_slice())
        .execute(&mut *connection)
        .await?;
        let row = sqlx::query(TOKEN_SECRET).fetch_one(connection).await?;
        token_secret(&row)
    }
}

pub(super) async fn idempotency_record(
    executor: impl Executor<'_, Database = sqlx::Sqlite>,
    account: &str,
    key: &str,
    expired_before: i64,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    sqlx::query(
        "SELECT fingerprint, image, sequence FROM idempotency_keys
         WHERE account = ?1 AND key = ?2 AND created_at >= ?3",
    )
    .bind(account)
    .bind(key)
    .bind(expired_before)
    .fetch_optional(executor)
    .await?
    .map(|row| {
        Ok(IdempotencyRecord {
            fingerprint: parsed(&row, 0)?,
            image: parsed(&row, 1)?,
            sequence: row.try_get::<i64, _>(2)?.unsigned_abs(),
        })
    })
    .transpose()
}
