//! The scripted upstream: an OpenAI-compatible server that has every answer ready.
//!
//! Each chunk of a stream is a write of its own, as a model's tokens are, with no pause between them:
//! what is measured is the cost of passing chunks on, not the speed of a model.

use std::{convert::Infallible, io, net::SocketAddr, thread};

use bytes::Bytes;
use dormouse_bench::answers;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpListener;

type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>;
type Body = Either<Full<Bytes>, StreamBody<Frames>>;

/// Serves on a free loopback port, on a thread of its own, until the process ends.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    thread::Builder::new()
        .name("upstream".into())
        .spawn(move || runtime.block_on(serve(listener)))?;
    Ok(address)
}

async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            loop {
                let (connection, _) = listener.accept().await?;
                connection.set_nodelay(true)?;
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service_fn(answer));
                // Clients come and go as they like; how they leave is their business.
                tokio::task::spawn_local(async move { drop(serving.await) });
            }
        })
        .await
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::GET && request.uri().path() == "/v1/models" {
        return Ok(whole("application/json", Bytes::from_static(answers::MODELS.as_bytes())));
    }
    if request.method() != Method::POST || request.uri().path() != "/v1/chat/completions" {
        let mut response = whole("text/plain", Bytes::from_static(b"no such path"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await?.to_bytes();
    let says = |text: &str| memmem::find(&body, text.as_bytes()).is_some();
    if says(r#""model":"stall""#) {
        return Ok(streamed(stalling()));
    }
    if says(r#""stream":true"#) {
        return Ok(streamed(frames(says(r#""include_usage":true"#))));
    }
    Ok(whole("application/json", answers::WHOLE.clone()))
}

fn whole(kind: &'static str, body: Bytes) -> Response<Body> {
    respond(kind, Either::Left(Full::new(body)))
}

fn streamed(frames: Frames) -> Response<Body> {
    respond("text/event-stream", Either::Right(StreamBody::new(frames)))
}

fn respond(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

fn frames(usage: bool) -> Frames {
    let usage = usage.then(|| Bytes::from_static(answers::USAGE.as_bytes()));
    let last = usage.into_iter().chain([Bytes::from_static(answers::DONE.as_bytes())]);
    let all = answers::FRAMES.iter().cloned().chain(last);
    // Giving way makes the server write out what it has.
    let each = stream::iter(all).then(|frame| async {
        tokio::task::yield_now().await;
        Ok(Frame::data(frame))
    });
    each.boxed()
}

fn stalling() -> Frames {
    let first = answers::FRAMES.first().cloned().map(|frame| Ok(Frame::data(frame)));
    stream::iter(first).chain(stream::pending()).boxed()
}
