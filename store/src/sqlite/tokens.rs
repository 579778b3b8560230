//! Token families.
//!
//! A log-in lost in a power cut is simply repeated, so it is written on the projection's connection.
//! An end must last, so operations that end or spend tokens wait for the disk.

use photolog_domain::KeyId;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

use super::Sqlite;
use crate::StoreError;
use crate::backend::TokenTables;
use crate::column::token_family;
use crate::sql;
use crate::tokens::{
    FAMILIES_PER_KEY, NewTokenFamily, REMOVED_AT_ONCE, RefreshStep, Refreshed, TokenFamily,
};

/// Parameter: `family`.
const FAMILY: &str = concat!(
    "SELECT family, key_id, account, scopes, scope, token_families.expires_at, refresh_number,
            refreshed_at, CAST(unixepoch('subsec') * 1000 AS INTEGER),
            (SELECT version FROM secrets WHERE name = 'token_secret'), status, reason, ",
    sql::account_sequence!(),
    " FROM token_families JOIN keys USING (key_id) JOIN accounts USING (account)
      WHERE family = ?1"
);

const REMOVE_ENDED: &str = "
    DELETE FROM token_families WHERE family IN
      (SELECT family FROM token_families WHERE expires_at <= unixepoch('subsec') * 1000
       ORDER BY expires_at LIMIT ?1)";

/// Parameters: `key_id`, how many to keep beside the new one, how many to remove.
const REMOVE_OLDEST: &str = "
    DELETE FROM token_families WHERE family IN
      (SELECT family FROM token_families WHERE key_id = ?1
       ORDER BY began_at DESC LIMIT ?3 OFFSET ?2)";

const BEGIN: &str = "
    INSERT INTO token_families (family, key_id, scope, began_at, expires_at, refresh_number,
                                refreshed_at)
    SELECT ?1, key_id, ?3, now, min(now + ?4, coalesce(expires_at, now + ?4)), 1, now
    FROM keys, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now)
    WHERE key_id = ?2 AND (expires_at IS NULL OR expires_at > now)";

const ADVANCE: &str = "
    UPDATE token_families
    SET refresh_number = refresh_number + 1,
        refreshed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
    WHERE family = ?1";

const END: &str = sql::END_FAMILY;

impl TokenTables for Sqlite {
    async fn begin_token_family(
        &self,
        new: &NewTokenFamily,
    ) -> Result<Option<TokenFamily>, StoreError> {
        self.in_turn(async |connection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(REMOVE_ENDED)
                .bind(REMOVED_AT_ONCE)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(REMOVE_OLDEST)
                .bind(new.key_id.as_str())
                .bind(FAMILIES_PER_KEY - 1)
                .bind(REMOVED_AT_ONCE)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(BEGIN)
                .bind(new.family.to_string())
                .bind(new.key_id.as_str())
                .bind(&new.scope)
                .bind(new.lifetime_millis)
                .execute(&mut *transaction)
                .await?;
            let begun = find(&mut transaction, new.family).await?;
            transaction.commit().await?;
            Ok(begun)
        })
        .await
    }

    async fn token_family(&self, family: Uuid) -> Result<Option<TokenFamily>, StoreError> {
        find(self.unpinged.take().await?.connection()?, family).await
    }

    async fn refresh_token_family(
        &self,
        family: Uuid,
        key_id: &KeyId,
        number: i64,
    ) -> Result<Refreshed, StoreError> {
        let mut connection = self.durable.connect().await?;
        let _turn = self.turn.lock().await;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let found = find(&mut transaction, family).await?;
        let Some(found) = found.filter(|found| found.is_live() && found.key_id == *key_id) else {
            return Ok(Refreshed::Unknown);
        };
        let refreshed = match found.step(number) {
            RefreshStep::Refuse => Refreshed::Unknown,
            RefreshStep::Repeat => Refreshed::Granted(found),
            RefreshStep::Advance => {
                sqlx::query(ADVANCE)
                    .bind(family.to_string())
                    .execute(&mut *transaction)
                    .await?;
                Refreshed::Granted(TokenFamily {
                    refresh_number: number + 1,
                    refreshed_at: found.now,
                    ..found
                })
            }
            RefreshStep::End => {
                end(&mut transaction, family, key_id).await?;
                Refreshed::Reused
            }
        };
        transaction.commit().await?;
        Ok(refreshed)
    }

    async fn end_token_family(&self, family: Uuid, key_id: &KeyId) -> Result<(), StoreError> {
        let mut connection = self.durable.connect().await?;
        let _turn = self.turn.lock().await;
        end(&mut connection, family, key_id).await
    }
}

async fn find(
    connection: &mut SqliteConnection,
    family: Uuid,
) -> Result<Option<TokenFamily>, StoreError> {
    sqlx::query(FAMILY)
        .bind(family.to_string())
        .fetch_optional(connection)
        .await?
        .map(|row| token_family(&row))
        .transpose()
}

async fn end(
    connection: &mut SqliteConnection,
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
