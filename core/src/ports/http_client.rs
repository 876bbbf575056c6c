//! Calling other servers.

use std::{ffi::OsStr, fmt, path::Path};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Request, Response, Uri};

use super::host::hex;
use crate::Result;

/// A body as it arrives. An error ends the stream: the connection broke.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Sends HTTP requests.
///
/// # Contract
///
/// 1. Any status is an answer, not an error. Redirects are answers too: they are not followed.
/// 2. A server that cannot be reached is
///    [`UpstreamUnreachable`](crate::Code::UpstreamUnreachable), within the connect timeout.
/// 3. The body is handed on as it arrives, not collected.
/// 4. A body that breaks off ends in [`UpstreamFailed`](crate::Code::UpstreamFailed), never in a
///    silent end.
/// 5. Dropping the future of [`send`](Self::send), or the body, closes the connection, or at least
///    the request's stream on it.
#[async_trait]
pub trait HttpClient: fmt::Debug + Send + Sync {
    /// Sends a request with an absolute URL, `http` or `https`, or, where the implementation says so,
    /// that of a [`UnixSocket`] or an [`EmbeddedModel`]; returns when the head has arrived.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>>;
}

/// A Unix socket on which a server speaks HTTP.
///
/// A URL has no place for a file, so the path stands in hex where the host does:
/// `unix://2f746d702f782e736f636b/v1/models` is `/v1/models` of the server at `/tmp/x.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// The path of the socket.
    pub path: String,
}

impl UnixSocket {
    /// The scheme of its URLs.
    pub const SCHEME: &str = "unix";

    /// The base URL of the server, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}", Self::SCHEME, hex(self.path.bytes()))
    }

    /// The socket that `uri` names; `None` if it names none.
    pub fn of(uri: &Uri) -> Option<Self> {
        hidden(uri, Self::SCHEME).map(|path| Self { path })
    }
}

/// A model that answers in the gateway's own process, where a server would.
///
/// People write `embedded:nano` or `embedded:/models/x.gguf`; as a URL its name stands in hex where the
/// host does: `embedded://6e616e6f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedModel {
    /// The model that is built in, by its name, or the path of a model's file.
    pub name: String,
}

impl EmbeddedModel {
    /// The scheme of its URLs.
    pub const SCHEME: &str = "embedded";

    /// The model that `text` names as people do; `None` if it names none.
    pub fn written(text: &str) -> Option<Self> {
        let name = text.strip_prefix(Self::SCHEME)?.strip_prefix(':')?.trim();
        let named = !name.is_empty() && !name.starts_with("//");
        named.then(|| Self { name: name.to_owned() })
    }

    /// The base URL of the model, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}", Self::SCHEME, hex(self.name.bytes()))
    }

    /// What callers name it by: its name, or that of its file without the end.
    pub fn id(&self) -> &str {
        let stem = Path::new(&self.name).file_stem().and_then(OsStr::to_str);
        stem.unwrap_or(&self.name)
    }

    /// The model that `uri` names; `None` if it names none.
    pub fn of(uri: &Uri) -> Option<Self> {
        hidden(uri, Self::SCHEME).map(|name| Self { name })
    }
}

/// What stands in hex where the host of a URL of this scheme does.
fn hidden(uri: &Uri, scheme: &str) -> Option<String> {
    let host = uri.host().filter(|_| uri.scheme_str() == Some(scheme))?;
    let (pairs, rest) = host.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    String::from_utf8(bytes.filter(|_| rest.is_empty())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_named_by_a_url_and_found_in_it() {
        let socket = UnixSocket { path: "/run/user/1000/mö del/x.sock".into() };
        let uri: Uri = format!("{}/v1/models?a=b", socket.url()).parse().unwrap();
        assert_eq!(UnixSocket::of(&uri), Some(socket));
        assert_eq!(uri.path(), "/v1/models");
    }

    #[test]
    fn a_model_in_process_is_named_by_people_and_by_a_url() {
        for (text, name, id) in [
            ("embedded:nano", "nano", "nano"),
            ("embedded:/a b/x.q8_0.gguf", "/a b/x.q8_0.gguf", "x.q8_0"),
        ] {
            let model = EmbeddedModel::written(text).unwrap();
            assert_eq!((&*model.name, model.id()), (name, id));
            let uri: Uri = format!("{}/chat/completions", model.url()).parse().unwrap();
            assert_eq!(EmbeddedModel::of(&uri), Some(model));
            assert_eq!(UnixSocket::of(&uri), None);
        }
        for text in ["embedded:", "embedded", "embedded://6e", "http://x", "nano"] {
            assert_eq!(EmbeddedModel::written(text), None, "{text}");
        }
    }

    #[test]
    fn other_urls_name_no_socket() {
        for url in ["http://2f78/v1", "unix://2g/v1", "unix://2f7/v1", "unix://ff/v1", "/v1"] {
            assert_eq!(UnixSocket::of(&url.parse().unwrap()), None, "{url}");
        }
    }
}
