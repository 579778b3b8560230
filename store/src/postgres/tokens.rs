//! Token families.
//!
//! Log-ins with one key are serialised by the key's row, refreshes of one family by the family's.

use photolog_domain::KeyId;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Postgres;
use crate::StoreError;
use crate::backend::TokenTables;
use crate::column::token_family;
use crate::sql;
use crate::tokens::{
    FAMILIES_PER_KEY, NewTokenFamily, REMOVED_AT_ONCE, RefreshStep, Refreshed, TokenFamily,
};

/// Milliseconds since 1970. Not `now()`, the start of the transaction, which may have waited.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

/// Parameter: `family`.
macro_rules! family {
    () => {
        concat!(
            "SELECT family, key_id, account, scopes, scope, token_families.expires_at,
                    refresh_number, refreshed_at, ",
            now!(),
            ", (SELECT version FROM secrets WHERE name = 'token_secret'), status, reason, ",
            sql::account_sequence!(),
            " FROM token_families JOIN keys USING (key_id) JOIN accounts USING (account)
             WHERE family = $1"
        )
    };
}

const LOCK_KEY: &str = "SELECT 1 FROM keys WHERE key_id = $1 FOR NO KEY UPDATE";

const REMOVE_ENDED: &str = concat!(
    "DELETE FROM token_families WHERE family IN
       (SELECT family FROM token_families WHERE expires_at <= ",
    now!(),
    " ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)"
);

/// Parameters: `key_id`, how many to keep beside the new one, how many to remove.
const REMOVE_OLDEST: &str = "
    DELETE FROM token_families WHERE family IN
      (SELECT family FROM token_families WHERE key_id = $1
       ORDER BY began_at DESC OFFSET $2 LIMIT $3)";

const BEGIN: &str = concat!(
    "INSERT INTO token_families (family, key_id, scope, began_at, expires_at, refresh_number,
                                 refreshed_at)
     SELECT $1, key_id, $3, now, least(now + $4, expires_at), 1, now
     FROM keys, (SELECT ",
    now!(),
    " AS now) AS clock WHERE key_id = $2 AND (expires_at IS NULL OR expires_at > now)"
);

const ADVANCE: &str = concat!(
    "UPDATE token_families SET refresh_number = refresh_number + 1, refreshed_at = ",
    now!(),
    " WHERE family = $1"
);

const END: &str = sql::END_FAMILY;

impl TokenTables for Postgres {
    async fn begin_token_family(
        &self,
        new: &NewTokenFamily,
    ) -> Result<Option<TokenFamily>, StoreError> {
        self.pool
            .transact(async |transaction| {
                sqlx::query(LOCK_KEY)
                    .bind(new.key_id.as_str())
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query(REMOVE_ENDED)
                    .bind(i64::from(REMOVED_AT_ONCE))
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query(REMOVE_OLDEST)
                    .bind(new.key_id.as_str())
                    .bind(i64::from(FAMILIES_PER_KEY - 1))
                    .bind(i64::from(REMOVED_AT_ONCE))
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query(BEGIN)
                    .bind(new.family.to_string())
                    .bind(new.key_id.as_str())
                    .bind(&new.scope)
                    .bind(new.lifetime_millis)
                    .execute(&mut *transaction)
                    .await?;
                find(transaction, family!(), new.family).await
            })
            .await
    }

    async fn token_family(&self, family: Uuid) -> Result<Option<TokenFamily>, StoreError> {
        self.unpinged
            .ask(async |connection| find(connection, family!(), family).await)
            .await
    }

    async fn refresh_token_family(
        &self,
        family: Uuid,
        key_id: &KeyId,
        number: i64,
    ) -> Result<Refreshed, StoreError> {
        self.pool
            .transact(async |transaction| refresh(transaction, family, key_id, number).await)
            .await
    }

    async fn end_token_family(&self, family: Uuid, key_id: &KeyId) -> Result<(), StoreError> {
        self.pool
            .ask(async |connection| end(connection, family, key_id).await)
            .await
    }
}

async fn refresh(
    transaction: &mut PgConnection,
    family: Uuid,
    key_id: &KeyId,
    number: i64,
) -> Result<Refreshed, StoreError> {
    let locked = concat!(family!(), " FOR UPDATE OF token_families");
    let found = find(transaction, locked, family).await?;
    let Some(found) = found.filter(|found| found.is_live() && found.key_id == *key_id) else {
        return Ok(Refreshed::Unknown);
    };
    Ok(match found.step(number) {
        RefreshStep::Refuse => Refreshed::Unknown,
        RefreshStep::Repeat => Refreshed::Granted(found),
        RefreshStep::Advance => {
            sqlx::query(ADVANCE)
                .bind(family.to_string())
                .execute(transaction)
                .await?;
            Refreshed::Granted(TokenFamily {
                refresh_number: number + 1,
                refreshed_at: found.now,
                ..found
            })
        }
        RefreshStep::End => {
            end(transaction, family, key_id).await?;
            Refreshed::Reused
        }
    })
}

async fn find(
    connection: &mut PgConnection,
    query: &'static str,
    family: Uuid,
) -> Result<Option<TokenFamily>, StoreError> {
    sqlx::query(query)
        .bind(family.to_string())
        .fetch_optional(connection)
        .await?
        .map(|row| token_family(&row))
        .transpose()
}

async fn end(
    connection: &mut PgConnection,
    family: Uuid,
    key_id: &KeyId,
) -> Result<(), StoreError> {
    sqlx::query(END)
        .bind(family.to_string())
        .bind(key_id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
