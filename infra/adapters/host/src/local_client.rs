//! Calls to servers on this machine.

use std::{io, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient, UnixSocket},
};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Request, Response, Uri, header::HOST};
use http_body_util::{BodyDataStream, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// The longest head of an answer, and what is read ahead of its body: a client that is slow must not
/// fill the memory with what its model says.
const MAX_BUFFER: usize = 64 << 10;

/// Calls servers on this machine over HTTP/1.1: at an `http` URL, or at a [`UnixSocket`]. No proxy
/// stands in between, whatever the environment says.
///
/// Each call has a connection of its own. Model servers such as llama.cpp close idle ones without a
/// word, and a request that meets such a one fails; it is not for us to send it twice. On one machine a
/// new one costs next to nothing.
#[derive(Clone, Debug)]
pub struct LocalClient {
    connect_timeout: Duration,
}

impl LocalClient {
    /// A client that gives up on a connection that is not made within `connect_timeout`.
    pub fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout }
    }

    /// Waits for `connecting` as long as it may take.
    async fn connected<C>(&self, connecting: impl Future<Output = io::Result<C>>) -> Result<C> {
        let connected = tokio::time::timeout(self.connect_timeout, connecting).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| {
            let message = match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                    "the provider cannot be reached: connection refused"
                }
                io::ErrorKind::TimedOut => "the provider cannot be reached: timed out",
                _ => "the provider cannot be reached",
            };
            Error::new(Code::UpstreamUnreachable, message).caused_by(error)
        })
    }
}

#[async_trait]
impl HttpClient for LocalClient {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<ByteStream>> {
        if let Some(socket) = UnixSocket::of(request.uri()) {
            aim(&mut request, HeaderValue::from_static("localhost"))?;
            return ask(self.connected(UnixStream::connect(socket.path)).await?, request).await;
        }
        let address = tcp_address(request.uri()).ok_or_else(|| uncallable("not a local URL"))?;
        let host = HeaderValue::from_str(&address).map_err(uncallable)?;
        aim(&mut request, host)?;
        let stream = self.connected(TcpStream::connect(address)).await?;
        // Not to be had on every system, and answers come without it too.
        let _ = stream.set_nodelay(true);
        ask(stream, request).await
    }
}

/// Host and port, in the words of a URL: `127.0.0.1:8081`, `[::1]:80`.
fn tcp_address(uri: &Uri) -> Option<String> {
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http"))?;
    Some(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

/// Gives a request the form that it has on a connection: a path alone, and the host in a header.
fn aim(request: &mut Request<Bytes>, host: HeaderValue) -> Result<()> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(uncallable)?;
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// Sends a request on a connection of its own. That ends with the answer, or when nobody waits for it
/// any more.
async fn ask<C>(connection: C, request: Request<Bytes>) -> Result<Response<ByteStream>>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(broken)?;
    // What breaks it is told to whoever waits for the answer.
    tokio::spawn(async move { drop(connection.await) });
    let answer = sender.send_request(request.map(Full::new)).await.map_err(broken)?;
    Ok(answer.map(|body| BodyDataStream::new(body).map_err(broken).boxed()))
}

fn broken(error: hyper::Error) -> Error {
    Error::new(Code::UpstreamFailed, "the connection to the provider broke").caused_by(error)
}

fn uncallable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::Internal, "the server's URL cannot be called").caused_by(error)
}
