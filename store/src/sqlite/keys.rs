//! Queries for keys, accounts and used idempotency keys.

use std::collections::BTreeMap;

use photolog_domain::{AccountId, ContentHash, ImageId, KeyId, Timestamp};
use sqlx::{Executor, Row};

use super::Sqlite;
use crate::backend::KeyTables;
use crate::column::{account_record, key_record, key_use, parsed};
use crate::idempotency::IDEMPOTENCY_KEY_LIFETIME_MS;
use crate::keys::KEY_USE_MILLIS;
use crate::sql;
use crate::sql::{ACCOUNTS, KEYS};
use crate::{AccountRecord, IdempotencyRecord, KeyRecord, StoreError};

impl KeyTables for Sqlite {
    async fn key(&self, key_id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let query = format!(
            "{KEYS} WHERE key_id = $1
             AND (expires_at IS NULL OR expires_at > unixepoch('subsec') * 1000)"
        );
        sqlx::query(&query)
            .bind(key_id.as_str())
            .fetch_optional(self.unpinged.take().await?.connection()?)
            .await?
            .map(|row| key_record(&row, &self.master_key))
            .transpose()
    }

    async fn content_holder(
        &self,
        account: AccountId,
        digest: &ContentHash,
    ) -> Result<Option<ImageId>, StoreError> {
        sqlx::query(sql::CONTENT_HOLDER)
            .bind(account.to_string())
            .bind(digest.to_string())
            .fetch_optional(self.unpinged.take().await?.connection()?)
            .await?
            .map(|row| parsed(&row, 0))
            .transpose()
    }

    async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        sqlx::query(ACCOUNTS)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(account_record)
            .collect()
    }

    async fn note_key_use(&self, account: AccountId, key_id: &KeyId) -> Result<(), StoreError> {
        self.in_turn(async |connection| {
            sqlx::query(
                "INSERT INTO key_uses AS known (account, key_id, used_at)
                 VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000 AS INTEGER))
                 ON CONFLICT DO UPDATE SET used_at = excluded.used_at
                 WHERE excluded.used_at >= known.used_at + ?3",
            )
            .bind(account.to_string())
            .bind(key_id.as_str())
            .bind(KEY_USE_MILLIS)
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    async fn key_uses(&self, account: AccountId) -> Result<BTreeMap<KeyId, Timestamp>, StoreError> {
        sqlx::query(sql::KEY_USES)
            .bind(account.to_string())
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(key_use)
            .collect()
    }

    async fn idempotency_record(
        &self,
        account: AccountId,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let account = account.to_string();
        idempotency_record(&self.readers, &account, key).await
    }
}

pub(super) async fn idempotency_record(
    executor: impl Executor<'_, Database = sqlx::Sqlite>,
    account: &str,
    key: &str,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    sqlx::query(
        "SELECT fingerprint, image, sequence FROM idempotency_keys
         WHERE account = ?1 AND key = ?2
           AND created_at >= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?3",
    )
    .bind(account)
    .bind(key)
    .bind(IDEMPOTENCY_KEY_LIFETIME_MS)
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
