//! Responses in flight: their memory is counted until the last byte is written, and clients that do
//! not read are detected. The memory of a large response is reserved before it is made ([`Room`]).
//!
//! hyper polls a body for its next piece when it can write it, so a body that is not polled for a
//! while belongs to a client that does not read. Over HTTP/2 there is no other sign: the client may
//! read every frame of the connection and still never open a stream's window.

use crate::error::ApiError;
use crate::http::connections::{Connection, Ended, InFlight};
use crate::http::memory::Holder;
use crate::http::progress::Progress;
use crate::limits::Pace;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use photolog_telemetry::metric;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bytes passed to hyper at once, few enough that each piece shows progress.
pub const PIECE_BYTES: usize = 64 * 1024;

/// The overhead of a response in addition to its bytes.
const OVERHEAD_BYTES: u64 = 512;

/// How long a response may wait for memory while it holds nothing that others wait for.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The same while its handler holds a turn that others wait for.
const WAIT_IN_TURN: Duration = Duration::from_millis(250);

/// How long a client may leave a response unread before another response may take its memory.
const UNREAD: Duration = Duration::from_secs(1);

/// Responses up to this size are small: an eighth of the memory is reserved for them.
const SMALL_BYTES: u64 = 64 << 10;

/// The memory of all responses in flight.
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
    of: HashMap<Holder, u64>,
}

#[derive(Debug)]
struct Outstanding {
    bytes: u64,
    holder: Holder,
    connection: Arc<Connection>,
    progress: Arc<Progress>,
}

impl Ledger {
    fn insert(&mut self, answer: Outstanding) -> u64 {
        let id = self.next;
        self.next += 1;
        self.bytes += answer.bytes;
        *self.of.entry(answer.holder).or_default() += answer.bytes;
        self.outstanding.insert(id, answer);
        id
    }

    fn remove(&mut self, id: u64) -> Option<Outstanding> {
        let answer = self.outstanding.remove(&id)?;
        self.bytes -= answer.bytes;
        if let Some(bytes) = self.of.get_mut(&answer.holder) {
            *bytes -= answer.bytes;
            if *bytes == 0 {
                self.of.remove(&answer.holder);
            }
        }
        Some(answer)
    }

    fn of(&self, holder: Holder) -> u64 {
        self.of.get(&holder).copied().unwrap_or(0)
    }
}

impl Answers {
    /// A budget of this number of bytes for all responses.
    pub fn new(most_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            most_bytes,
            ledger: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Takes memory for a response. When there is none, it ends connections whose clients leave
    /// their responses unread, oldest responses first; if that does not suffice, it ends the
    /// connection of the oldest large response of the client that holds most. `None` when there is
    /// still none after the wait.
    async fn reserve(
        self: &Arc<Self>,
        bytes: u64,
        holder: Holder,
        connection: &Arc<Connection>,
        longest_wait: Duration,
    ) -> Option<Reserved> {
        let bytes = bytes + OVERHEAD_BYTES;
        let began = tokio::time::Instant::now();
        let mut has_ended_one = false;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(reserved) = self.try_reserve(bytes, holder, connection) {
                return Some(reserved);
            }
            let waited = began.elapsed();
            if waited >= longest_wait {
                return None;
            }
            self.end_unread(bytes);
            if waited >= LONGEST_WAIT / 2 && !has_ended_one {
                has_ended_one = true;
                self.end_oldest_of_largest();
            }
            // A response may become unread merely by time, so the wait has steps.
            let _ = tokio::time::timeout(UNREAD / 4, freed).await;
        }
    }

    fn try_reserve(
        self: &Arc<Self>,
        bytes: u64,
        holder: Holder,
        connection: &Arc<Connection>,
    ) -> Option<Reserved> {
        let ledger = self.lock();
        let most = if bytes <= SMALL_BYTES {
            self.most_bytes
        } else {
            self.most_bytes / 8 * 7
        };
        // A response may be larger than a client's quarter, or than the whole budget, if it is the
        // only one.
        let own = ledger.of(holder);
        let fits = (ledger.bytes == 0 || ledger.bytes + bytes <= most)
            && (own == 0 || own + bytes <= self.most_bytes / 4);
        fits.then(|| self.enter(ledger, bytes, holder, connection))
    }

    fn enter(
        self: &Arc<Self>,
        mut ledger: MutexGuard<'_, Ledger>,
        bytes: u64,
        holder: Holder,
        connection: &Arc<Connection>,
    ) -> Reserved {
        let progress = Arc::new(Progress::default());
        let id = ledger.insert(Outstanding {
            bytes,
            holder,
            connection: connection.clone(),
            progress: progress.clone(),
        });
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

    fn end_oldest_of_largest(&self) {
        let ledger = self.lock();
        let largest = ledger.of.iter().max_by_key(|(_, bytes)| **bytes);
        let oldest = largest.and_then(|(holder, _)| {
            let mut answers = ledger.outstanding.values();
            answers.find(|answer| answer.holder == *holder && answer.bytes > SMALL_BYTES)
        });
        let oldest = oldest.map(|answer| answer.connection.clone());
        drop(ledger);
        if let Some(connection) = oldest {
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

/// The reader of the responses on one connection, against which they are counted.
#[derive(Clone, Debug)]
pub struct Reader {
    answers: Arc<Answers>,
    /// The connection on which they are sent.
    pub connection: Arc<Connection>,
    holder: Holder,
}

impl Reader {
    /// The reader at the other end of a connection.
    pub fn new(answers: Arc<Answers>, connection: Arc<Connection>) -> Self {
        let holder = Holder::client(connection.peer);
        Self {
            answers,
            connection,
            holder,
        }
    }

    /// The reader behind a proxy's connection.
    pub fn behind(self, client: IpAddr) -> Self {
        let holder = Holder::client(client);
        Self { holder, ..self }
    }

    /// Room for a response that is still to be made; it becomes an extension of that response.
    ///
    /// # Errors
    /// `Unavailable` when too many responses wait to be read.
    pub async fn room(&self, bytes: u64) -> Result<Room, ApiError> {
        self.room_within(bytes, LONGEST_WAIT).await
    }

    /// As [`Reader::room`], for a caller that holds a turn that others wait for.
    ///
    /// # Errors
    /// As [`Reader::room`], but sooner.
    pub async fn room_in_turn(&self, bytes: u64) -> Result<Room, ApiError> {
        self.room_within(bytes, WAIT_IN_TURN).await
    }

    async fn room_within(&self, bytes: u64, wait: Duration) -> Result<Room, ApiError> {
        let reserved = self
            .answers
            .reserve(bytes, self.holder, &self.connection, wait);
        reserved
            .await
            .map(|reserved| Room(Arc::new(reserved)))
            .ok_or_else(|| ApiError::busy("too many responses are waiting to be read"))
    }

    /// As [`Reader::room`], but without waiting.
    pub fn try_room(&self, bytes: u64) -> Option<Room> {
        let bytes = bytes + OVERHEAD_BYTES;
        let reserved = self
            .answers
            .try_reserve(bytes, self.holder, &self.connection);
        reserved.map(|reserved| Room(Arc::new(reserved)))
    }

    /// Counts a response's bytes until they are written. A stream, whose length is unknown, counts
    /// as zero bytes, because little of it is in flight at once.
    ///
    /// # Errors
    /// As [`Reader::room`].
    pub async fn count<B: Body>(&self, response: &mut Response<B>) -> Result<(), ApiError> {
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        let room = match response.extensions_mut().remove::<Room>() {
            Some(room) => {
                room.0.resize(bytes);
                room
            }
            None => self.room(bytes).await?,
        };
        response.extensions_mut().insert(room);
        Ok(())
    }

    /// Room for a refusal, which must be sent even if there is none: it has next to no bytes.
    pub fn room_anyway(&self) -> Room {
        let ledger = self.answers.lock();
        let reserved = self
            .answers
            .enter(ledger, OVERHEAD_BYTES, self.holder, &self.connection);
        Room(Arc::new(reserved))
    }
}

/// Memory of one response, given back when the response is written or dropped.
#[derive(Clone, Debug)]
pub struct Room(Arc<Reserved>);

impl Room {
    /// Makes pieces of a stream keep this room until they are written. The wait for the client to
    /// read them starts here.
    pub fn keep(self, pieces: Vec<Bytes>) -> Vec<Bytes> {
        self.0
            .progress
            .is_handed(pieces.iter().map(Bytes::len).sum());
        let counted = |bytes| {
            let reserved = self.0.clone();
            Bytes::from_owner(Counted {
                bytes,
                _reserved: reserved,
            })
        };
        pieces.into_iter().map(counted).collect()
    }
}

#[derive(Debug)]
struct Reserved {
    answers: Arc<Answers>,
    id: u64,
    progress: Arc<Progress>,
}

impl Reserved {
    /// Corrects the size, once the response is made.
    fn resize(&self, bytes: u64) {
        let bytes = bytes + OVERHEAD_BYTES;
        let mut ledger = self.answers.lock();
        let Some(answer) = ledger.outstanding.get_mut(&self.id) else {
            return;
        };
        let before = std::mem::replace(&mut answer.bytes, bytes);
        let holder = answer.holder;
        ledger.bytes = ledger.bytes + bytes - before;
        if let Some(own) = ledger.of.get_mut(&holder) {
            *own = *own + bytes - before;
        }
        drop(ledger);
        gauge().increment(bytes as f64 - before as f64);
        if bytes < before {
            self.answers.freed.notify_waiters();
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let removed = self.answers.lock().remove(self.id);
        if let Some(answer) = removed {
            answer.connection.forget(&self.progress);
            gauge().decrement(answer.bytes as f64);
            self.answers.freed.notify_waiters();
        }
    }
}

/// A response's body, in pieces that hold its memory for as long as hyper holds them.
pub struct AnswerBody<B> {
    inner: B,
    /// Bytes that are counted but not yet passed to hyper.
    rest: Bytes,
    reserved: Arc<Reserved>,
    pace: Pace,
    _in_flight: InFlight,
}

impl<B> AnswerBody<B> {
    /// Counts a body against its memory. The wait for the client starts here, because hyper does
    /// not poll the body at all while an HTTP/2 stream has no window.
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
        let room = reader.room(900_000).await.unwrap();
        let other = reader.clone().behind([127, 0, 0, 2].into());
        assert!(other.try_room(150_000).is_none());
        let mut response = Response::new(Full::new(bytes.clone()));
        response.extensions_mut().insert(room);
        reader.count(&mut response).await.unwrap();
        let room = response.extensions_mut().remove::<Room>().unwrap();
        drop(other.try_room(700_000).unwrap());
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
        let (next, ()) = tokio::join!(reader.room(80_000), given_up);
        assert!(next.is_ok());
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

    /// This number of responses of one client, all of which are being read.
    fn reads(reader: &Reader, count: usize, bytes: u64) -> Vec<Room> {
        (0..count).map_while(|_| reader.try_room(bytes)).collect()
    }

    #[tokio::test]
    async fn a_client_has_a_quarter_and_small_answers_have_an_eighth() {
        const KIBIBYTE: u64 = 1 << 10;
        let (_all, connection) = connection();
        let answers = Answers::new(8_000 * KIBIBYTE);
        let reader = Reader::new(answers.clone(), connection);
        let client = |last| reader.clone().behind([127, 0, 0, last].into());
        let held: Vec<_> = (1..=4)
            .map(|last| reads(&client(last), 100, 99 * KIBIBYTE))
            .collect();
        assert_eq!(
            held.iter().map(Vec::len).collect::<Vec<_>>(),
            [20, 20, 20, 10]
        );
        assert_eq!(reads(&client(5), 100, 50 * KIBIBYTE).len(), 20);
        drop(held);
        assert_eq!(bytes_in_flight(&answers), 0);
        assert!(answers.lock().of.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_answer_of_the_largest_client_gives_way_when_all_are_read() {
        let (all, first) = connection();
        let second = all.admit([127, 0, 0, 2].into()).unwrap();
        let answers = Answers::new(1 << 20);
        let large = Reader::new(answers.clone(), first.clone());
        let small = Reader::new(answers.clone(), second.clone());
        let mut held = reads(&large, 1, 600_000);
        let _other = reads(&small, 1, 200_000);
        let newcomer = small.clone().behind([127, 0, 0, 3].into());
        let given_up = async {
            first.ended().await;
            held.clear();
        };
        let (room, ()) = tokio::join!(newcomer.room(200_000), given_up);
        assert!(room.is_ok() && !second.is_ended());
    }
}
