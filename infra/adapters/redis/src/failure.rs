//! What Redis reports, in the gateway's terms.

use std::{error::Error as StdError, time::Duration};

use dormouse_core::{Code, Error};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a call was not served.
#[derive(Debug)]
pub(crate) struct Failure {
    message: &'static str,
    /// Whether the connection may serve other calls.
    connected: bool,
    cause: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// The server has something that no gateway has written.
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self { message: "the store cannot be read", connected: true, cause: what.into() }
    }

    /// The server evicts records when its memory is full.
    pub(crate) fn forgetful(policy: &str) -> Self {
        let cause = format!("maxmemory-policy is {policy}, and must be noeviction");
        Self { message: "the store refuses to work", connected: true, cause: cause.into() }
    }

    /// The server was silent for too long.
    pub(crate) fn silent(cause: impl StdError + Send + Sync + 'static) -> Self {
        let message = "the store does not answer";
        Self { message, connected: false, cause: Box::new(cause) }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// The error that a caller sees. It names neither the server nor a credential; nor does its cause,
    /// which is what the server or the system said.
    pub(crate) fn unavailable(self) -> Error {
        let error = Error::new(Code::StoreUnavailable, self.message);
        error.retry_after(Duration::from_secs(1)).caused_by(self.cause)
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let connected = match error.kind() {
            // Another server may have taken over, and the name may lead there by now.
            ErrorKind::Server(
                ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading,
            ) => false,
            ErrorKind::Server(_) | ErrorKind::Extension => true,
            _ => false,
        };
        let message =
            if connected { "the store refuses to work" } else { "the store cannot be reached" };
        Self { message, connected, cause: Box::new(error) }
    }
}
