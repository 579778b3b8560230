//! Honest clients of one tenant, from addresses of their own, that record how each request went: an
//! attack must not change that.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::{TestApp, pictures};

/// Every second client opens a connection for each request, as browsers do; the others keep theirs,
/// as programs do.
const CLIENTS: u8 = 4;
/// Their addresses: 127.0.2.1 and following.
const NETWORK: [u8; 3] = [127, 0, 2];
/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What they do, in this order, repeatedly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Deed {
    Picture,
    Metadata,
    List,
    Health,
    Write,
    Upload,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Picture,
        Self::Metadata,
        Self::List,
        Self::Health,
        Self::Write,
        Self::Upload,
    ];
}

/// How a request went.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was requested.
    pub deed: Deed,
    /// Time until the whole response was read.
    pub took: Duration,
    /// Why it failed.
    pub failure: Option<String>,
}

/// The running clients, on a thread of their own: attackers in the same process must not look like
/// a slow server.
pub struct HonestLoad {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    account_url: String,
    url: String,
    key: (String, String),
    image: String,
    public_id: String,
    next_picture: AtomicU32,
    stopped: AtomicBool,
    records: Mutex<Vec<Record>>,
}

impl HonestLoad {
    /// Uploads a picture for them as the demo account and starts them. Returns once each kind of
    /// request has succeeded, so that later failures have another cause.
    pub async fn begin(app: &TestApp) -> Self {
        let image = app.uploaded(pictures::jpeg_of(300, 200, 0)).await;
        let member = |name: &str| image[name].as_str().expect("a text").to_owned();
        let shared = Arc::new(Shared {
            account_url: format!("{}/accounts/{}", app.url, app.account),
            url: app.url.clone(),
            key: app.key.clone(),
            image: member("imageID"),
            public_id: member("publicID"),
            next_picture: AtomicU32::new(1),
            stopped: AtomicBool::new(false),
            records: Mutex::default(),
        });
        let calm = shared.client(1);
        for deed in Deed::ALL {
            let record = shared.perform(&calm, deed).await;
            assert_eq!(record.failure, None, "{deed:?} fails before any attack");
        }
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let clients = (1..=CLIENTS).map(|number| shared.work(number));
                runtime.block_on(join_all(clients));
            }
        });
        Self { shared, thread }
    }

    /// Lets each client finish its round, so that every kind of request was made, and returns all
    /// records.
    pub async fn end(self) -> Vec<Record> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        joined.expect("no panic").expect("honest clients");
        std::mem::take(&mut *self.shared.records.lock().expect("no panic"))
    }
}

impl Shared {
    fn client(&self, number: u8) -> Client {
        let [a, b, c] = NETWORK;
        let kept_connections = usize::from(number.is_multiple_of(2));
        Client::builder()
            .local_address(std::net::IpAddr::from(Ipv4Addr::new(a, b, c, number)))
            .pool_max_idle_per_host(kept_connections)
            .timeout(PATIENCE)
            .build()
            .expect("a client")
    }

    async fn work(&self, number: u8) {
        let client = self.client(number);
        while !self.stopped.load(Ordering::Relaxed) {
            // Each client starts with a different request.
            let round = Deed::ALL.iter().cycle().skip(usize::from(number));
            for deed in round.take(Deed::ALL.len()) {
                let record = self.perform(&client, *deed).await;
                self.records.lock().expect("no panic").push(record);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn perform(&self, client: &Client, deed: Deed) -> Record {
        let request = self.request(client, deed);
        let began = Instant::now();
        let outcome = answered(request).await;
        let took = began.elapsed();
        Record {
            deed,
            took,
            failure: outcome.err(),
        }
    }

    fn request(&self, client: &Client, deed: Deed) -> RequestBuilder {
        let of_the_tenant = |method: &str, path: &str| {
            let method = method.parse().expect("a method");
            let request = client.request(method, format!("{}{path}", self.account_url));
            request.basic_auth(&self.key.0, Some(&self.key.1))
        };
        let image = format!("/images/{}", self.image);
        let number = self.next_picture.fetch_add(1, Ordering::Relaxed);
        match deed {
            Deed::Picture => client.get(format!(
                "{}/images/{}?size=200x200",
                self.url, self.public_id
            )),
            Deed::Metadata => of_the_tenant("GET", &image),
            Deed::List => of_the_tenant("GET", "/images"),
            Deed::Health => client.get(format!("{}/healthz", self.url)),
            Deed::Write => of_the_tenant("PUT", &format!("{image}/metadata"))
                .json(&json!({ "altText": format!("text {number}") })),
            Deed::Upload => {
                let picture = Part::bytes(pictures::jpeg_of(96, 64, number)).file_name("p");
                of_the_tenant("POST", "/images").multipart(Form::new().part("image", picture))
            }
        }
    }
}

async fn answered(request: RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.map_err(|error| causes(&error))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| causes(&error))?;
    if status.is_success() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    Err(format!("{status} {body}"))
}

fn causes(error: &dyn std::error::Error) -> String {
    let first = error.to_string();
    let rest = std::iter::successors(error.source(), |cause| cause.source());
    rest.fold(first, |text, cause| format!("{text}: {cause}"))
}

/// The time within which this share of the requests was answered; zero when there were none.
pub fn percentile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort_unstable();
    let place = (times.len() as f64 * share).ceil() as usize;
    times
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
