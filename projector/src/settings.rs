//! Settings that the API and the projector share: each a flag with an environment twin.

use std::path::{Path, PathBuf};

use clap::Args;
use photolog_store::{MasterKeyFile, Store, StoreConfig, StoreError};

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

    /// File with the master key, which wraps the secrets in the database: 64 hexadecimal digits, the
    /// same for every node; needed with PostgreSQL [default: DATA_DIR/master.key, made when missing]
    #[arg(
        long,
        env = "PHOTOLOG_MASTER_KEY_FILE",
        value_name = "FILE",
        global = true
    )]
    pub master_key_file: Option<PathBuf>,

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

    /// The master key; with SQLite and no setting, a file in this folder.
    ///
    /// # Errors
    /// When PostgreSQL is set, which several nodes share, and no file.
    pub fn master_key(&self, data_dir: &Path) -> anyhow::Result<MasterKeyFile> {
        match (&self.master_key_file, self.config(data_dir)?) {
            (Some(path), _) => Ok(MasterKeyFile::provided(path.clone())),
            (None, StoreConfig::Sqlite { .. }) => Ok(MasterKeyFile::in_data_folder(data_dir)),
            (None, StoreConfig::Postgres { .. }) => anyhow::bail!(
                "--master-key-file is missing: with PostgreSQL every node needs the same master \
                 key; make it once with `photolog master-key create --master-key-file FILE`"
            ),
        }
    }

    /// Connects and migrates, with a message that names the setting when it cannot; without a URL,
    /// SQLite in this folder.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn open(&self, data_dir: &Path) -> anyhow::Result<Store> {
        let config = self.config(data_dir)?;
        let opened = Store::open(&config, self.master_key(data_dir)?).await;
        opened.map_err(|error| {
            let setting = match (&error, &self.master_key_file, config) {
                (StoreError::MasterKey(_), Some(_), _) => "--master-key-file".to_owned(),
                (_, _, StoreConfig::Postgres { .. }) => "--database-url".to_owned(),
                (..) => format!("--data-dir {}", data_dir.display()),
            };
            anyhow::Error::from(error).context(format!("{setting} cannot be used"))
        })
    }

    /// As [`Self::open`], but only PostgreSQL.
    ///
    /// # Errors
    /// When it is not set, cannot be reached, or is newer than this program.
    pub async fn open_postgres(&self) -> anyhow::Result<Store> {
        let nowhere = Path::new("");
        anyhow::ensure!(
            matches!(self.config(nowhere)?, StoreConfig::Postgres { .. }),
            "--database-url is missing: SQLite is for one process alone"
        );
        self.open(nowhere).await
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
