//! The table of secrets. What adds one reads the row of the master key `FOR SHARE`, a rotation `FOR
//! UPDATE`: no secret is added under a key that is about to be forgotten.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use crate::StoreError;
use crate::master_key::{Check, MasterKey};
use crate::secrets::{MASTER_KEY, PUT, TOKEN_SECRET, TokenSecret, WrappedSecret, WrappedSecrets};

impl Postgres {
    pub(crate) async fn put_token_secret(
        &self,
        fresh: [u8; 32],
        rotates: bool,
    ) -> Result<TokenSecret, StoreError> {
        let mut transaction = self.pool.begin().await?;
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
            sqlx::query("DELETE FROM token_families")
                .execute(&mut *transaction)
                .await?;
        }
        let row = sqlx::query("SELECT name, version, wrapped FROM secrets WHERE name = $1")
            .bind(TOKEN_SECRET)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        wrapped_secret(&row)?.token_secret(&self.master_key)
    }

    pub(crate) async fn prepare_master_key(&self) -> Result<(), StoreError> {
        let check = check(&mut *self.pool.acquire().await?, "").await?;
        Ok(self.master_key.prepare(&check)?)
    }

    pub(crate) async fn rotate_master_key(&self) -> Result<usize, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let next = self
            .master_key
            .next(&check(&mut transaction, "FOR UPDATE").await?)?;
        let secrets = all(&mut transaction).await?;
        for secret in &secrets {
            let opened = self.master_key.unwrap(&secret.name, &secret.wrapped)?;
            sqlx::query("UPDATE secrets SET wrapped = $2 WHERE name = $1")
                .bind(&secret.name)
                .bind(next.wrap(&secret.name, &opened)?)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE installation SET value = $2 WHERE name = $1")
            .bind(MASTER_KEY)
            .bind(next.check().as_slice())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(secrets.len())
    }

    pub(crate) async fn forget_old_master_key(&self) -> Result<(), StoreError> {
        let check = check(&mut *self.pool.acquire().await?, "").await?;
        Ok(self.master_key.forget_others(&check)?)
    }

    pub(crate) async fn wrapped_secrets(&self) -> Result<WrappedSecrets, StoreError> {
        let mut transaction = self.pool.begin().await?;
        Ok(WrappedSecrets {
            // Held until the end, so that no rotation comes between.
            master_key_check: check(&mut transaction, "FOR SHARE").await?,
            secrets: all(&mut transaction).await?,
        })
    }
}

/// Wraps a secret by the master key in use and keeps it; `replaces` one of that name, or gives way.
pub(super) async fn put(
    connection: &mut PgConnection,
    master_key: &MasterKey,
    name: &str,
    version: i64,
    secret: &[u8],
    replaces: bool,
) -> Result<(), StoreError> {
    let wrapping = master_key.of_check(&check(connection, "FOR SHARE").await?)?;
    sqlx::query(PUT)
        .bind(name)
        .bind(version)
        .bind(wrapping.wrap(name, secret)?)
        .bind(replaces)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes sure that the database and the file have the same master key; a new database takes the
/// file's, or has it made.
pub(super) async fn agree_on_master_key(
    connection: &mut PgConnection,
    master_key: &MasterKey,
) -> Result<(), StoreError> {
    let known = sqlx::query("SELECT value FROM installation WHERE name = $1")
        .bind(MASTER_KEY)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(known) = known {
        master_key.of_check(known.try_get(0)?)?;
        return Ok(());
    }
    let first = master_key.first()?;
    sqlx::query("INSERT INTO installation (name, value) VALUES ($1, $2)")
        .bind(MASTER_KEY)
        .bind(first.check().as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

async fn check(connection: &mut PgConnection, lock: &str) -> Result<Check, StoreError> {
    let row = sqlx::query(&format!(
        "SELECT value FROM installation WHERE name = $1 {lock}"
    ))
    .bind(MASTER_KEY)
    .fetch_one(connection)
    .await?;
    crate::secrets::check(row.try_get(0)?)
}

async fn all(connection: &mut PgConnection) -> Result<Vec<WrappedSecret>, StoreError> {
    sqlx::query("SELECT name, version, wrapped FROM secrets ORDER BY name")
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
