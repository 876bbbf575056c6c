//! What SQLite reports, in the gateway's terms.

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use dormouse_core::{Code, Error};
use rusqlite::ErrorCode;

/// Why the file could not be used. Cloned, since one failure concerns all commits of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    cause: Arc<dyn StdError + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Another process holds a lock on the file. Nothing is wrong with it.
    Locked,
    /// The file cannot be opened, read or written.
    Unusable,
}

impl Failure {
    pub(crate) fn unusable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::Unusable, cause: cause.into().into() }
    }

    /// Whether trying again later is all that is needed.
    pub(crate) fn is_lock(&self) -> bool {
        self.kind == Kind::Locked
    }

    /// The error that a caller sees. It does not name the file.
    pub(crate) fn unavailable(&self) -> Error {
        let message = match self.kind {
            Kind::Locked => "the store is locked by another process",
            Kind::Unusable => "the store cannot be read or written",
        };
        let error = Error::new(Code::StoreUnavailable, message);
        error.retry_after(Duration::from_secs(1)).caused_by(Arc::clone(&self.cause))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let locked = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        let kind = if locked { Kind::Locked } else { Kind::Unusable };
        Self { kind, cause: Arc::new(error) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::unusable(error)
    }
}
