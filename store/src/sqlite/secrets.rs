//! The table of secrets. Changes are rare and serialised, each on its own connection that is durable
//! and overwrites deleted data.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::Sqlite;
use crate::StoreError;
use crate::backend::SecretTables;
use crate::master_key::{Check, MasterKey};
use crate::secrets::{MASTER_KEY, TOKEN_SECRET, TokenSecret, WrappedSecret, WrappedSecrets};
use crate::sql;

impl SecretTables for Sqlite {
    async fn put_token_secret(
        &self,
        fresh: [u8; 32],
        rotates: bool,
    ) -> Result<TokenSecret, StoreError> {
        let _turn = self.turn.lock().await;
        let mut connection = self.durable.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        put(
            &mut transaction,
            &self.master_key,
            TOKEN_SECRET,
            1,
            &fresh,
            rotates,
        )
        .await?;
        if rotates {
            sqlx::query(sql::END_ALL_FAMILIES)
                .execute(&mut *transaction)
                .await?;
        }
        let row = sqlx::query(sql::SECRET)
            .bind(TOKEN_SECRET)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        connection.close().await?;
        wrapped_secret(&row)?.token_secret(&self.master_key)
    }

    async fn prepare_master_key(&self) -> Result<(), StoreError> {
        let check = check(&mut *self.readers.acquire().await?).await?;
        Ok(self.master_key.prepare(&check)?)
    }

    async fn rotate_master_key(&self) -> Result<usize, StoreError> {
        let _turn = self.turn.lock().await;
        let mut connection = self.durable.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let next = self.master_key.next(&check(&mut transaction).await?)?;
        let secrets = all(&mut transaction).await?;
        for secret in &secrets {
            let opened = self.master_key.unwrap(&secret.name, &secret.wrapped)?;
            sqlx::query(sql::WRAP_SECRET_AGAIN)
                .bind(&secret.name)
                .bind(next.wrap(&secret.name, &opened)?)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(sql::SET_INSTALLATION_VALUE)
            .bind(MASTER_KEY)
            .bind(next.check().as_slice())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        connection.close().await?;
        Ok(secrets.len())
    }

    async fn forget_old_master_key(&self) -> Result<(), StoreError> {
        let check = check(&mut *self.readers.acquire().await?).await?;
        Ok(self.master_key.forget_others(&check)?)
    }

    async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        Ok(WrappedSecrets {
            master_key_check: check(&mut snapshot).await?,
            secrets: all(&mut snapshot).await?,
        })
    }
}

/// Wraps a secret with the master key in use and stores it; replaces an existing one if `replaces`.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    master_key: &MasterKey,
    name: &str,
    version: i64,
    secret: &[u8],
    replaces: bool,
) -> Result<(), StoreError> {
    let wrapping = master_key.of_check(&check(connection).await?)?;
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
    connection: &mut SqliteConnection,
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

pub(super) async fn check(connection: &mut SqliteConnection) -> Result<Check, StoreError> {
    let row = sqlx::query(sql::INSTALLATION_VALUE)
        .bind(MASTER_KEY)
        .fetch_one(connection)
        .await?;
    crate::secrets::check(row.try_get(0)?)
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<WrappedSecret>, StoreError> {
    sqlx::query(sql::ALL_SECRETS)
        .fetch_all(connection)
        .await?
        .iter()
        .map(wrapped_secret)
        .collect()
}

fn wrapped_secret(row: &SqliteRow) -> Result<WrappedSecret, StoreError> {
    Ok(WrappedSecret {
        name: row.try_get(0)?,
        version: row.try_get(1)?,
        wrapped: row.try_get(2)?,
    })
}
