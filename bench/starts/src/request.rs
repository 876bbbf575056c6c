//! One request, on a connection of its own.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Request(String);

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n"))
    }

    pub(crate) fn post(path: &str, key: &str, body: &str) -> Self {
        let length = body.len();
        Self(format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    /// Sends it and waits for the beginning of an answer, which must be a success.
    pub(crate) async fn send(&self, address: &str) -> io::Result<()> {
        let mut connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        connection.write_all(self.0.as_bytes()).await?;
        let mut head = [0; 12];
        connection.read_exact(&mut head).await?;
        if head.ends_with(b" 200") {
            return Ok(());
        }
        let mut rest = head.to_vec();
        connection.read_to_end(&mut rest).await?;
        Err(io::Error::other(String::from_utf8_lossy(&rest).into_owned()))
    }
}
