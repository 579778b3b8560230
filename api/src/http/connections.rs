//! Open connections: caps on their number, and the deadlines of each one.
//!
//! hyper has no timer for a connection's first byte, an idle HTTP/2 connection or an unread
//! response. So each connection records a few times here, and one task checks all of them several
//! times a second and ends the overdue ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use photolog_telemetry::metric;
use tokio::sync::Notify;

use crate::http::client_address::counted_as;
use crate::http::progress::Progress;
use crate::limits::{Limits, Pace};

/// How often deadlines are checked, which is also their accuracy.
const ROUND: Duration = Duration::from_millis(250);

/// A younger connection has not had the time to send a request's head.
const TIME_FOR_HEAD: Duration = Duration::from_secs(1);

/// The preface of an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No first byte, or an incomplete HTTP/2 preface.
    FirstByte,
    /// A request's head took too long.
    Head,
    /// No request for too long.
    Idle,
    /// The client does not read its responses, or reads too slowly.
    AnswerUnread,
    /// There was no memory for another response, and this one was chosen to give its memory up.
    AnswerMemory,
    /// There was no place for another connection, and this one had no request.
    Displaced,
}

impl Ended {
    /// Its label in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::AnswerUnread => "answer_unread",
            Self::AnswerMemory => "answer_memory",
            Self::Displaced => "displaced",
        }
    }
}

/// All open connections.
#[derive(Debug)]
pub struct Connections {
    deadlines: Deadlines,
    most: usize,
    most_of_address: usize,
    trusted_proxies: Vec<IpNet>,
    next: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Deadlines {
    first_byte: Duration,
    head: Duration,
    idle: Duration,
    answer: Pace,
}

#[derive(Debug, Default)]
struct Open {
    all: BTreeMap<u64, Arc<Connection>>,
    /// Those that have not sent a complete head yet, oldest first.
    headless: BTreeSet<u64>,
    /// By address or network: see [`counted_as`].
    of_address: HashMap<IpAddr, BTreeSet<u64>>,
}

impl Connections {
    /// Without any open connection.
    pub fn new(limits: &Limits, most: usize) -> Arc<Self> {
        Arc::new(Self {
            deadlines: Deadlines {
                first_byte: limits.first_byte(),
                head: limits.head(),
                idle: limits.idle(),
                answer: limits.answer(),
            },
            most: most.max(1),
            most_of_address: limits.connections_per_address.max(1),
            trusted_proxies: limits.trusted_proxies.clone(),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        })
    }

    /// Admits a new connection; `None` when it must be closed at once, because every place is taken
    /// by a connection with a request, or its address has reached its cap.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Connection>> {
        let is_proxy = self.trusted_proxies.iter().any(|net| net.contains(&peer));
        let mut open = self.lock();
        let address = counted_as(peer);
        let of_address = open.of_address.get(&address).map_or(0, BTreeSet::len);
        if !is_proxy && of_address >= self.most_of_address {
            let displaced = open.oldest_headless_of(address)?;
            open.remove(&displaced);
            displaced.end(Ended::Displaced);
        } else if open.all.len() >= self.most {
            let displaced = open.longest_without_request()?;
            open.remove(&displaced);
            displaced.end(Ended::Displaced);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(id, peer, Arc::downgrade(self)));
        open.all.insert(id, connection.clone());
        open.headless.insert(id);
        open.of_address.entry(address).or_default().insert(id);
        metrics::gauge!(metric::CONNECTIONS).set(open.all.len() as f64);
        Some(connection)
    }

    /// Ends overdue connections, for as long as the server runs.
    pub async fn keep_deadlines(self: Arc<Self>) {
        let mut rounds = tokio::time::interval(ROUND);
        loop {
            rounds.tick().await;
            let all: Vec<_> = self.lock().all.values().cloned().collect();
            let now = Instant::now();
            for connection in all {
                if let Some(reason) = connection.overdue(now, &self.deadlines) {
                    connection.end(reason);
                }
            }
        }
    }

    fn remove(&self, connection: &Connection) {
        let mut open = self.lock();
        open.remove(connection);
        metrics::gauge!(metric::CONNECTIONS).set(open.all.len() as f64);
    }

    fn has_head(&self, id: u64) {
        self.lock().headless.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn oldest_headless_of(&self, address: IpAddr) -> Option<Arc<Connection>> {
        let ids = self.of_address.get(&address)?;
        let id = ids.iter().find(|id| self.headless.contains(id))?;
        self.all.get(id).cloned()
    }

    /// The oldest connection without a head, or the one that has been idle for longest.
    ///
    /// A new connection has not had the time to send a head, so idle ones are ended before it;
    /// except when most connections are without a head, because then these take up the places.
    fn longest_without_request(&self) -> Option<Arc<Connection>> {
        let headless = self.headless.first().and_then(|id| self.all.get(id));
        let are_most = self.headless.len() > self.all.len() / 2;
        let goes = |connection: &&Arc<Connection>| {
            are_most || connection.activity().accepted.elapsed() > TIME_FOR_HEAD
        };
        if let Some(headless) = headless.filter(goes) {
            return Some(headless.clone());
        }
        let idle = self.all.values().filter_map(|connection| {
            let activity = connection.activity();
            (activity.heads > 0 && activity.in_flight == 0)
                .then_some((activity.idle_since, connection))
        });
        let longest = idle.min_by_key(|(since, _)| *since);
        longest
            .map(|(_, connection)| connection)
            .or(headless)
            .cloned()
    }

    fn remove(&mut self, connection: &Connection) {
        let Connection { id, peer, .. } = connection;
        self.all.remove(id);
        self.headless.remove(id);
        let address = counted_as(*peer);
        if let Some(ids) = self.of_address.get_mut(&address) {
            ids.remove(id);
            if ids.is_empty() {
                self.of_address.remove(&address);
            }
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    /// The address at the other end: a client, or a proxy.
    pub peer: IpAddr,
    all: Weak<Connections>,
    activity: Mutex<Activity>,
    ended: Notify,
}

/// The activity on a connection that matters for deadlines.
#[derive(Debug)]
struct Activity {
    accepted: Instant,
    /// The first bytes, until it is clear whether they are HTTP/2's preface.
    beginning: Vec<u8>,
    protocol: Protocol,
    heads: u64,
    in_flight: usize,
    /// Since when there has been no request.
    idle_since: Instant,
    /// When the first byte of the next head arrived.
    head_since: Option<Instant>,
    writing: Stall,
    answers: Vec<Arc<Progress>>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

/// How long writes have been blocked by the peer.
#[derive(Debug, Default)]
struct Stall {
    since: Option<Instant>,
    /// Time waited beyond what the bytes written since may take at the minimum rate.
    debt: Duration,
}

impl Connection {
    fn new(id: u64, peer: IpAddr, all: Weak<Connections>) -> Self {
        let now = Instant::now();
        Self {
            id,
            peer,
            all,
            activity: Mutex::new(Activity {
                accepted: now,
                beginning: Vec::new(),
                protocol: Protocol::Unknown,
                heads: 0,
                in_flight: 0,
                idle_since: now,
                head_since: None,
                writing: Stall::default(),
                answers: Vec::new(),
                ended: false,
            }),
            ended: Notify::new(),
        }
    }

    /// Resolves when the server ends this connection.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Ends it: its resources are given back as soon as its task notices.
    pub fn end(&self, reason: Ended) {
        let first = !std::mem::replace(&mut self.activity().ended, true);
        if first {
            metrics::counter!(metric::CONNECTIONS_ENDED, "reason" => reason.as_str()).increment(1);
            tracing::debug!(peer = %self.peer, reason = reason.as_str(), "connection ended");
            self.ended.notify_one();
        }
    }

    /// Whether the server has ended it.
    pub fn is_ended(&self) -> bool {
        self.activity().ended
    }

    /// Leaves the list of open connections.
    pub fn leave(&self) {
        if let Some(all) = self.all.upgrade() {
            all.remove(self);
        }
    }

    /// Records received bytes.
    pub fn has_read(&self, bytes: &[u8]) {
        let mut activity = self.activity();
        if activity.protocol == Protocol::Unknown {
            let missing = PREFACE.len() - activity.beginning.len();
            let more = &bytes[..missing.min(bytes.len())];
            activity.beginning.extend_from_slice(more);
            if !PREFACE.starts_with(&activity.beginning) {
                activity.protocol = Protocol::Http1;
            } else if activity.beginning.len() == PREFACE.len() {
                activity.protocol = Protocol::Http2;
            }
        }
        if activity.in_flight == 0 && activity.head_since.is_none() {
            activity.head_since = Some(Instant::now());
        }
    }

    /// Records that the peer does not accept bytes at the moment.
    pub fn write_stalls(&self) {
        self.activity()
            .writing
            .since
            .get_or_insert_with(Instant::now);
    }

    /// Records bytes that the peer accepted; they offset the wait that the minimum rate allows for
    /// them.
    pub fn has_written(&self, bytes: usize) {
        let mut activity = self.activity();
        if let Some(since) = activity.writing.since.take() {
            activity.writing.debt += since.elapsed();
        }
        if activity.writing.debt > Duration::ZERO
            && let Some(all) = self.all.upgrade()
        {
            let Pace {
                pause,
                bytes_per_second,
            } = all.deadlines.answer;
            let excused = Pace {
                pause: Duration::ZERO,
                bytes_per_second,
            }
            .allows(bytes as u64);
            activity.writing.debt = activity.writing.debt.min(pause).saturating_sub(excused);
        }
    }

    /// Records that a request's head is complete. The request is in flight until the guard is
    /// dropped.
    pub fn begin_request(self: &Arc<Self>) -> InFlight {
        let mut activity = self.activity();
        activity.heads += 1;
        activity.in_flight += 1;
        activity.head_since = None;
        let is_first = activity.heads == 1;
        drop(activity);
        if is_first && let Some(all) = self.all.upgrade() {
            all.has_head(self.id);
        }
        InFlight(self.clone())
    }

    /// Watches a response until the peer has it.
    pub fn watch(&self, answer: Arc<Progress>) {
        self.activity().answers.push(answer);
    }

    /// Stops watching a response.
    pub fn forget(&self, answer: &Arc<Progress>) {
        let mut activity = self.activity();
        activity.answers.retain(|other| !Arc::ptr_eq(other, answer));
    }

    fn overdue(&self, now: Instant, deadlines: &Deadlines) -> Option<Ended> {
        let activity = self.activity();
        let waited = activity
            .writing
            .since
            .map_or(Duration::ZERO, |since| now.duration_since(since));
        if activity.writing.debt + waited > deadlines.answer.pause
            || activity
                .answers
                .iter()
                .any(|answer| answer.is_overdue(now, deadlines.answer))
        {
            return Some(Ended::AnswerUnread);
        }
        if activity.in_flight > 0 {
            return None;
        }
        let since = |moment: Instant| now.saturating_duration_since(moment);
        match activity.protocol {
            Protocol::Unknown if since(activity.accepted) > deadlines.first_byte => {
                Some(Ended::FirstByte)
            }
            Protocol::Http1
                if activity
                    .head_since
                    .is_some_and(|began| since(began) > deadlines.head) =>
            {
                Some(Ended::Head)
            }
            // Frames arrive without a request as well, so bytes are no sign of a head here.
            Protocol::Http2 if activity.heads == 0 && since(activity.accepted) > deadlines.head => {
                Some(Ended::Head)
            }
            Protocol::Http1 | Protocol::Http2 if since(activity.idle_since) > deadlines.idle => {
                Some(Ended::Idle)
            }
            _ => None,
        }
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight on a connection.
#[derive(Debug)]
pub struct InFlight(Arc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut activity = self.0.activity();
        activity.in_flight -= 1;
        if activity.in_flight == 0 {
            activity.idle_since = Instant::now();
            activity.head_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        limits: Limits,
    }

    fn connections(arguments: &[&str], most: usize) -> Arc<Connections> {
        let arguments = std::iter::once(&"test").chain(arguments);
        Connections::new(&Settings::parse_from(arguments).limits, most)
    }

    fn address(last: u8) -> IpAddr {
        [127, 0, 1, last].into()
    }

    fn overdue(connection: &Connection, after_seconds: u64) -> Option<Ended> {
        let all = connection.all.upgrade().unwrap();
        let now = Instant::now() + Duration::from_secs(after_seconds);
        connection.overdue(now, &all.deadlines)
    }

    #[test]
    fn a_silent_connection_and_half_a_preface_end_by_the_first_deadline() {
        let all = connections(&[], 8);
        for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let connection = all.admit(address(1)).unwrap();
            connection.has_read(sent);
            assert_eq!(overdue(&connection, 9), None);
            assert_eq!(overdue(&connection, 11), Some(Ended::FirstByte), "{sent:?}");
        }
    }

    #[test]
    fn half_a_head_ends_by_its_deadline_and_an_idle_connection_by_another() {
        let all = connections(&[], 8);
        let http1 = all.admit(address(1)).unwrap();
        http1.has_read(b"GET / HTTP/1.1\r\n");
        assert_eq!(overdue(&http1, 11), Some(Ended::Head));
        let request = http1.begin_request();
        assert_eq!(overdue(&http1, 1_000), None, "a request is in flight");
        drop(request);
        assert_eq!(overdue(&http1, 59), None);
        assert_eq!(overdue(&http1, 61), Some(Ended::Idle));
        http1.has_read(b"G");
        assert_eq!(overdue(&http1, 11), Some(Ended::Head));
    }

    #[test]
    fn an_http2_connection_without_a_request_ends_whatever_frames_it_sends() {
        let all = connections(&[], 8);
        let http2 = all.admit(address(1)).unwrap();
        http2.has_read(PREFACE);
        assert_eq!(overdue(&http2, 9), None);
        assert_eq!(overdue(&http2, 11), Some(Ended::Head));
        drop(http2.begin_request());
        http2.has_read(b"a ping");
        assert_eq!(overdue(&http2, 59), None);
        assert_eq!(overdue(&http2, 61), Some(Ended::Idle));
    }

    #[test]
    fn the_oldest_without_a_request_makes_room() {
        let all = connections(&[], 2);
        let first = all.admit(address(1)).unwrap();
        let second = all.admit(address(2)).unwrap();
        let busy = first.begin_request();
        let third = all.admit(address(3)).unwrap();
        assert!(second.activity().ended && !first.activity().ended);
        let working = third.begin_request();
        assert!(all.admit(address(4)).is_none(), "both have a request");
        drop(busy);
        assert!(all.admit(address(4)).is_some());
        assert!(first.activity().ended && !third.activity().ended);
        drop(working);
    }

    #[test]
    fn idle_connections_go_before_new_ones_unless_most_are_new() {
        let all = connections(&[], 4);
        let idle: Vec<_> = (1..=3)
            .map(|last| {
                let idle = all.admit(address(last)).unwrap();
                drop(idle.begin_request());
                idle
            })
            .collect();
        let new: Vec<_> = (4..=7)
            .map(|last| all.admit(address(last)).unwrap())
            .collect();
        assert!(idle[0].activity().ended && idle[1].activity().ended);
        assert!(!idle[2].activity().ended, "most are new by now");
        assert!(new[0].activity().ended && !new[1].activity().ended);
    }

    #[test]
    fn an_address_has_so_many_connections_and_a_proxy_any_number() {
        let arguments = [
            "--connections-per-address",
            "1",
            "--trusted-proxies",
            "127.0.1.9/32",
        ];
        let all = connections(&arguments, 100);
        let only = all.admit(address(1)).unwrap();
        let _busy = only.begin_request();
        assert!(all.admit(address(1)).is_none());
        assert!(all.admit(address(2)).is_some());
        for _ in 0..3 {
            assert!(all.admit(address(9)).is_some());
        }
        only.leave();
        assert!(all.admit(address(1)).is_some());
    }

    #[test]
    fn a_peer_that_takes_nothing_or_too_little_is_overdue() {
        let all = connections(&[], 8);
        let connection = all.admit(address(1)).unwrap();
        let _request = connection.begin_request();
        connection.write_stalls();
        assert_eq!(overdue(&connection, 9), None);
        assert_eq!(overdue(&connection, 11), Some(Ended::AnswerUnread));
        connection.has_written(1);
        connection.activity().writing.debt = Duration::from_secs(9);
        connection.write_stalls();
        assert_eq!(overdue(&connection, 2), Some(Ended::AnswerUnread));
        connection.has_written(160 << 10);
        assert_eq!(
            overdue(&connection, 9),
            None,
            "ten seconds' worth excuses the wait"
        );
    }
}
