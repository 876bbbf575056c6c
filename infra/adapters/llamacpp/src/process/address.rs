//! Where a server listens.

use std::path::Path;

use super::{Port, Socket};

/// The address of one server, ours until dropped.
#[derive(Debug)]
pub(crate) enum Address {
    /// A port of 127.0.0.1.
    Port(Port),
    /// A Unix socket.
    Socket(Socket),
}

impl Address {
    /// A port that nobody reserved.
    #[cfg(test)]
    pub(crate) fn on_port(number: u16) -> Self {
        Self::Port(Port::unreserved(number))
    }

    /// The base URL of the server, without a path.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Port(port) => format!("http://127.0.0.1:{}", port.number),
            Self::Socket(socket) => socket.url(),
        }
    }

    /// The folder that is to be removed with the server, even if the gateway is killed.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Port(_) => None,
            Self::Socket(socket) => Some(socket.folder()),
        }
    }
}
