//! Calling other servers.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Request, Response};

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
    /// Sends a request with an absolute `http` or `https` URL; returns when the head has arrived.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>>;
}
