//! The table of secrets. Adding a secret reads the row of the master key `FOR SHARE`, a rotation `FOR
//! UPDATE`, so that no secret is added under a key that is being replaced.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use crate::StoreError;
use crate::backend::SecretTables;
use crate::master_key::{Check, MasterKey};
use crate::secrets::{MASTER_KEY, TOKEN_SECRET, TokenSecret, WrappedSecret, WrappedSecrets};
use crate::sql;

impl Postgres {
    async fn check(&self) -> Result<Check, StoreError> {
        self.pool
            .ask(async |connection| check(connection, "").await)
            .await
    }
}

impl SecretTables for Postgres {
    async fn put_token_secret(
        &self,
        fresh: [u8; 32],
        rotates: bool,
    ) -> Result<TokenSecret, StoreError> {
        let master_key = &self.master_key;
        let kept = self.pool.transact(async |transaction| {
            put(transaction, master_key, TOKEN_SECRET, 1, &fresh, rotates).await?;
            if rotates {
                sqlx::query(sql::END_ALL_FAMILIES)
                    .execute(&mut *transaction)
                    .await?;
            }
            let kept = sqlx::query(sql::SECRET)
                .bind(TOKEN_SECRET)
                .fetch_one(transaction);
            wrapped_secret(&kept.await?)
        });
        kept.await?.token_secret(master_key)
    }

    async fn prepare_master_key(&self) -> Result<(), StoreError> {
        Ok(self.master_key.prepare(&self.check().await?)?)
    }

    async fn rotate_master_key(&self) -> Result<usize, StoreError> {
        let master_key = &self.master_key;
        self.pool
            .transact(async |transaction| {
                let next = master_key.next(&check(transaction, "FOR UPDATE").await?)?;
                let secrets = all(transaction).await?;
                for secret in &secrets {
                    let opened = master_key.unwrap(&secret.name, &secret.wrapped)?;
                    sqlx::query(sql::WRAP_SECRET_AGAIN)
                        .bind(&secret.name)
                        .bind(next.wrap(&secret.name, &opened)?)
                        .execute(&mut *transaction)
                        .await?;
                }
                sqlx::query(sql::SET_INSTALLATION_VALUE)
                    .bind(MASTER_KEY)
                    .bind(next.check().as_slice())
                    .execute(transaction)
                    .await?;
                Ok(secrets.len())
            })
            .await
    }

    async fn forget_old_master_key(&self) -> Result<(), StoreError> {
        Ok(self.master_key.forget_others(&self.check().await?)?)
    }

    async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError> {
        self.pool
            .transact(async |transaction| {
                Ok(WrappedSecrets {
                    // Locked until the end, so that no rotation intervenes.
                    master_key_check: check(transaction, "FOR SHARE").await?,
                    secrets: all(transaction).await?,
                })
            })
            .await
    }
}

/// Wraps a secret with the master key in use and stores it; replaces an existing one if `replaces`.
pub(super) async fn put(
    connection: &mut PgConnection,
    master_key: &MasterKey,
    name: &str,
    version: i64,
    secret: &[u8],
    replaces: bool,
) -> Result<(), StoreError> {
    let wrapping = master_key.of_check(&check(connection, "FOR SHARE").await?)?;
    sqlx::query(sql::PUT_SECRET)
        .bind(name)
        .bind(version)
        .bind(wrapping.wrap(name, secret)?)
        .bind(replaces)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ensures that the database and the file have the same master key; a new database records the key of
/// the file, which is created if it may be.
pub(super) async fn agree_on_master_key(
    connection: &mut PgConnection,
    master_key: &MasterKey,
) -> Result<(), StoreError> {
    let known = sqlx::query(sql::INSTALLATION_VALUE)
        .bind(MASTER_KEY)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(known) = known {
        master_key.of_check(known.try_get(0)?)?;
        return Ok(());
    }
    let first = master_key.first()?;
    sqlx::query(sql::NEW_INSTALLATION_VALUE)
        .bind(MASTER_KEY)
        .bind(first.check().as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn check(connection: &mut PgConnection, lock: &str) -> Result<Check, StoreError> {
    let row = sqlx::query(&format!(
        "SELECT value FROM installation WHERE name = $1 {lock}"
    ))
    .bind(MASTER_KEY)
    .fetch_one(connection)
    .await?;
    crate::secrets::check(row.try_get(0)?)
}

pub(super) async fn all(connection: &mut PgConnection) -> Result<Vec<WrappedSecret>, StoreError> {
    sqlx::query(sql::ALL_SECRETS)
        .fetch_all(connection)
        .await?
        .iter()
        .map(wrapped_secret)
        .collect()
}

fn wrapped_secret(row: &PgRow) -> Result<WrappedSecret, StoreError> {
    Ok(WrappedSecret {
        name: row.try_get(0)?,
        version: row.try_get(1)?,
        wrapped: row.try_get(2)?,
    })
}
