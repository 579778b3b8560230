//! The log, and the lead that gives events their positions in it.

use std::convert::Infallible;
use std::time::Duration;

use photolog_domain::{AccountId, Timestamp};
use tokio::time::{Instant, sleep};

use super::{Backend, Store, on_backend};
use crate::backend::EventTables;
use crate::chain::Position;
use crate::compute::compute;
use crate::error::StoreError;
use crate::log_entry::{LogEntry, LogRow};
use crate::postgres::PostgresLeadership;

/// How often to check whether an event has its position in the log.
const SEQUENCING_POLL: Duration = Duration::from_millis(50);

impl Store {
    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log(&self, after: Position, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let known = match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => postgres.sequenced_here(after, limit),
        };
        let Some(rows) = known else {
            let entries = self.log_rows(None, after, limit, LogRow::into_entry);
            return entries.await;
        };
        compute(rows.len(), move || {
            rows.into_iter().map(LogRow::into_entry).collect()
        })
        .await
    }

    /// At most `limit` entries of an account after `after`, in order: its images' events and its
    /// own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_log_of(
        &self,
        account: AccountId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.log_rows(Some(account), after, limit, LogRow::into_entry)
            .await
    }

    /// Maps the rows through `read`, in order.
    pub(crate) async fn log_rows<T: Send + 'static>(
        &self,
        of: Option<AccountId>,
        after: Position,
        limit: u32,
        read: impl FnMut(LogRow) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        on_backend!(&self.backend, log_rows(of, after, limit, read))
    }

    /// The position of the newest entry; 0 when the log is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_head(&self) -> Result<Position, StoreError> {
        on_backend!(&self.backend, log_head())
    }

    /// Whether every committed event has its position in the log; always true on SQLite.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_is_complete(&self) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(true),
            Backend::Postgres(postgres) => postgres.log_is_complete().await,
        }
    }

    /// Waits until every event committed so far has its position in the log, and returns whether that
    /// happened within `limit`. On SQLite it never waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wait_until_sequenced(&self, limit: Duration) -> Result<bool, StoreError> {
        let Backend::Postgres(postgres) = &self.backend else {
            return Ok(true);
        };
        let Some(last) = postgres.last_unsequenced().await? else {
            return Ok(true);
        };
        let deadline = Instant::now() + limit;
        while !postgres.is_sequenced_up_to(last).await? {
            if Instant::now() > deadline {
                return Ok(false);
            }
            sleep(SEQUENCING_POLL).await;
        }
        Ok(true)
    }

    /// The time of the oldest event that has no position in the log yet; always `None` on SQLite.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_unsequenced(&self) -> Result<Option<Timestamp>, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(postgres) => postgres.oldest_unsequenced().await,
        }
    }

    /// Waits until no other process leads, then takes the lead. On SQLite there is only one process,
    /// and it always leads.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lead(&self) -> Result<Leadership, StoreError> {
        Ok(Leadership(match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => Some(postgres.lead().await?),
        }))
    }

    /// Whether any process leads; on SQLite the serving process always does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_lead(&self) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(true),
            Backend::Postgres(postgres) => postgres.has_lead().await,
        }
    }

    /// If this process leads, lets another take over at once.
    ///
    /// # Errors
    /// When the database fails; the others then wait until the lease expires.
    pub async fn resign_lead(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(postgres) => postgres.resign().await,
        }
    }

    /// The newest position known to this process; the log may reach further.
    pub fn known_log_head(&self) -> Position {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.head.known(),
            Backend::Postgres(postgres) => postgres.head.known(),
        }
    }

    /// Returns once the log may have grown beyond `after`, after a short poll interval at the latest.
    pub async fn log_grew(&self, after: Position) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.head.grew(after).await,
            Backend::Postgres(postgres) => postgres.head.grew(after).await,
        }
    }
}

/// The lead among all processes of one database: the leader sequences, projects and relays. Released
/// when dropped; another process may lead some seconds later, or after [`Store::resign_lead`].
#[derive(Debug)]
pub struct Leadership(Option<PostgresLeadership>);

impl Leadership {
    /// Gives committed events their positions in the log until the lead is lost. Does nothing on
    /// SQLite, where the append does it.
    ///
    /// # Errors
    /// When the lead or the connection to the database is lost.
    pub async fn sequence(&mut self) -> Result<Infallible, StoreError> {
        match &mut self.0 {
            None => std::future::pending().await,
            Some(postgres) => postgres.sequence().await,
        }
    }
}
