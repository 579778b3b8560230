//! Settings that the API and the projector share: each a flag with an environment twin.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use photolog_store::{MasterKeyFile, Store, StoreConfig, StoreError};

/// A command that needs an installation found none, and created none.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoInstallation {
    /// The folder has no database of ours.
    #[error(
        "no installation in {}: --data-dir must name the folder that `photolog` made at its first \
         start", .0.display()
    )]
    Folder(PathBuf),
    /// The database has no tables of ours.
    #[error(
        "no installation in {0}: --database-url must name the database to which `photolog migrate` \
         or the first start has added its tables"
    )]
    Database(String),
}

/// An error and its causes in one line. Libraries repeat a cause in the error above it; the line
/// contains each only once.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let said: Vec<_> = cause
            .to_string()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let said = said.join(" ");
        if line.contains(&said) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&said);
    }
    line
}

/// The exit code of a program that ends with an error: 2 when it found no installation, so that a
/// script can distinguish a wrong location from a failure.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.is::<NoInstallation>() {
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    }
}

/// Where the database is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Installation")]
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

    /// Most connections of this process to PostgreSQL, besides two that sequence and listen
    #[arg(
        long,
        env = "PHOTOLOG_DATABASE_CONNECTIONS",
        default_value_t = 16,
        global = true
    )]
    pub database_connections: u32,
}

impl NoInstallation {
    /// The error for this database, or for the data folder.
    pub fn at(database: &StoreConfig, data_dir: &Path) -> Self {
        match database {
            StoreConfig::Sqlite { .. } => Self::Folder(data_dir.to_owned()),
            StoreConfig::Postgres { .. } => Self::Database(database.to_string()),
        }
    }
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
    /// When PostgreSQL is configured, which several nodes share, but no file is.
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

    /// Connects and migrates; an error names the setting. Without a URL it opens SQLite in this
    /// folder.
    ///
    /// # Errors
    /// When the connection or the migration fails.
    pub async fn open(&self, data_dir: &Path) -> anyhow::Result<Store> {
        let config = self.config(data_dir)?;
        let opened = Store::open(&config, self.master_key(data_dir)?).await;
        opened.map_err(|error| self.unusable(error, data_dir))
    }

    /// Names the setting that led to the error.
    pub fn unusable(&self, error: StoreError, data_dir: &Path) -> anyhow::Error {
        let setting = match (&error, &self.master_key_file, &self.database_url) {
            (StoreError::MasterKey(_), Some(_), _) => "--master-key-file".to_owned(),
            (_, _, Some(url)) if !url.is_empty() => "--database-url".to_owned(),
            (..) => format!("--data-dir {}", data_dir.display()),
        };
        anyhow::Error::from(error).context(format!("{setting} cannot be used"))
    }

    /// As [`Self::open`], but only if an installation exists; otherwise creates and changes nothing.
    ///
    /// # Errors
    /// [`NoInstallation`] when there is none, and as [`Self::open`].
    pub async fn find(&self, data_dir: &Path) -> anyhow::Result<Store> {
        self.is_there(data_dir).await?;
        self.open(data_dir).await
    }

    /// Checks that an installation exists.
    ///
    /// # Errors
    /// [`NoInstallation`] when there is none; otherwise when a setting is missing, or the database
    /// cannot be reached or read.
    pub async fn is_there(&self, data_dir: &Path) -> anyhow::Result<()> {
        let config = self.config(data_dir)?;
        self.master_key(data_dir)?;
        match Store::exists(&config).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NoInstallation::at(&config, data_dir))?,
            Err(error) => Err(self.unusable(error, data_dir)),
        }
    }

    /// As [`Self::find`], but only for PostgreSQL.
    ///
    /// # Errors
    /// When PostgreSQL is not configured, and as [`Self::find`].
    pub async fn find_postgres(&self) -> anyhow::Result<Store> {
        self.is_shared()?;
        self.find(Path::new("")).await
    }

    /// Checks that several processes may share the database.
    ///
    /// # Errors
    /// When it is SQLite, which is for a single process that does everything.
    pub fn is_shared(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            matches!(self.config(Path::new(""))?, StoreConfig::Postgres { .. }),
            "--database-url is missing: on SQLite one process does everything, so start `photolog` \
             without a command"
        );
        Ok(())
    }
}

/// Where events are published.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Events for subscribers")]
pub struct RelaySettings {
    /// NATS servers with JetStream, as `nats://USER:PASSWORD@HOST:4222`, several separated by
    /// commas [default: events are not published]
    #[arg(long, env = "PHOTOLOG_NATS_URL", hide_env_values = true)]
    pub nats_url: Option<String>,

    /// File with the credentials for NATS (JWT and seed)
    #[arg(long, env = "PHOTOLOG_NATS_CREDENTIALS")]
    pub nats_credentials: Option<PathBuf>,

    /// The JetStream stream; made when there is none
    #[arg(long, env = "PHOTOLOG_NATS_STREAM", default_value = "PHOTOLOG")]
    pub nats_stream: String,

    /// What the subjects of all messages begin with, so that several installations may share a server
    #[arg(
        long,
        env = "PHOTOLOG_NATS_SUBJECT_PREFIX",
        default_value = "photolog.v1",
        value_parser = subject_prefix
    )]
    pub nats_subject_prefix: String,

    /// How many servers keep the stream, when it is made
    #[arg(long, env = "PHOTOLOG_NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: usize,
}

impl RelaySettings {
    /// The servers, if events are published.
    pub fn url(&self) -> Option<&str> {
        self.nats_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The subjects of all messages.
    pub fn subjects(&self) -> String {
        format!("{}.>", self.nats_subject_prefix)
    }
}

fn subject_prefix(text: &str) -> Result<String, String> {
    let is_token = |token: &str| {
        let mut characters = token.chars();
        !token.is_empty() && characters.all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    match text.split('.').all(is_token) {
        true => Ok(text.to_owned()),
        false => Err("it must be letters, digits, - and _, in parts separated by dots".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_each_cause_once() {
        let error = anyhow::anyhow!("no such\n  bucket")
            .context("error 404: no such bucket")
            .context("s3://pictures cannot be used: error 404: no such bucket")
            .context("--blob-url cannot be used");
        assert_eq!(
            one_line(&error),
            "--blob-url cannot be used: s3://pictures cannot be used: error 404: no such bucket"
        );
        let causes = anyhow::anyhow!("connection refused").context("the server is silent");
        assert_eq!(
            one_line(&causes),
            "the server is silent: connection refused"
        );
    }
}
