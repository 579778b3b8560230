//! One server under one attack, beside honest clients of another tenant, and what both observed.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use photolog_tests::TestApp;
use photolog_tests::honest::{Deed, HonestLoad, Record, percentile};
use photolog_tests::hostile_pictures::noise;
use photolog_tests::pictures::png;
use photolog_tests::postgres;
use photolog_tests::probe::{Metrics, Watch, processor_seconds, raise_descriptor_limit};
use photolog_tests::process::free_port;
use photolog_tests::raw::basic;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// The number of concurrent attackers, each at an address of its own.
pub(super) const ATTACKERS: usize = 32;
/// The documented ceiling of resident memory, under any attack.
const MEMORY_CEILING_BYTES: u64 = 600_000_000;
/// Gauges of what clients hold: all must be 0 when the clients have gone.
const HELD: [&str; 4] = [
    "photolog_connections",
    "photolog_requests_in_flight",
    "photolog_memory_reserved_bytes",
    "photolog_feeds",
];

/// Only one attack at a time, so that memory and failures have one cause. Starting a server before,
/// and waiting for deadlines after, may overlap with other attacks.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The scale of an attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// How long an attack lasts.
    pub(super) duration: Duration,
    /// Connections that are only held open.
    pub(super) connections: usize,
    /// The size to which the profile of a small PNG inflates.
    pub(super) profile_bytes: u64,
    /// The time after which nothing of the attack may be left in the server.
    settling: Duration,
}

impl Scale {
    /// For every change: long enough for each attack to do the damage it did without defences.
    pub(super) const SHORT: Self = Self {
        duration: Duration::from_secs(3),
        connections: 4_096,
        profile_bytes: 64 << 20,
        // Twice the documented time, because a debug build decodes the queued pictures slowly.
        settling: Duration::from_secs(60),
    };

    /// For the table of `docs/security.md`: longer than every deadline's default.
    pub(super) fn full() -> Self {
        let seconds = std::env::var("PHOTOLOG_ATTACK_SECONDS").ok();
        let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(20);
        Self {
            duration: Duration::from_secs(seconds),
            connections: 10_000,
            profile_bytes: 1 << 30,
            settling: Duration::from_secs(30),
        }
    }
}

/// What attackers have: the server's address, and an account of their own with pictures.
pub(super) struct Target {
    pub(super) server: SocketAddr,
    pub(super) account: String,
    /// The value of the `Authorization` header.
    pub(super) authorization: String,
    /// Key and secret with a colon between them, as the other dialects require.
    pub(super) token: String,
    /// The image's id.
    pub(super) image: String,
    /// The public id of the largest picture.
    pub(super) large: String,
    pub(super) scale: Scale,
    numbers: AtomicU32,
}

/// One of several concurrent attackers.
#[derive(Clone)]
pub(super) struct Attacker {
    pub(super) target: Arc<Target>,
    /// Its number among all attackers.
    seat: u8,
    /// Its number among those who attack in the same way.
    number: usize,
}

impl Attacker {
    /// Its address.
    pub(super) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 1, 1 + self.seat)
    }

    /// Its share of a total that all attackers of the same kind divide among them.
    pub(super) fn share(&self, total: usize) -> usize {
        total / ATTACKERS + usize::from(self.number < total % ATTACKERS)
    }

    /// Whether it is the one that does one-time work.
    pub(super) fn is_first(&self) -> bool {
        self.number == 0
    }

    /// A number that no attacker has used before.
    pub(super) fn next_number(&self) -> u32 {
        self.target.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> std::io::Result<TcpStream> {
        photolog_tests::peer::connect(self.address(), self.target.server).await
    }

    /// Sends a request on a new connection and ignores the response.
    pub(super) async fn exchange(&self, request: &[u8]) -> std::io::Result<()> {
        let answer = photolog_tests::peer::exchange(self.address(), self.target.server, request);
        answer.await.map(drop)
    }
}

/// An attack that goes on until it is dropped.
pub(super) type Run = fn(Attacker) -> BoxFuture<'static, ()>;

/// Which pictures the attackers uploaded beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// A small one.
    Small,
    /// Also one whose renditions are megabytes.
    Large,
}

/// The event store of the attacked server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    Sqlite,
    Postgres,
}

/// The outcome of an attack.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    honest: Vec<Record>,
    peak_bytes: u64,
    processor_share: f64,
    /// Which counters were above zero at the end.
    left: Vec<String>,
    longest_poll: Option<Duration>,
    /// The most time that one connection of a program without a server was charged meanwhile.
    foreign: Duration,
    log: String,
    serves: bool,
}

/// Starts a server, runs the attacks on it at the same time, and returns the outcome.
pub(super) async fn endure(
    name: &'static str,
    runs: &[Run],
    pictures: Pictures,
    scale: Scale,
    database: Database,
) -> Outcome {
    raise_descriptor_limit();
    let metrics = format!("127.0.0.1:{}", free_port());
    let listen = ("PHOTOLOG_METRICS_LISTEN", metrics.as_str());
    let watch = ("PHOTOLOG_WATCH_POLLS", "true");
    let mut app = match database {
        Database::Sqlite => TestApp::with([listen, watch]).await,
        Database::Postgres => {
            let url = postgres::new_database().await;
            TestApp::with([listen, watch, ("PHOTOLOG_DATABASE_URL", &url)]).await
        }
    };
    let target = Arc::new(prepare(&app, pictures, scale).await);
    let alone = ALONE.lock().await;
    let honest = HonestLoad::begin(&app).await;
    // No idle connection of this test must be counted at the end.
    app.client = photolog_tests::client();

    let memory = Watch::memory(app.process_id());
    let foreign = Watch::foreign_time();
    let processor_before = processor_seconds(app.process_id());
    let began = Instant::now();
    let mut attackers = JoinSet::new();
    for seat in 0..ATTACKERS {
        let run = runs[seat % runs.len()];
        attackers.spawn(run(Attacker {
            target: target.clone(),
            seat: seat as u8,
            number: seat / runs.len(),
        }));
    }
    tokio::time::sleep(scale.duration).await;
    let processor = processor_seconds(app.process_id()) - processor_before;
    let processor_share = processor / began.elapsed().as_secs_f64();
    let honest = honest.end().await;
    let foreign = Duration::from_nanos(foreign.largest());
    attackers.shutdown().await;
    drop(alone);

    let left = until_settled(&app.client, &metrics, scale.settling).await;
    let health = app.client.get(format!("{}/healthz", app.url)).send().await;
    let longest_poll = Metrics::read(&app.client, &metrics)
        .await
        .and_then(|metrics| metrics.sum("photolog_longest_poll_seconds"))
        .map(Duration::from_secs_f64);
    Outcome {
        name,
        honest,
        peak_bytes: memory.largest(),
        processor_share,
        left,
        longest_poll,
        foreign,
        log: app.log(),
        serves: health.is_ok_and(|answer| answer.status() == 200),
    }
}

/// The attackers' account.
async fn prepare(app: &TestApp, pictures: Pictures, scale: Scale) -> Target {
    let (account, key) = app.open_account();
    let upload = async |picture: Vec<u8>| {
        let picture = Part::bytes(picture).file_name("p");
        let url = format!("{}/accounts/{account}/images", app.url);
        let request = app.client.post(url).basic_auth(&key.0, Some(&key.1));
        let request = request.multipart(Form::new().part("image", picture));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()
    };
    let small = upload(png(7)).await;
    let large = match pictures {
        Pictures::Small => small.clone(),
        Pictures::Large => upload(noisy_picture().to_vec()).await,
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Target {
        server: app.url.trim_start_matches("http://").parse().unwrap(),
        authorization: basic(&key),
        token: format!("{}:{}", key.0, key.1),
        image: text(&small["imageID"]),
        large: text(&large["publicID"]),
        account,
        scale,
        numbers: AtomicU32::new(1),
    }
}

/// Four incompressible megapixels; made once.
pub(super) fn noisy_picture() -> &'static [u8] {
    static PICTURE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    PICTURE.get_or_init(|| noise(2_048, 2_020, 1))
}

/// Waits until the server holds nothing for its clients; returns what it still holds at the end.
async fn until_settled(client: &reqwest::Client, metrics: &str, time: Duration) -> Vec<String> {
    let began = Instant::now();
    loop {
        let read = Metrics::read(client, metrics).await;
        let held = |name: &str| read.as_ref().and_then(|metrics| metrics.sum(name));
        let left: Vec<_> = HELD
            .into_iter()
            .filter(|name| held(name) != Some(0.0))
            .map(|name| match held(name) {
                Some(value) => format!("{name} is {value}"),
                None => format!("{name} is not measured"),
            })
            .collect();
        let is_measured = HELD.into_iter().any(|name| held(name).is_some());
        if left.is_empty() || !is_measured || began.elapsed() > time {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Outcome {
    /// What must hold on any machine: counts, memory, and that nothing is left behind.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.failed() > 0 {
            let first = self.honest.iter().find(|record| record.failure.is_some());
            faults.push(format!(
                "{} of {} honest requests failed, first {first:?}",
                self.failed(),
                self.honest.len()
            ));
        }
        if self.peak_bytes > MEMORY_CEILING_BYTES {
            faults.push(format!("memory rose to {} MB", self.peak_bytes / 1_000_000));
        }
        faults.extend(self.left.iter().cloned());
        if self.log.contains("panicked at") {
            faults.push("it panicked".to_owned());
        }
        if !self.serves {
            faults.push("it serves no more".to_owned());
        }
        faults
    }

    /// What must also hold for the release build, on a machine that is otherwise idle.
    pub(super) fn slowness(&self) -> Vec<String> {
        const READ: Duration = Duration::from_millis(250);
        const UPLOAD: Duration = Duration::from_secs(2);
        const POLL: Duration = Duration::from_millis(5);
        let mut faults = Vec::new();
        let (read, upload) = (self.reads(0.99), self.uploads(0.99));
        if read > READ {
            faults.push(format!("p99 of reads and metadata is {read:.0?}"));
        }
        if upload > UPLOAD {
            faults.push(format!("p99 of small uploads is {upload:.0?}"));
        }
        match self.longest_poll {
            Some(poll) if poll > POLL + self.foreign => faults.push(format!(
                "a poll took {poll:.1?}, where a bare connection took {:.1?}",
                self.foreign
            )),
            Some(_) => {}
            None => faults.push("the longest poll is not measured".to_owned()),
        }
        faults
    }

    fn failed(&self) -> usize {
        let failed = |record: &&Record| record.failure.is_some();
        self.honest.iter().filter(failed).count()
    }

    /// The latency of all requests but uploads.
    fn reads(&self, share: f64) -> Duration {
        self.percentile(share, |deed| deed != Deed::Upload)
    }

    fn uploads(&self, share: f64) -> Duration {
        self.percentile(share, |deed| deed == Deed::Upload)
    }

    fn percentile(&self, share: f64, is_wanted: impl Fn(Deed) -> bool) -> Duration {
        let wanted = self.honest.iter().filter(|record| is_wanted(record.deed));
        percentile(wanted.map(|record| record.took).collect(), share)
    }

    /// A line of the table; the titles are [`Self::TITLES`].
    pub(super) fn row(&self, before: &str) -> String {
        let milliseconds = |time: Duration| time.as_millis();
        format!(
            "| {} | {before} | {} MB | {} / {} ms | {} ms | {} of {} | {:.1} |",
            self.name,
            self.peak_bytes / 1_000_000,
            milliseconds(self.reads(0.5)),
            milliseconds(self.reads(0.99)),
            milliseconds(self.uploads(0.99)),
            self.failed(),
            self.honest.len(),
            self.processor_share,
        )
    }

    pub(super) const TITLES: &'static str = "| attack | before | memory | reads p50 / p99 | uploads p99 | failed | processors |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |";
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.row(""))?;
        if let Some(poll) = self.longest_poll {
            write!(
                f,
                " longest poll {poll:.1?} (a bare connection {:.1?})",
                self.foreign
            )?;
            for line in self
                .log
                .lines()
                .filter(|line| line.contains("a poll took long"))
            {
                write!(f, "\n{line}")?;
            }
        }
        write!(f, ", {} KB of log", self.log.len() / 1_000)
    }
}
