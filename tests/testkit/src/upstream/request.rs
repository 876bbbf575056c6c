//! Reading HTTP/1.1 requests off a socket (RFC 9112), for a server that trusts its clients.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request before anyone has looked at it.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Reads requests from `socket`, bytes that came too early included.
#[derive(Debug)]
pub(super) struct Reader<R> {
    socket: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(socket: R) -> Self {
        Self { socket, buffer: BytesMut::new() }
    }

    /// The next request. `None` when the client has closed the connection, or sends what is no request.
    pub(super) async fn next(&mut self) -> Option<Raw> {
        let head = self.until(b"\r\n\r\n").await?;
        let mut lines = std::str::from_utf8(&head).ok()?.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let method = first.next()?.parse().ok()?;
        let path = first.next()?.to_owned();
        let headers: HeaderMap = lines.filter_map(header).collect();
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let body = if text("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            self.chunks().await?
        } else {
            let length = text("content-length").and_then(|length| length.parse().ok());
            self.exactly(length.unwrap_or(0)).await?
        };
        Some(Raw { method, path, headers, body })
    }

    /// The socket.
    pub(super) fn into_socket(self) -> R {
        self.socket
    }

    /// Waits until the client closes the connection.
    pub(super) async fn closed(&mut self) {
        while self.more().await.is_some() {}
    }

    async fn chunks(&mut self) -> Option<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let size = self.until(b"\r\n").await?;
            let size = std::str::from_utf8(&size).ok()?.split(';').next()?.trim().to_owned();
            let size = usize::from_str_radix(&size, 16).ok()?;
            if size == 0 {
                // Trailers, which nobody sends, would end with an empty line as well.
                self.until(b"\r\n").await?;
                return Some(body.freeze());
            }
            body.extend_from_slice(&self.exactly(size).await?);
            self.exactly(2).await?;
        }
    }

    /// Takes what comes before `mark`, and drops the mark.
    async fn until(&mut self, mark: &[u8]) -> Option<Bytes> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(position) = found {
                let taken = self.buffer.split_to(position).freeze();
                self.buffer.advance(mark.len());
                return Some(taken);
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Bytes> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Some(self.buffer.split_to(length).freeze())
    }

    async fn more(&mut self) -> Option<()> {
        match self.socket.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}
