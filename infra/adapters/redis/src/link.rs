//! What the records need of a connection.

use std::fmt;

use async_trait::async_trait;

use crate::{failure::Failure, request::Request};

/// The way to a server: opened by the first call, shared by all, replaced when it fails.
#[async_trait]
pub trait Link: fmt::Debug + Send + Sync {
    /// Sends `request`, and once more where `repeat` allows it and the connection has failed. A script
    /// goes by its digest, and in full only where the server does not know it.
    ///
    /// Answers what the server does, in one list: arrays and maps give up what they hold, in their order.
    ///
    /// # Errors
    ///
    /// Why there is no such answer within the time that a call may take.
    async fn ask(&self, request: &Request, repeat: Repeat) -> Result<Vec<Vec<u8>>, Failure>;

    /// Whether it tries again by itself, whether that is safe or not.
    fn insists(&self) -> bool {
        false
    }
}

/// Whether a call is made a second time if the connection failed under the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It has the same effect as once.
    Safe,
    /// The first may have been served.
    Unsafe,
}
