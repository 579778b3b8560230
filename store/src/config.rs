//! The locations of the database and the blobs.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use url::Url;

/// Which database to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// The embedded default: one SQLite file, WAL, `synchronous=FULL`.
    Sqlite {
        /// The file; created when missing.
        path: PathBuf,
    },
    /// PostgreSQL 15 or newer.
    Postgres {
        /// `postgres://…`
        url: String,
        /// Maximum number of connections of this process.
        connections: u32,
    },
}

/// The location, without a password.
impl fmt::Display for StoreConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(formatter, "{}", path.display()),
            Self::Postgres { url, .. } => match PgConnectOptions::from_str(url) {
                Ok(options) => redacted(&options).fmt(formatter),
                Err(_) => formatter.write_str("PostgreSQL"),
            },
        }
    }
}

fn redacted(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    let (user, port) = (options.get_username(), options.get_port());
    match options.get_socket() {
        Some(folder) => format!("postgres://{user}@/{database}?host={}", folder.display()),
        None => format!("postgres://{user}@{}:{port}/{database}", options.get_host()),
    }
}

/// Which blob store to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobConfig {
    /// The default: files, which several nodes may share.
    Directory {
        /// The folder; created when missing.
        path: PathBuf,
    },
    /// Objects in a bucket.
    Bucket {
        /// Which bucket.
        url: BucketUrl,
        /// Credentials and endpoints under their usual names: `AWS_…`, `GOOGLE_…`, `AZURE_…`. Other
        /// variables are ignored.
        environment: Vec<(String, String)>,
        /// Local folder where uploads are written until they are complete.
        incoming: PathBuf,
    },
}

/// The location of the blobs, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobUrl {
    /// `file:///path`
    Directory(PathBuf),
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
    Bucket(BucketUrl),
}

/// A bucket, or a part of one below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    vendor: Vendor,
    url: Url,
}

/// The vendor whose protocol a bucket uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Amazon S3, and the many services compatible with it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// Not the URL of a blob store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "blobs are at s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path"
)]
pub struct InvalidBlobUrl;

impl BucketUrl {
    /// The vendor whose protocol the bucket uses.
    pub fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The prefix of the blobs' names, percent-encoded, with a slash at each end.
    pub fn prefix(&self) -> &str {
        self.url.path()
    }
}

impl FromStr for BlobUrl {
    type Err = InvalidBlobUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidBlobUrl)?;
        let vendor = match url.scheme() {
            "s3" => Vendor::S3,
            "gs" => Vendor::Google,
            "az" => Vendor::Azure,
            "file" => {
                return url
                    .to_file_path()
                    .map(Self::Directory)
                    .map_err(|()| InvalidBlobUrl);
            }
            _ => return Err(InvalidBlobUrl),
        };
        // Credentials come from the environment; in the URL they would be ignored silently.
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if url.host_str().is_none_or(str::is_empty) || !plain {
            return Err(InvalidBlobUrl);
        }
        Ok(Self::Bucket(BucketUrl { vendor, url }))
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_without_its_password() {
        for (url, shown) in [
            (
                "postgres://photolog:hunter2@db.internal/pictures?sslmode=disable",
                "postgres://photolog@db.internal:5432/pictures",
            ),
            (
                "postgres:///pictures?host=/run/postgresql&user=photolog&password=hunter2",
                "postgres://photolog@/pictures?host=/run/postgresql",
            ),
            ("postgres://[hunter2", "PostgreSQL"),
        ] {
            let url = url.to_owned();
            let config = StoreConfig::Postgres {
                url,
                connections: 2,
            };
            assert_eq!(config.to_string(), shown);
        }
    }

    #[test]
    fn a_blob_url_names_a_bucket_or_a_folder() {
        let bucket = |text: &str| match text.parse() {
            Ok(BlobUrl::Bucket(bucket)) => bucket,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(bucket("s3://pictures").vendor(), Vendor::S3);
        assert_eq!(bucket("gs://pictures/a/b").prefix(), "/a/b");
        assert_eq!(bucket("az://container/a").vendor(), Vendor::Azure);
        assert_eq!(
            "file:///srv/a%20b".parse(),
            Ok(BlobUrl::Directory("/srv/a b".into()))
        );
        for wrong in [
            "",
            "pictures",
            "/srv/blobs",
            "s3://",
            "s3:///pictures",
            "s3://key:secret@pictures",
            "s3://pictures:9000",
            "s3://pictures?region=eu",
            "https://pictures.example",
            "file://host/blobs",
        ] {
            assert_eq!(wrong.parse::<BlobUrl>(), Err(InvalidBlobUrl), "{wrong}");
        }
    }
}
