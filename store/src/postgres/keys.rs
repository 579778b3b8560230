//! Questions about keys, accounts and used idempotency keys.

use photolog_domain::{AccountId, Digest, ImageId, KeyId};
use sqlx::{Executor, Row};

use super::Postgres;
use crate::column::{KEYS, key_record, parsed};
use crate::event_store::oldest_idempotency_key;
use crate::{AccountRecord, Claims, IdempotencyRecord, KeyRecord, StoreError};

impl Postgres {
    pub(crate) async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let mut hot = self.hot.take().await?;
        let found = sqlx::query(&format!("{KEYS} WHERE key_id = $1"))
            .bind(key_id.as_str())
            .fetch_optional(hot.connection())
            .await;
        hot.answered(found.map_err(StoreError::from))?
            .map(|row| key_record(&row, &self.master_key))
            .transpose()
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        sqlx::query(KEYS)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| key_record(row, &self.master_key))
            .collect()
    }

    pub(crate) async fn content_holder(
        &self,
        account: AccountId,
        digest: &Digest,
    ) -> Result<Option<ImageId>, StoreError> {
        let mut hot = self.hot.take().await?;
        let found = sqlx::query("SELECT image FROM claims WHERE account = $1 AND digest = $2")
            .bind(account.to_string())
            .bind(digest.to_string())
            .fetch_optional(hot.connection())
            .await;
        hot.answered(found.map_err(StoreError::from))?
            .map(|row| parsed(&row, 0))
            .transpose()
    }

    pub(crate) async fn claims(&self) -> Result<Claims, StoreError> {
        let mut snapshot = self.pool.begin().await?;
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
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| {
                Ok(AccountRecord {
                    account: parsed(row, 0)?,
                    name: row.try_get(1)?,
                    image_limit: row
                        .try_get::<Option<i64>, _>(2)?
                        .and_then(|limit| u32::try_from(limit).ok()),
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
        idempotency_record(&self.pool, &account, key, oldest_idempotency_key()).await
    }
}

pub(super) async fn idempotency_record(
    executor: impl Executor<'_, Database = sqlx::Postgres>,
    account: &str,
    key: &str,
    expired_before: i64,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    sqlx::query(
        "SELECT fingerprint, image, sequence FROM idempotency_keys
         WHERE account = $1 AND key = $2 AND created_at >= $3",
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
