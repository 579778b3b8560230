//! Import of a whole log in one transaction, on its own connection.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection, Row};

use super::append::{AppendFailure, insert_event};
use super::{Sqlite, constraints, secrets};
use crate::backend::ImportTransaction;
use crate::constraints::Change;
use crate::log_entry::ArchivedEvent;
use crate::log_tail::LogTail;
use crate::master_key::MasterKey;
use crate::progress::Head;
use crate::secrets::{TOKEN_SECRET, TokenSecret};
use crate::{Position, StoreError};

/// The transaction; rolled back when its connection is dropped.
#[derive(Debug)]
pub(crate) struct SqliteImport {
    connection: SqliteConnection,
    head: Arc<Head>,
    master_key: Arc<MasterKey>,
}

impl Sqlite {
    pub(crate) async fn import(&self) -> Result<SqliteImport, StoreError> {
        let mut connection = self.durable.connect().await?;
        let empty: bool = sqlx::query("BEGIN IMMEDIATE; SELECT NOT EXISTS (SELECT 1 FROM events)")
            .fetch_one(&mut connection)
            .await?
            .try_get(0)?;
        if !empty {
            return Err(StoreError::NotEmpty);
        }
        Ok(SqliteImport {
            connection,
            head: self.head.clone(),
            master_key: self.master_key.clone(),
        })
    }
}

impl ImportTransaction for SqliteImport {
    async fn insert(&mut self, entries: &[ArchivedEvent]) -> Result<(), StoreError> {
        for entry in entries {
            let tail = LogTail {
                position: entry.position,
                hash: entry.hash,
            };
            insert_event(&mut self.connection, &entry.stored(), &tail).await?;
        }
        Ok(())
    }

    async fn commit(
        mut self,
        changes: Vec<Change>,
        token_secret: Option<TokenSecret>,
        head: Position,
    ) -> Result<(), StoreError> {
        for change in &changes {
            constraints::make(&mut self.connection, change, None, &self.master_key).await?;
        }
        if let Some(TokenSecret { version, secret }) = token_secret {
            let connection = &mut self.connection;
            secrets::put(
                connection,
                &self.master_key,
                TOKEN_SECRET,
                version,
                &secret,
                true,
            )
            .await?;
        }
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        self.head.reached(head);
        Ok(self.connection.close().await?)
    }
}

impl From<AppendFailure> for StoreError {
    fn from(stop: AppendFailure) -> Self {
        match stop {
            AppendFailure::Refused(error) => error,
            AppendFailure::Broken(error) => error.into(),
        }
    }
}
