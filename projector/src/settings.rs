//! Settings that the API and the projector share: each a flag with an environment twin.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use photolog_store::{Store, StoreConfig};

/// Where the database is.
#[derive(Args, Clone, Debug)]
pub struct DatabaseSettings {
    /// PostgreSQL that holds events and read models, as `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: a SQLite file in the data folder]
    #[arg(
        long,
        env = "PHOTOLOG_DATABASE_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_url: Option<String>,

    /// Most connections of this process to PostgreSQL, besides two that seal and listen
    #[arg(
        long,
        env = "PHOTOLOG_DATABASE_CONNECTIONS",
        default_value_t = 16,
        global = true
    )]
    pub database_connections: u32,
}

impl DatabaseSettings {
    /// The database to open; without a URL, SQLite in this folder.
    ///
    /// # Errors
    /// When the URL is not PostgreSQL's.
    pub fn config(&self, data_dir: &Path) -> anyhow::Result<StoreConfig> {
        match self.database_url.as_deref().filter(|url| !url.is_empty()) {
            None => Ok(StoreConfig::Sqlite {
                path: data_dir.join("photolog.sqlite"),
            }),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(StoreConfig::Postgres {
                    url: url.to_owned(),
                    connections: self.database_connections.max(2),
                })
            }
            Some(_) => anyhow::bail!("--database-url must begin with postgres://"),
        }
    }

    /// Connects to PostgreSQL and migrates.
    ///
    /// # Errors
    /// When it is not set, cannot be reached, or is newer than this program.
    pub async fn open(&self) -> anyhow::Result<Store> {
        let config = self.config(Path::new(""))?;
        anyhow::ensure!(
            matches!(config, StoreConfig::Postgres { .. }),
            "--database-url is missing: SQLite is for one process alone"
        );
        Store::open(&config)
            .await
            .context("--database-url cannot be used")
    }
}

/// Where events are published.
#[derive(Args, Clone, Debug, Default)]
pub struct RelaySettings {
    /// NATS servers with JetStream, as `nats://USER:PASSWORD@HOST:4222`, several separated by
    /// commas [default: events are not published]
    #[arg(long, env = "PHOTOLOG_NATS_URL", hide_env_values = true, global = true)]
    pub nats_url: Option<String>,

    /// File with the credentials for NATS (JWT and seed)
    #[arg(long, env = "PHOTOLOG_NATS_CREDENTIALS", global = true)]
    pub nats_credentials: Option<PathBuf>,

    /// The JetStream stream; made when there is none
    #[arg(
        long,
        env = "PHOTOLOG_NATS_STREAM",
        default_value = "PHOTOLOG",
        global = true
    )]
    pub nats_stream: String,

    /// How many servers keep the stream, when it is made
    #[arg(
        long,
        env = "PHOTOLOG_NATS_REPLICAS",
        default_value_t = 1,
        global = true
    )]
    pub nats_replicas: usize,
}

impl RelaySettings {
    /// The servers, when events are to be published.
    pub fn url(&self) -> Option<&str> {
        self.nats_url.as_deref().filter(|url| !url.is_empty())
    }
}
