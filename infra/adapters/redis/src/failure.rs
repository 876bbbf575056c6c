//! What Redis reports, in the gateway's terms.

use std::{error::Error as StdError, time::Duration};

use dormouse_core::{Code, Error};

/// Why a call was not served.
#[derive(Debug)]
pub struct Failure {
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
        Self::refused(cause)
    }

    /// The server was silent for too long.
    pub fn silent(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "the store does not answer";
        Self { message, connected: false, cause: cause.into() }
    }

    /// There is no connection to the server, or none any more.
    pub fn unreachable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "the store cannot be reached";
        Self { message, connected: false, cause: cause.into() }
    }

    /// The server was reached, and does not do what it was asked for.
    pub fn refused(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "the store refuses to work";
        Self { message, connected: true, cause: cause.into() }
    }

    /// Whether the connection may serve other calls.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// The error that a caller sees. It names neither the server nor a credential; nor does its cause,
    /// which is what the server or the system said.
    pub(crate) fn unavailable(self) -> Error {
        let error = Error::new(Code::StoreUnavailable, self.message);
        error.retry_after(Duration::from_secs(1)).caused_by(self.cause)
    }
}
