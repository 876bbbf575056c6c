//! Calls without TLS and without a proxy: to model servers of this machine and its neighbours.
//!
//! The task that wants an answer also works the connection that brings it, so that a chunk is not
//! handed from one task to the next; a client that serves everyone from a task of its own pays two
//! wake-ups for each.

mod kept;
mod link;

use std::{
    error::Error as StdError,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, ready};
use http::{
    HeaderValue, Request, Response, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery},
};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use kept::Kept;
use link::{Link, Unasked};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

/// From how many bytes on no more pieces are put together.
const TOGETHER: usize = 16 << 10;

/// Why there is no answer, or no more of one.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server is not there.
    Unreachable(Box<dyn StdError + Send + Sync>),
    /// The connection broke, or what came is no HTTP.
    Broken(hyper::Error),
}

/// Speaks HTTP/1.1 over TCP.
#[derive(Debug)]
pub(super) struct PlainClient {
    connector: HttpConnector,
    connect_timeout: Duration,
    kept: Kept,
}

impl PlainClient {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Several addresses of one name share the time.
        connector.set_connect_timeout(Some(connect_timeout));
        Self { connector, connect_timeout, kept: Kept::default() }
    }

    /// Sends a request with an absolute URL; returns when the head of the answer has arrived.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let (uri, mut request) = relative(request);
        let server = uri.authority().cloned();
        // A kept connection that turns out to be closed before a byte of the request was written has
        // taken nothing of it to the server: the only case in which a request may be sent again.
        while let Some(connection) = server.as_ref().and_then(|server| self.kept.take(server)) {
            match Link::new(connection).await?.ask(request).await {
                Ok((link, response)) => return Ok(self.attach(server, link, response)),
                Err(Unasked::Unsent(unsent)) => request = *unsent,
                Err(Unasked::Broken(error)) => return Err(Failure::Broken(error)),
            }
        }
        let connection = self.connect(uri).await?;
        match Link::new(connection).await?.ask(request).await {
            Ok((link, response)) => Ok(self.attach(server, link, response)),
            Err(Unasked::Unsent(_)) => Err(Failure::Unreachable("closed at once".into())),
            Err(Unasked::Broken(error)) => Err(Failure::Broken(error)),
        }
    }

    async fn connect(&self, uri: Uri) -> Result<TcpStream, Failure> {
        let connected = timeout(self.connect_timeout, self.connector.clone().call(uri)).await;
        let connected = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut));
        match connected {
            Ok(Ok(connection)) => Ok(connection.into_inner()),
            Ok(Err(error)) => Err(Failure::Unreachable(error.into())),
            Err(error) => Err(Failure::Unreachable(error.into())),
        }
    }

    fn attach(
        &self,
        server: Option<Authority>,
        link: Link,
        response: Response<Incoming>,
    ) -> Response<Body> {
        response.map(|incoming| {
            let way = server.map(|server| Way { link, server, kept: self.kept.clone() });
            Body { way, incoming, last: None }
        })
    }
}

/// The request as HTTP/1.1 sends it to the server itself: with a path, and the server in `host`.
fn relative(request: Request<Bytes>) -> (Uri, Request<Full<Bytes>>) {
    let mut request = request.map(Full::new);
    let path = request.uri().path_and_query().cloned();
    let path = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let uri = std::mem::replace(request.uri_mut(), path);
    if let Some(Ok(host)) = uri.authority().map(|it| HeaderValue::from_str(it.as_str())) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    (uri, request)
}

/// The body of an answer. Read to its end, its connection is kept; dropped before, it is closed.
pub(super) struct Body {
    way: Option<Way>,
    incoming: Incoming,
    /// The end, if it came together with what had to be returned first.
    last: Option<Last>,
}

/// How the rest of a body comes here.
struct Way {
    link: Link,
    server: Authority,
    kept: Kept,
}

/// How a body ended.
type Last = Result<(), hyper::Error>;

impl Body {
    /// The next piece, or the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Last>> {
        loop {
            let mut frame = Pin::new(&mut self.incoming).poll_frame(context);
            if let (Poll::Pending, Some(way)) = (&frame, &mut self.way) {
                way.link.work(context);
                frame = Pin::new(&mut self.incoming).poll_frame(context);
            }
            match ready!(frame).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => return Poll::Ready(Ok(data)),
                // Trailers.
                Some(Ok(Err(_))) => {}
                Some(Err(error)) => return Poll::Ready(Err(Err(error))),
                None => return Poll::Ready(Err(Ok(()))),
            }
        }
    }

    fn end(&mut self, last: Last, context: &mut Context<'_>) -> Option<Result<Bytes, Failure>> {
        let way = self.way.take();
        if let Err(error) = last {
            return Some(Err(Failure::Broken(error)));
        }
        if let Some(Way { link, server, kept }) = way
            && let Some(connection) = link.rest(context)
        {
            kept.keep(server, connection);
        }
        None
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Failure>;

    /// Pieces that are there together come together, so that whoever passes them on need write only once.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(self.end(last, context));
        }
        let first = match ready!(self.poll_piece(context)) {
            Ok(piece) => piece,
            Err(last) => return Poll::Ready(self.end(last, context)),
        };
        let mut pieces: Option<BytesMut> = None;
        while pieces.as_ref().map_or(first.len(), BytesMut::len) < TOGETHER {
            match self.poll_piece(context) {
                Poll::Ready(Ok(more)) => {
                    pieces.get_or_insert_with(|| BytesMut::from(&*first)).extend_from_slice(&more);
                }
                Poll::Ready(Err(last)) => {
                    self.last = Some(last);
                    break;
                }
                Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(pieces.map_or(first, BytesMut::freeze))))
    }
}
