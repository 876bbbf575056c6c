//! Bodies that are answered before they were read, such as those of strangers.
//!
//! After one, a connection can be used no more, and closing it while bytes arrive may take the answer from a client that
//! has not read it yet (RFC 9112, section 9.6). So the rest of a short body is read before the answer is sent; where
//! that cannot be done, the client is told that the connection ends.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// The most that is read for nothing, in bytes.
const MOST: usize = 64 << 10;
/// How long is waited for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is left of a request's body when its handler is done.
pub(crate) struct Rest {
    body: Shared,
    /// The client sends it only when it is told to, which reading would do.
    waits: bool,
}

/// Keeps hold of a request's body, which its handler reads as far as it likes.
pub(crate) fn watch(request: Request<Incoming>) -> (Request<Body>, Rest) {
    let waits = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let body = Shared(Arc::new(Mutex::new(State { body, ended: false })));
    let rest = Rest { body: body.clone(), waits };
    (Request::from_parts(parts, Body::new(body)), rest)
}

impl Rest {
    /// Reads it, or has `response` say that the connection ends.
    pub(crate) async fn see_to(self, response: &mut Response<Body>) {
        if !self.comes().await {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }

    /// Whether all of it comes, soon.
    async fn comes(self) -> bool {
        if self.body.is_end_stream() {
            return true;
        }
        let least = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if self.waits || least > MOST {
            return false;
        }
        let mut rest = Limited::new(self.body, MOST);
        let read = async {
            while let Some(frame) = rest.frame().await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(PATIENCE, read).await.unwrap_or(false)
    }
}

/// Clones are the same body.
#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A handler that panicked left a body that can be read on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut state = self.state();
        let frame = Pin::new(&mut state.body).poll_frame(context);
        state.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state();
        state.ended || state.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.state().body.size_hint()
    }
}
