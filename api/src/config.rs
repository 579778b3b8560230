//! Every setting: a flag with an environment twin. `photolog --help` is the reference.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use photolog_projector::settings::{DatabaseSettings, RelaySettings};
use photolog_store::{BlobConfig, BlobUrl};
use photolog_telemetry::TelemetrySettings;

use crate::app::Limits;
use crate::edge::EdgeSecret;
use crate::edge::push::EdgeUrl;
use crate::http::server::ServerLimits;
use crate::picture::PictureLimits;
use crate::unrepeated::unrepeated;

/// Every setting.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address and port to serve on; port 0 takes a free one
    #[arg(
        long,
        env = "PHOTOLOG_LISTEN",
        default_value = "127.0.0.1:8080",
        global = true
    )]
    pub listen: SocketAddr,

    /// Folder for everything Photolog keeps: database, pictures, credentials, cache
    #[arg(
        long,
        env = "PHOTOLOG_DATA_DIR",
        default_value = "./photolog-data",
        global = true
    )]
    pub data_dir: PathBuf,

    /// Where events and read models are kept.
    #[command(flatten)]
    pub database: DatabaseSettings,

    /// Where events are published.
    #[command(flatten)]
    pub relay: RelaySettings,

    /// Where pictures are kept: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or
    /// file:///path [default: DATA_DIR/blobs]
    ///
    /// Credentials and endpoints of a bucket are the usual variables: AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; GOOGLE_…; AZURE_….
    #[arg(long, env = "PHOTOLOG_BLOB_URL", value_parser = unrepeated::<BlobUrl>(), global = true)]
    pub blob_url: Option<BlobUrl>,

    /// Where clients reach Photolog, for the links in answers [default: http://LISTEN]
    #[arg(long, env = "PHOTOLOG_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,

    /// Secret that edges show; without one there are no endpoints for them
    #[arg(
        long,
        env = "PHOTOLOG_EDGE_SECRET",
        value_parser = unrepeated::<EdgeSecret>(),
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        global = true
    )]
    pub edge_secret: EdgeSecret,

    /// Edges to tell at once when a picture is replaced, such as `http://10.0.0.7:8787`; several are
    /// separated by commas
    #[arg(
        long,
        env = "PHOTOLOG_EDGES",
        hide_env_values = true,
        value_parser = unrepeated::<EdgeUrl>(),
        value_delimiter = ',',
        value_name = "URL",
        global = true
    )]
    pub edges: Vec<EdgeUrl>,

    /// Most enabled images of an account that has no limit of its own
    #[arg(
        long,
        env = "PHOTOLOG_IMAGES_PER_ACCOUNT",
        default_value_t = 10_000,
        global = true
    )]
    pub images_per_account: u32,

    /// Most requests of one key in a second; more are answered 429; 0 = no limit
    #[arg(long, env = "PHOTOLOG_RATE_LIMIT", default_value_t = 0, global = true)]
    pub rate_limit: u32,

    /// Most pictures waiting to be rendered; more are answered 503
    #[arg(
        long,
        env = "PHOTOLOG_RENDER_QUEUE",
        default_value_t = 256,
        global = true
    )]
    pub render_queue: usize,

    /// Memory that decoding uploads may take at once, in bytes
    #[arg(long, env = "PHOTOLOG_DECODE_BUDGET_BYTES", default_value_t = 160 << 20, global = true)]
    pub decode_budget_bytes: u64,

    /// Renditions kept on disk, in bytes; the least recently used go first
    #[arg(long, env = "PHOTOLOG_RENDITION_CACHE_BYTES", default_value_t = 1 << 30, global = true)]
    pub rendition_cache_bytes: u64,

    /// Renditions kept in memory, in bytes
    #[arg(long, env = "PHOTOLOG_RENDITION_MEMORY_BYTES", default_value_t = 64 << 20, global = true)]
    pub rendition_memory_bytes: u64,

    /// Longest time a request's head may take, in seconds
    #[arg(
        long,
        env = "PHOTOLOG_HEADER_TIMEOUT_SECONDS",
        default_value_t = 15,
        global = true
    )]
    pub header_timeout_seconds: u64,

    /// Longest pause in a request's body, in seconds
    #[arg(
        long,
        env = "PHOTOLOG_BODY_TIMEOUT_SECONDS",
        default_value_t = 20,
        global = true
    )]
    pub body_timeout_seconds: u64,

    /// How long requests in flight may take after Ctrl-C or SIGTERM, in seconds
    #[arg(
        long,
        env = "PHOTOLOG_DRAIN_TIMEOUT_SECONDS",
        default_value_t = 30,
        global = true
    )]
    pub drain_timeout_seconds: u64,

    /// How long a write waits until lists show it, in milliseconds
    #[arg(
        long,
        env = "PHOTOLOG_VISIBILITY_TIMEOUT_MS",
        default_value_t = 2_000,
        global = true
    )]
    pub visibility_timeout_ms: u64,

    /// Most events the read models may lack for `/readyz` to say ready
    #[arg(
        long,
        env = "PHOTOLOG_READY_LAG",
        default_value_t = 10_000,
        global = true
    )]
    pub ready_lag: u64,

    /// Most connections at once
    #[arg(
        long,
        env = "PHOTOLOG_CONNECTIONS",
        default_value_t = 4_096,
        global = true
    )]
    pub connections: usize,

    /// Most requests at work at once; more are answered 503; 0 = no limit
    #[arg(
        long,
        env = "PHOTOLOG_REQUESTS_IN_FLIGHT",
        default_value_t = 1_024,
        global = true
    )]
    pub requests_in_flight: usize,

    /// Logs, metrics and traces.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Config {
    /// Where the pictures are.
    pub fn blobs(&self) -> BlobConfig {
        match &self.blob_url {
            None => BlobConfig::Directory {
                path: self.data_dir.join("blobs"),
            },
            Some(BlobUrl::Directory(path)) => BlobConfig::Directory { path: path.clone() },
            Some(BlobUrl::Bucket(url)) => BlobConfig::Bucket {
                url: url.clone(),
                environment: environment(),
                incoming: self.data_dir.join("incoming"),
            },
        }
    }

    /// Where renditions are kept; may be emptied at any time.
    pub fn cache_directory(&self) -> PathBuf {
        self.data_dir.join("renditions")
    }

    /// Limits that requests meet.
    pub fn limits(&self) -> Limits {
        Limits {
            images_per_account: self.images_per_account,
            body_timeout: Duration::from_secs(self.body_timeout_seconds),
            visibility_timeout: Duration::from_millis(self.visibility_timeout_ms),
            ready_lag: self.ready_lag,
        }
    }

    /// Limits of the picture work.
    pub fn picture_limits(&self) -> PictureLimits {
        PictureLimits {
            render_queue: self.render_queue,
            decode_budget_bytes: self.decode_budget_bytes,
            disk_cache_bytes: self.rendition_cache_bytes,
            memory_cache_bytes: self.rendition_memory_bytes,
        }
    }

    /// Limits of the accept loop.
    pub fn server_limits(&self) -> ServerLimits {
        ServerLimits {
            connections: self.connections.max(1),
            header_timeout: Duration::from_secs(self.header_timeout_seconds),
            drain_timeout: Duration::from_secs(self.drain_timeout_seconds),
        }
    }

    /// Where clients reach us, without a trailing slash.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

/// What is text in our environment; no setting of a bucket is anything else.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
