//! Settings of the API, each a flag with an environment variable. `photolog --help` is the
//! reference.

use std::net::SocketAddr;

use clap::Args;
use photolog_telemetry::ExportSettings;

use crate::auth::edge_secret::EdgeSecret;
use crate::edge_push::EdgeUrl;
use crate::limits::Limits;
use crate::picture::PictureLimits;
use crate::unrepeated::unrepeated;

/// Settings of the API.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Serving")]
pub struct Serving {
    /// Address and port to serve on; port 0 takes a free one
    #[arg(long, env = "PHOTOLOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Public URL of Photolog, for links in responses [default: http://LISTEN]
    #[arg(long, env = "PHOTOLOG_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Secret that edges present; without one there are no endpoints for them
    #[arg(
        long,
        env = "PHOTOLOG_EDGE_SECRET",
        value_parser = unrepeated::<EdgeSecret>(),
        default_value = "",
        hide_default_value = true,
        hide_env_values = true
    )]
    pub edge_secret: EdgeSecret,

    /// Edges to notify at once when a picture is replaced, such as `http://10.0.0.7:8787`,
    /// separated by commas
    #[arg(
        long,
        env = "PHOTOLOG_EDGES",
        hide_env_values = true,
        value_parser = unrepeated::<EdgeUrl>(),
        value_delimiter = ',',
        value_name = "URL"
    )]
    pub edges: Vec<EdgeUrl>,

    /// Size of the rendition cache on disk, in bytes; the least recently used are evicted first
    #[arg(long, env = "PHOTOLOG_RENDITION_CACHE_BYTES", default_value_t = 1 << 30)]
    pub rendition_cache_bytes: u64,

    /// Size of the rendition cache in memory, in bytes
    #[arg(long, env = "PHOTOLOG_RENDITION_MEMORY_BYTES", default_value_t = 64 << 20)]
    pub rendition_memory_bytes: u64,

    /// Measure the longest time that a request blocks a thread, as a metric and in the log
    #[arg(long, env = "PHOTOLOG_WATCH_POLLS")]
    pub watch_polls: bool,

    /// Deadlines, concurrency, memory.
    #[command(flatten)]
    pub limits: Limits,

    /// Metrics and traces.
    #[command(flatten)]
    pub exports: ExportSettings,
}

impl Serving {
    /// Limits of the picture work.
    pub fn picture_limits(&self) -> PictureLimits {
        PictureLimits {
            waiting: self.limits.render_queue,
            decoding_bytes: self.limits.decoding_bytes(),
            rendering_bytes: self.limits.rendering_bytes(),
            disk_cache_bytes: self.rendition_cache_bytes,
            memory_cache_bytes: self.rendition_memory_bytes,
        }
    }

    /// The public URL of this server, without a trailing slash.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}
