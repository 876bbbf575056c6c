//! What PostgreSQL reports, in the gateway's terms.

use std::{error::Error as StdError, time::Duration};

use deadpool_postgres::{HookError, PoolError};
use dormouse_core::{Code, Error};
use tokio_postgres::{Error as PostgresError, error::SqlState};

/// Why a call was not served.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    cause: Box<dyn StdError + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// There is no connection, or it has failed.
    Unreachable,
    /// The server, or whoever has its connections, takes too long.
    Overloaded,
    /// The server has undone everything, and would not if asked again.
    Undone,
    /// The server does not do what it is asked.
    Unusable,
}

impl Failure {
    /// The database is not one that this gateway can work with.
    pub(crate) fn unusable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: Kind::Unusable, cause: cause.into() }
    }

    /// Nothing came back in time.
    pub(crate) fn silent(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind: Kind::Unreachable, cause: Box::new(cause) }
    }

    /// Whether another connection might serve what this one did not.
    pub(crate) fn is_broken(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// Whether nothing was done, so that trying again is safe, and all that is needed.
    pub(crate) fn is_undone(&self) -> bool {
        self.kind == Kind::Undone
    }

    /// The error that a caller sees. It names neither the server nor a credential; nor does its cause,
    /// which is what the server or the system said.
    pub(crate) fn unavailable(self) -> Error {
        let message = match self.kind {
            Kind::Unreachable => "the store cannot be reached",
            Kind::Overloaded | Kind::Undone => "the store is overloaded",
            Kind::Unusable => "the store refuses to work",
        };
        let error = Error::new(Code::StoreUnavailable, message);
        error.retry_after(Duration::from_secs(1)).caused_by(self.cause)
    }
}

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        let kind = match error.code() {
            None => Kind::Unreachable,
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                Kind::Undone
            }
            // `statement_timeout`, which undoes everything, too, but has taken long enough.
            Some(&SqlState::QUERY_CANCELED | &SqlState::TOO_MANY_CONNECTIONS) => Kind::Overloaded,
            // A server that stops, or starts, or may only read: another may have taken its name.
            Some(
                &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW
                | &SqlState::READ_ONLY_SQL_TRANSACTION,
            ) => Kind::Unreachable,
            Some(code) if code.code().starts_with("08") => Kind::Unreachable,
            Some(_) => Kind::Unusable,
        };
        Self { kind, cause: Box::new(error) }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            error => Self { kind: Kind::Overloaded, cause: Box::new(error) },
        }
    }
}
