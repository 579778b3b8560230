//! Group commit: one task owns the writing connection and puts every waiting append into one
//! transaction, so that they share one fsync.
//!
//! Each append is judged alone: a refused one leaves no trace and does not affect its neighbours.
//! Replies are sent after the commit, never before. When the transaction itself fails (disk full, I/O
//! error), none of the batch is stored and all get the error.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{OpenedFile, Sqlite, WriteLock, append};
use crate::StoreError;
use crate::append::Append;
use crate::backend::Appends;
use crate::column::log_tail;
use crate::log_tail::LogTail;
use crate::master_key::MasterKey;
use crate::progress::Head;

/// Maximum number of appends in one transaction, so that the first need not wait long.
const MOST_IN_ONE_COMMIT: usize = 128;

/// Appends that may be queued; beyond that, callers wait to enqueue.
const QUEUE: usize = 1_024;

/// A handle to the writing task. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
enum Request {
    Append(Append, Reply),
    Close,
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

impl Writer {
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        file: OpenedFile,
        turn: Arc<Mutex<WriteLock>>,
        head: Arc<Head>,
        master_key: Arc<MasterKey>,
    ) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let task = WriterTask {
            connection: Some(connection),
            options,
            file,
            turn,
            head,
            master_key,
        };
        Self {
            requests,
            task: Arc::new(Mutex::new(Some(tokio::spawn(task.run(receiver))))),
        }
    }

    /// Accepts no more appends, finishes those that wait, closes the connection.
    pub(super) async fn close(&self) {
        if let Some(task) = self.task.lock().await.take() {
            // Both fail only when the task has already ended.
            let _ = self.requests.send(Request::Close).await;
            let _ = task.await;
        }
    }
}

impl Appends for Sqlite {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        let closed = || StoreError::Unavailable(sqlx::Error::PoolClosed);
        let (reply, answer) = oneshot::channel();
        let request = Request::Append(append, reply);
        let requests = &self.writer.requests;
        requests.send(request).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

struct WriterTask {
    /// `None` after a failed commit: the next batch opens a new connection.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    file: OpenedFile,
    turn: Arc<Mutex<WriteLock>>,
    head: Arc<Head>,
    master_key: Arc<MasterKey>,
}

impl WriterTask {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.recv().await {
            let turn = self.turn.clone();
            let _turn = turn.lock().await;
            let mut next = Some(first);
            let mut batch = Vec::new();
            while let Some(request) = next {
                match request {
                    Request::Append(append, reply) => batch.push((append, reply)),
                    Request::Close => requests.close(),
                }
                next = (batch.len() < MOST_IN_ONE_COMMIT)
                    .then(|| requests.try_recv().ok())
                    .flatten();
            }
            self.commit(batch).await;
        }
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    /// Writes a batch, and replies to each append.
    async fn commit(&mut self, batch: Vec<(Append, Reply)>) {
        if batch.is_empty() {
            return;
        }
        let (appends, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.write(&appends).await {
            // A reply fails when its caller stopped waiting: the append is committed all the same.
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(outcome);
                }
            }
            Err(error) => {
                // Closing the connection rolls back the rest of the transaction.
                self.connection = None;
                tracing::error!(%error, appends = appends.len(), "a commit failed");
                for reply in replies {
                    let failed = sqlx::Error::Protocol(format!("the commit failed: {error}"));
                    let _ = reply.send(Err(StoreError::Unavailable(failed)));
                }
            }
        }
    }

    /// The outcome of each append, or the failure of all.
    async fn write(
        &mut self,
        appends: &[Append],
    ) -> Result<Vec<Result<(), StoreError>>, sqlx::Error> {
        self.file.check()?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await?),
        };
        let mut tail = begin(connection).await?;
        let mut outcomes = Vec::with_capacity(appends.len());
        for append in appends {
            outcomes.push(
                append::append_in_savepoint(connection, append, &mut tail, &self.master_key)
                    .await?,
            );
        }
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        self.head.reached(tail.position);
        Ok(outcomes)
    }
}

/// Takes the write lock and reads the end of the log: another process may have written.
async fn begin(connection: &mut SqliteConnection) -> Result<LogTail, sqlx::Error> {
    let newest = sqlx::query(
        "BEGIN IMMEDIATE;
         SELECT global_position, hash FROM event_log ORDER BY global_position DESC LIMIT 1",
    )
    .fetch_optional(&mut *connection)
    .await?;
    log_tail(newest)
}
