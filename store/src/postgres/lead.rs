//! The lead among all processes of one database: the leader sequences, projects and relays.
//!
//! The lead is a lease: a row contains its holder and its expiry by the database's clock, and its
//! epoch grows with each takeover. Every write of a leader names the epoch, so a leader that was
//! frozen or cut off writes nothing after it resumes. No connection holds a lock, so a stopped
//! server process cannot block a takeover.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::Postgres;
use super::connections::Connections;
use super::recent_log::RecentLog;
use super::sequencer::{Sequencer, Sequencing};
use super::unsequenced::BEFORE_ALL;
use crate::StoreError;
use crate::progress::Head;

/// How long after a leader's last renewal no other process can lead.
const LEASE: Duration = Duration::from_secs(4);

/// How often a leader renews its lease.
const RENEWAL: Duration = Duration::from_secs(1);

/// Deadline for queries about the lead: early enough for a second attempt.
const ANSWER: Duration = Duration::from_millis(1_500);

/// How often to check whether another process still leads.
const STAND_BY: Duration = Duration::from_millis(500);

/// Takes the lead, if it is free or held by this process. Parameters: the holder, the duration of a
/// lease in milliseconds, and a snapshot that sees nothing.
const TAKE: &str = "
    WITH taken AS (
      UPDATE lease SET holder = $1, ends_at = clock_timestamp() + $2 * interval '1 millisecond',
        sealed = $3::pg_snapshot
      WHERE ends_at < clock_timestamp() OR holder = $1
      RETURNING 1)
    UPDATE lead SET epoch = epoch + 1 WHERE EXISTS (SELECT 1 FROM taken) RETURNING epoch";

/// As [`TAKE`], with the epoch, and the snapshot up to which events are sequenced.
const RENEW: &str = "
    UPDATE lease SET ends_at = clock_timestamp() + $2 * interval '1 millisecond',
      sealed = $4::pg_snapshot
    WHERE holder = $1 AND EXISTS (SELECT 1 FROM lead WHERE epoch = $3)";

const RESIGN: &str = "UPDATE lease SET ends_at = '-infinity' WHERE holder = $1";

/// The lead while it is held; given up when dropped, and free once its lease expires.
#[derive(Debug)]
pub(crate) struct PostgresLeadership {
    epoch: i64,
    holder: Uuid,
    /// When the current lease was requested.
    granted: Instant,
    pool: Arc<Connections>,
    options: PgConnectOptions,
    sequencing: Arc<Sequencing>,
    head: Arc<Head>,
    recent: Arc<RecentLog>,
}

impl Postgres {
    /// Waits until no other process leads, then takes the lead.
    pub(crate) async fn lead(&self) -> Result<PostgresLeadership, StoreError> {
        loop {
            let granted = Instant::now();
            let query = sqlx::query(TAKE)
                .bind(self.holder.to_string())
                .bind(LEASE.as_millis() as i64)
                .bind(BEFORE_ALL);
            let taken = self.pool.ask_within(ANSWER, async |connection| {
                Ok(query.fetch_optional(connection).await?)
            });
            let Some(taken) = taken.await? else {
                sleep(STAND_BY).await;
                continue;
            };
            let epoch = taken.try_get(0)?;
            self.recent.forget();
            self.sequencing.set_sequenced(BEFORE_ALL);
            self.sequencing.epoch.store(epoch, Ordering::Relaxed);
            return Ok(PostgresLeadership {
                epoch,
                holder: self.holder,
                granted,
                pool: self.pool.clone(),
                options: self.options.clone(),
                sequencing: self.sequencing.clone(),
                head: self.head.clone(),
                recent: self.recent.clone(),
            });
        }
    }

    /// Whether any process leads.
    pub(crate) async fn has_lead(&self) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT ends_at > clock_timestamp() FROM lease");
        self.pool
            .ask(async |connection| Ok(query.fetch_one(connection).await?.try_get(0)?))
            .await
    }

    /// Lets another process take over at once.
    pub(crate) async fn resign(&self) -> Result<(), StoreError> {
        let query = sqlx::query(RESIGN).bind(self.holder.to_string());
        self.pool
            .ask_within(ANSWER, async |connection| {
                Ok(query.execute(connection).await?)
            })
            .await?;
        Ok(())
    }
}

impl PostgresLeadership {
    /// Sequences until the lead is lost.
    pub(crate) async fn sequence(&mut self) -> Result<Infallible, StoreError> {
        let sequencer = Sequencer {
            epoch: self.epoch,
            sequencing: &self.sequencing,
            head: &self.head,
            recent: &self.recent,
        };
        tokio::select! {
            lost = self.keep() => lost,
            lost = sequencer.run(&self.options) => lost,
        }
    }

    /// Renews the lease in time; fails when no renewal succeeds for as long as a lease lasts.
    async fn keep(&self) -> Result<Infallible, StoreError> {
        let mut granted = self.granted;
        loop {
            sleep_until(granted + RENEWAL).await;
            let asked = Instant::now();
            match self.renew().await {
                Ok(true) => granted = asked,
                Ok(false) => return Err(StoreError::NotLeading),
                Err(error) if granted.elapsed() > LEASE => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the lead could not be renewed yet");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(RENEW)
            .bind(self.holder.to_string())
            .bind(LEASE.as_millis() as i64)
            .bind(self.epoch)
            .bind(self.sequencing.sequenced());
        self.pool
            .ask_within(ANSWER, async |connection| {
                Ok(query.execute(connection).await?.rows_affected() == 1)
            })
            .await
    }
}

impl Drop for PostgresLeadership {
    fn drop(&mut self) {
        self.sequencing.epoch.store(0, Ordering::Relaxed);
    }
}
