//! One call over HTTP, with all of its answer, up to a limit.

use ::http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::ports::{ByteStream, HttpClient};

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether there was more than the limit.
    pub(crate) cut: bool,
}

/// What an answer says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    Html,
    Text,
    Other,
}

/// Sends a request and reads at most `limit` bytes of the answer's body; then the connection is closed.
pub(crate) async fn send(
    client: &dyn HttpClient,
    request: Request<Bytes>,
    limit: usize,
) -> crate::Result<Fetched> {
    let (head, body) = client.send(request).await.map(Response::into_parts)?;
    let (body, cut) = read(body, limit).await?;
    Ok(Fetched { status: head.status.as_u16(), headers: head.headers, body, cut })
}

async fn read(mut body: ByteStream, limit: usize) -> crate::Result<(Bytes, bool)> {
    let mut kept = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        let room = limit - kept.len();
        if piece.len() > room {
            kept.extend_from_slice(piece.get(..room).unwrap_or_default());
            return Ok((kept.freeze(), true));
        }
        kept.extend_from_slice(&piece);
    }
    Ok((kept.freeze(), false))
}

impl Fetched {
    pub(crate) fn content_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub(crate) fn media_type(&self) -> MediaType {
        let name =
            self.content_type().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "text/html" | "application/xhtml+xml" => MediaType::Html,
            ""
            | "application/json"
            | "application/xml"
            | "application/javascript"
            | "application/x-javascript"
            | "application/yaml"
            | "application/toml" => MediaType::Text,
            text if text.starts_with("text/")
                || text.ends_with("+json")
                || text.ends_with("+xml") =>
            {
                MediaType::Text
            }
            _ => MediaType::Other,
        }
    }

    /// Its body as text. Of other encodings than UTF-8 only Latin-1 is known.
    pub(crate) fn text(&self) -> String {
        let named = self.content_type().to_ascii_lowercase();
        let latin =
            ["iso-8859-1", "latin1", "windows-1252"].iter().any(|name| named.contains(name));
        match std::str::from_utf8(&self.body) {
            Err(_) if latin => self.body.iter().map(|byte| char::from(*byte)).collect(),
            _ => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}
