//! Answers in flight: their memory counts until the last byte is written, and a client that does not
//! read is noticed. What costs much memory is counted before it is made ([`Room`]).
//!
//! hyper asks a body for its next piece when there is room for it, so a body that is not asked for a
//! while belongs to a client that does not read. Over HTTP/2 nothing else shows that: the client may
//! take every frame of the connection and still give a stream no window.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use photolog_telemetry::metric;
use tokio::sync::Notify;

use crate::error::ApiError;
use crate::http::connections::{Connection, Ended, InFlight};
use crate::limits::Pace;

/// Handed to hyper at once: small enough that each piece shows progress.
const PIECE_BYTES: usize = 64 * 1024;

/// What an answer costs beside its bytes.
const OVERHEAD_BYTES: u64 = 512;

/// How long an answer may wait for memory.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long a client may keep an answer waiting before another one may take its memory.
const UNREAD: Duration = Duration::from_secs(1);

/// The memory of all answers in flight.
#[derive(Debug)]
pub struct Answers {
    most_bytes: u64,
    ledger: Mutex<Ledger>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Ledger {
    bytes: u64,
    next: u64,
    /// Oldest first.
    outstanding: BTreeMap<u64, Outstanding>,
}

#[derive(Debug)]
struct Outstanding {
    bytes: u64,
    connection: Arc<Connection>,
    progress: Arc<Progress>,
}

impl Answers {
    /// With so many bytes for all of them.
    pub fn new(most_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            most_bytes,
            ledger: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Takes memory for an answer; when there is none, the connections whose clients have left their
    /// answers unread for longest are ended. `None` when there is none for some time all the same.
    async fn reserve(
        self: &Arc<Self>,
        bytes: u64,
        connection: &Arc<Connection>,
    ) -> Option<Reserved> {
        let bytes = bytes + OVERHEAD_BYTES;
        let waits_until = tokio::time::Instant::now() + LONGEST_WAIT;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(reserved) = self.try_reserve(bytes, connection) {
                return Some(reserved);
            }
            self.end_unread(bytes);
            let pause = tokio::time::Instant::now() + UNREAD / 4;
            if tokio::time::Instant::now() >= waits_until {
                return None;
            }
            // Time alone may turn an answer into an unread one, so the wait has steps.
            let _ = tokio::time::timeout_at(pause.min(waits_until), freed).await;
        }
    }

    fn try_reserve(self: &Arc<Self>, bytes: u64, connection: &Arc<Connection>) -> Option<Reserved> {
        let ledger = self.lock();
        // One answer may be larger than the whole budget: then it has it alone.
        let fits = ledger.bytes == 0 || ledger.bytes + bytes <= self.most_bytes;
        fits.then(|| self.enter(ledger, bytes, connection))
    }

    /// For a refusal, which must go out although there is no memory: it has next to no bytes.
    fn reserve_anyway(self: &Arc<Self>, connection: &Arc<Connection>) -> Reserved {
        self.enter(self.lock(), OVERHEAD_BYTES, connection)
    }

    fn enter(
        self: &Arc<Self>,
        mut ledger: MutexGuard<'_, Ledger>,
        bytes: u64,
        connection: &Arc<Connection>,
    ) -> Reserved {
        let progress = Arc::new(Progress::default());
        let id = ledger.next;
        ledger.next += 1;
        ledger.bytes += bytes;
        let outstanding = Outstanding {
            bytes,
            connection: connection.clone(),
            progress: progress.clone(),
        };
        ledger.outstanding.insert(id, outstanding);
        drop(ledger);
        connection.watch(progress.clone());
        gauge().increment(bytes as f64);
        Reserved {
            answers: self.clone(),
            id,
            progress,
        }
    }

    fn end_unread(&self, wanted: u64) {
        let now = Instant::now();
        let mut freed = 0;
        let unread: Vec<_> = self
            .lock()
            .outstanding
            .values()
            .filter(|answer| answer.progress.kept_waiting(now) > UNREAD)
            .take_while(|answer| {
                let is_needed = freed < wanted;
                freed += answer.bytes;
                is_needed
            })
            .map(|answer| answer.connection.clone())
            .collect();
        for connection in unread {
            connection.end(Ended::AnswerMemory);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gauge() -> metrics::Gauge {
    metrics::gauge!(metric::MEMORY_RESERVED_BYTES, "use" => "answers")
}

/// Where the answers to one connection's requests are counted.
#[derive(Clone, Debug)]
pub struct Reader {
    answers: Arc<Answers>,
    /// The connection that reads them.
    pub connection: Arc<Connection>,
}

impl Reader {
    /// The reader at a connection's other end.
    pub fn new(answers: Arc<Answers>, connection: Arc<Connection>) -> Self {
        Self {
            answers,
            connection,
        }
    }

    /// Room for an answer that is still to be made, as an extension of that answer.
    ///
    /// # Errors
    /// `Unavailable` when too many answers wait to be read.
    pub async fn room(&self, bytes: u64) -> Result<Room, ApiError> {
        let reserved = self.answers.reserve(bytes, &self.connection).await;
        reserved
            .map(|reserved| Room(Arc::new(reserved)))
            .ok_or_else(|| ApiError::busy("too many answers wait to be read"))
    }

    /// As [`Reader::room`], but without a wait.
    pub fn try_room(&self, bytes: u64) -> Option<Room> {
        let reserved = self
            .answers
            .try_reserve(bytes + OVERHEAD_BYTES, &self.connection);
        reserved.map(|reserved| Room(Arc::new(reserved)))
    }

    /// Counts an answer's bytes until they are written; `None` when there is no room for them. A
    /// stream, whose length nobody knows, has little in flight at once.
    pub async fn count<B: Body>(&self, response: &mut Response<B>) -> Option<Room> {
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        match response.extensions_mut().remove::<Room>() {
            Some(room) => {
                room.0.resize(bytes);
                Some(room)
            }
            None => self.room(bytes).await.ok(),
        }
    }

    /// Room for a refusal, which must go out although there is none: it has next to no bytes.
    pub fn room_anyway(&self) -> Room {
        Room(Arc::new(self.answers.reserve_anyway(&self.connection)))
    }
}

/// Memory of one answer, given back when it is written or dropped.
#[derive(Clone, Debug)]
pub struct Room(Arc<Reserved>);

#[derive(Debug)]
struct Reserved {
    answers: Arc<Answers>,
    id: u64,
    progress: Arc<Progress>,
}

impl Reserved {
    /// The answer has come out with so many bytes.
    fn resize(&self, bytes: u64) {
        let bytes = bytes + OVERHEAD_BYTES;
        let mut ledger = self.answers.lock();
        let Some(answer) = ledger.outstanding.get_mut(&self.id) else {
            return;
        };
        let before = std::mem::replace(&mut answer.bytes, bytes);
        ledger.bytes = ledger.bytes + bytes - before;
        drop(ledger);
        gauge().increment(bytes as f64 - before as f64);
        if bytes < before {
            self.answers.freed.notify_waiters();
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut ledger = self.answers.lock();
        let removed = ledger.outstanding.remove(&self.id);
        if let Some(answer) = &removed {
            ledger.bytes -= answer.bytes;
        }
        drop(ledger);
        if let Some(answer) = removed {
            answer.connection.forget(&self.progress);
            gauge().decrement(answer.bytes as f64);
            self.answers.freed.notify_waiters();
        }
    }
}

/// How an answer comes along.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Wait>);

#[derive(Debug, Default)]
struct Wait {
    /// Since when the client has a piece, or the beginning of the body, to take.
    since: Option<Instant>,
    /// The piece that it is taking.
    bytes: u64,
    /// Time waited that what was taken meanwhile does not excuse.
    debt: Duration,
}

impl Progress {
    /// Whether the client has kept us waiting for too long.
    pub fn is_overdue(&self, now: Instant, pace: Pace) -> bool {
        let wait = self.lock();
        let waited = wait
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // A piece may take as long as its size at the least rate.
        wait.debt + waited > pace.allows(wait.bytes)
    }

    fn kept_waiting(&self, now: Instant) -> Duration {
        self.lock()
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// hyper wants the next piece: the one before is on its way.
    fn is_wanted(&self, pace: Pace) {
        let mut wait = self.lock();
        if let Some(since) = wait.since.take() {
            let excused = pace.allows(wait.bytes).saturating_sub(pace.pause);
            wait.debt = (wait.debt + since.elapsed())
                .saturating_sub(excused)
                .min(pace.pause);
            wait.bytes = 0;
        }
    }

    fn is_handed(&self, bytes: usize) {
        let mut wait = self.lock();
        wait.since = Some(Instant::now());
        wait.bytes = bytes as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's body, in pieces that hold its memory for as long as hyper holds them.
pub struct AnswerBody<B> {
    inner: B,
    /// Counted, and not handed on yet.
    rest: Bytes,
    reserved: Arc<Reserved>,
    pace: Pace,
    _in_flight: InFlight,
}

impl<B> AnswerBody<B> {
    /// Counts a body against its memory. From here on we wait for the client: hyper asks for nothing
    /// at all while an HTTP/2 stream has no window.
    pub fn new(inner: B, room: Room, pace: Pace, in_flight: InFlight) -> Self {
        let reserved = room.0;
        reserved.progress.is_handed(0);
        Self {
            inner,
            rest: Bytes::new(),
            reserved,
            pace,
            _in_flight: in_flight,
        }
    }

    fn next_piece(&mut self) -> Bytes {
        let piece = self.rest.split_to(PIECE_BYTES.min(self.rest.len()));
        self.reserved.progress.is_handed(piece.len());
        piece
    }
}

/// Bytes that keep their reservation.
struct Counted {
    bytes: Bytes,
    _reserved: Arc<Reserved>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let body = &mut *self;
        body.reserved.progress.is_wanted(body.pace);
        if !body.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(body.next_piece()))));
        }
        match Pin::new(&mut body.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(bytes) => {
                    body.rest = Bytes::from_owner(Counted {
                        bytes,
                        _reserved: body.reserved.clone(),
                    });
                    Frame::data(body.next_piece())
                }
                Err(other) => other,
            }))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::http::connections::Connections;
    use crate::limits::Limits;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        limits: Limits,
    }

    fn connection() -> (Arc<Connections>, Arc<Connection>) {
        let limits = Settings::parse_from(["test"]).limits;
        let all = Connections::new(&limits, 8);
        let connection = all.admit([127, 0, 0, 1].into()).unwrap();
        (all, connection)
    }

    const PACE: Pace = Pace {
        pause: Duration::from_secs(10),
        bytes_per_second: 16 << 10,
    };

    fn bytes_in_flight(answers: &Answers) -> u64 {
        answers.lock().bytes
    }

    #[tokio::test]
    async fn memory_counts_until_the_last_piece_is_gone() {
        let (_all, connection) = connection();
        let answers = Answers::new(1 << 20);
        let reader = Reader::new(answers.clone(), connection.clone());
        let bytes = Bytes::from(vec![7; 150_000]);
        let room = reader.room(1_000_000).await.unwrap();
        assert!(reader.room(150_000).await.is_err());
        let mut response = Response::new(Full::new(bytes.clone()));
        response.extensions_mut().insert(room);
        let room = reader.count(&mut response).await.unwrap();
        drop(reader.room(800_000).await.unwrap());
        let mut body = AnswerBody::new(
            Full::new(bytes.clone()),
            room,
            PACE,
            connection.begin_request(),
        );
        assert_eq!(body.size_hint().exact(), Some(150_000));
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [65_536, 65_536, 18_928]
        );
        assert_eq!(pieces.concat(), bytes);
        drop(body);
        pieces.truncate(1);
        assert_eq!(bytes_in_flight(&answers), 150_000 + OVERHEAD_BYTES);
        pieces.clear();
        assert_eq!(bytes_in_flight(&answers), 0);
    }

    #[tokio::test]
    async fn an_unread_answer_is_overdue_and_gives_way() {
        let (_all, connection) = connection();
        let answers = Answers::new(100_000);
        let reader = Reader::new(answers.clone(), connection.clone());
        let room = reader.room(90_000).await.unwrap();
        let progress = room.0.progress.clone();
        let body = Full::new(Bytes::from(vec![7; 90_000]));
        let mut body = AnswerBody::new(body, room, PACE, connection.begin_request());
        let first = body.frame().await;
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(
            !progress.is_overdue(later(13), PACE),
            "64 KiB may take 14 seconds"
        );
        assert!(progress.is_overdue(later(15), PACE));
        let given_up = async {
            connection.ended().await;
            drop((first, body));
        };
        let (next, ()) = tokio::join!(answers.reserve(90_000, &connection), given_up);
        assert!(next.is_some());
    }

    #[tokio::test]
    async fn an_answer_that_is_never_asked_for_is_overdue() {
        let (_all, connection) = connection();
        let answers = Answers::new(100_000);
        let reader = Reader::new(answers.clone(), connection.clone());
        let room = reader.room(90_000).await.unwrap();
        let progress = room.0.progress.clone();
        let body = Full::new(Bytes::from(vec![7; 90_000]));
        let _body = AnswerBody::new(body, room, PACE, connection.begin_request());
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(!progress.is_overdue(later(9), PACE));
        assert!(progress.is_overdue(later(11), PACE));
    }

    #[tokio::test]
    async fn a_full_budget_of_answers_that_are_read_refuses() {
        let (_all, connection) = connection();
        let answers = Answers::new(100_000);
        let _held = answers.reserve(90_000, &connection).await.unwrap();
        assert!(answers.reserve(90_000, &connection).await.is_none());
    }
}
