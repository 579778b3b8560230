//! The error of a failed request. All dialects share one type; each dialect converts it to its own
//! format in one exhaustive `match`.
//!
//! It has two texts: `message` is sent to the client, `source` appears only in the log.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use photolog_domain::{AccountError, ImageError, ImageId, InvalidValue};
use photolog_rendition::RenditionError;
use photolog_store::{BlobError, StoreError};

use crate::auth::failures;

/// The kind of failure; a dialect maps it to a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be parsed: bad JSON, bad multipart, bad number.
    Malformed,
    /// A field has an invalid value. Nested fields are written with dots.
    Invalid {
        /// Which field.
        field: &'static str,
    },
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// Valid credentials without the right to do this.
    Forbidden,
    /// No resource of that name.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: String,
    },
    /// No response in a media type that the client accepts.
    NotAcceptable,
    /// The body's media type is not supported here.
    UnsupportedMediaType,
    /// The current state does not allow it.
    Conflict,
    /// Another image of the account holds the same bytes.
    Duplicate {
        /// Which one.
        holder: ImageId,
    },
    /// `If-Match` named another version.
    PreconditionFailed,
    /// The request is larger than allowed.
    TooLarge,
    /// The account has used up its quota.
    QuotaExceeded,
    /// The key exceeded its requests per second.
    RateLimited {
        /// After how many seconds to retry.
        retry_after: u64,
    },
    /// The client was too slow.
    Timeout,
    /// Too busy, or a dependency is down: the client may retry.
    Unavailable {
        /// After how long to retry.
        retry_after: Duration,
    },
    /// A fault of the server.
    Internal,
}

/// A failed request.
#[derive(Debug)]
pub struct ApiError {
    /// The kind of failure.
    pub kind: Kind,
    /// One sentence for the client.
    pub message: String,
    /// Why credentials were refused, for the log and the metric.
    reason: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// A failure of this kind with a message for the client.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: "credentials",
            source: None,
        }
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets why credentials were refused, for the log and the metric; it is not sent to the client.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// Whether the server was too busy, or the client over its limits.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unavailable { .. } | Kind::RateLimited { .. }
        )
    }

    /// Why credentials were refused.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// [`Kind::Malformed`].
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, message)
    }

    /// [`Kind::Invalid`].
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid { field }, message)
    }

    /// [`Kind::Unauthenticated`].
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "missing or wrong credentials")
    }

    /// [`Kind::Forbidden`].
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// [`Kind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// [`Kind::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// [`Kind::PreconditionFailed`].
    pub fn precondition_failed(message: impl Into<String>) -> Self {
        Self::new(Kind::PreconditionFailed, message)
    }

    /// [`Kind::TooLarge`].
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, message)
    }

    /// [`Kind::Timeout`].
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// [`Kind::Unavailable`], with a retry after one second.
    pub fn busy(message: impl Into<String>) -> Self {
        let retry_after = Duration::from_secs(1);
        Self::new(Kind::Unavailable { retry_after }, message)
    }

    /// [`Kind::Unavailable`] until an operator has upgraded the server.
    fn newer(message: String) -> Self {
        let retry_after = Duration::from_secs(60);
        Self::new(Kind::Unavailable { retry_after }, message)
    }

    /// [`Kind::Internal`]: the cause goes to the log only, never to the client.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, "something went wrong on our side").caused_by(source)
    }

    /// Whether the server is at fault, not the request.
    pub fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Internal | Kind::Unavailable { .. })
    }

    /// Logs failures that matter to an operator, once, where the response is made.
    pub fn log(&self, client: IpAddr) {
        match self.kind {
            Kind::Internal => tracing::error!(problem = %self, "request failed"),
            Kind::Unavailable { .. } if self.source.is_some() => {
                tracing::warn!(problem = %self, "request refused");
            }
            Kind::Unauthenticated => failures::note(self.reason, client),
            _ => tracing::debug!(problem = %self, "request refused"),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)?;
        let mut cause: Option<&dyn Error> = match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        };
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for ApiError {}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        let message = error.to_string();
        match error {
            ImageError::NotFound | ImageError::KeyNotFound(_) => Self::not_found(message),
            ImageError::AlreadyExists | ImageError::Disabled => Self::conflict(message),
            ImageError::WrittenByNewerVersion => Self::newer(message),
            ImageError::TooManyKeys { .. } => Self::new(Kind::QuotaExceeded, message),
            ImageError::Invalid(value) => value.into(),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let message = error.to_string();
        match error {
            AccountError::NotFound | AccountError::KeyNotFound(_) => Self::not_found(message),
            AccountError::AlreadyExists
            | AccountError::KeyExists(_)
            | AccountError::Suspended
            | AccountError::Closed => Self::conflict(message),
            AccountError::WrittenByNewerVersion => Self::newer(message),
            AccountError::Invalid(value) => value.into(),
        }
    }
}

impl From<InvalidValue> for ApiError {
    fn from(value: InvalidValue) -> Self {
        Self::invalid(value.what, value.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => {
                Self::busy("too many writes to this image at once").caused_by(error)
            }
            StoreError::DuplicateContent { holder } => Self::new(
                Kind::Duplicate { holder },
                format!("image {holder} of this account holds the same picture"),
            ),
            StoreError::ImageLimitReached => Self::new(
                Kind::QuotaExceeded,
                "the account has as many images as it may",
            ),
            StoreError::IdempotencyKeyUsed(_) => {
                Self::conflict("the idempotency key was used for another request")
            }
            StoreError::Unavailable(_) | StoreError::FileGone => {
                Self::busy("the database is unavailable").caused_by(error)
            }
            StoreError::WrittenByNewerVersion => ImageError::WrittenByNewerVersion.into(),
            StoreError::MasterKey(_) => {
                Self::busy("the secrets in the database cannot be opened").caused_by(error)
            }
            StoreError::NotLeading
            | StoreError::Rebuilding
            | StoreError::Collecting
            | StoreError::NewerDatabase(_)
            | StoreError::OlderDatabase(_)
            | StoreError::NoInstallation(_)
            | StoreError::ReadOnlyDatabase
            | StoreError::NoRight(_)
            | StoreError::NotEmpty
            | StoreError::Event(_)
            | StoreError::Corrupt(_)
            | StoreError::Database(_) => Self::internal(error),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(_) | BlobError::Bucket(_) | BlobError::Unusable { .. } => {
                Self::busy("the picture store is unavailable").caused_by(error)
            }
            BlobError::Damaged(_) => Self::internal(error),
        }
    }
}

impl From<RenditionError> for ApiError {
    fn from(error: RenditionError) -> Self {
        Self::invalid("image", error.to_string())
    }
}
