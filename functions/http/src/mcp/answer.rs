//! Answers: a JSON document, or where one takes its time, a stream of events that ends with it.

use std::sync::Arc;

use async_stream::stream;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use dormouse_core::{Error, wire::sse};
use futures::{
    FutureExt, Stream,
    future::{BoxFuture, Either, select},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};
use rmcp::model::{
    ErrorCode, ErrorData, JsonRpcError, JsonRpcVersion2_0, ProgressNotificationParam,
    ProgressToken, RequestId, RequestMetaObject,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Peer,
    message::Asked,
    methods,
    revision::Lifecycle,
    running::{self, Running},
};
use crate::problem::Problem;

const STREAM: &str = "text/event-stream";

/// Which forms of an answer a client takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepts {
    json: bool,
    stream: bool,
}

impl Accepts {
    /// Reads `Accept`; one that takes nothing that there is, is 406. The specification has clients name both,
    /// and not all of them do.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<&str> = texts
            .flat_map(|text| text.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .collect();
        let takes = |wanted: &[&str]| {
            ranges.is_empty() || ranges.iter().any(|range| wanted.contains(range))
        };
        let accepts = Self {
            json: takes(&["application/json", "application/*", "*/*"]),
            stream: takes(&[STREAM, "text/*", "*/*"]),
        };
        if accepts.json || accepts.stream {
            return Ok(accepts);
        }
        let why = "Not Acceptable: answers are application/json or text/event-stream";
        let error = ErrorData::invalid_request(why, None);
        Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, None, error))
    }
}

/// What is answered where there is no result, and the request may not even have been read.
#[derive(Debug)]
pub(super) struct Refusal(Box<Response>);

impl Refusal {
    pub(super) fn new(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Self {
        let body = value(&JsonRpcError::new(id, error));
        let mut response = document(&body);
        *response.status_mut() = status;
        Self(Box::new(response))
    }

    /// An error of the gateway: with its own status and headers, counted and logged as everywhere.
    pub(super) fn of(error: Error, id: Option<RequestId>) -> Self {
        let body = value(&JsonRpcError::new(id, methods::failed(&error)));
        let (mut parts, _) = Problem::from(error).into_response().into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        Self(Box::new(Response::from_parts(parts, body.to_string().into())))
    }

    pub(super) fn headers(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    pub(super) fn into_response(self) -> Response {
        *self.0
    }
}

/// Answers one request: at once, if it is done soon, else as a stream that no silence kills.
pub(super) async fn answer(
    peer: Peer,
    asked: Asked,
    accepts: Accepts,
    running: Arc<Running>,
) -> Response {
    let (id, lifecycle) = (asked.id.clone(), peer.lifecycle);
    let meta = asked.params.get("_meta").and_then(Value::as_object).cloned();
    let token = RequestMetaObject::from(meta.unwrap_or_default()).get_progress_token();
    let settings = peer.gateway.settings();
    let patience = settings.headers_within;
    let host = Arc::clone(peer.gateway.host());
    let pace = Pace { host, keep_alive: settings.keep_alive, token };
    let mut noted = running.begin(running::key(&peer.caller, peer.session.as_ref(), &id));
    let work = async move {
        let answered = methods::answer(&peer, asked).boxed();
        match select(answered, &mut noted.off).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    };
    let mut work = work.boxed();
    if accepts.stream && !accepts.json {
        return streamed(events(pace, id, work));
    }
    let host = Arc::clone(&pace.host);
    let done = if accepts.stream {
        let soon = select(&mut work, host.sleep(patience));
        match soon.await {
            Either::Left((done, _)) => done,
            Either::Right(_) => return streamed(events(pace, id, work)),
        }
    } else {
        work.await
    };
    match done {
        // Who calls a request off waits for no answer to it.
        None => StatusCode::ACCEPTED.into_response(),
        Some(result) => {
            let status = result.as_ref().err().map_or(StatusCode::OK, |it| status(it, lifecycle));
            whole(status, &body(id, result), accepts)
        }
    }
}

/// What an error of a method has for a status: only newer clients expect another one than 200.
fn status(error: &ErrorData, lifecycle: Lifecycle) -> StatusCode {
    match error.code {
        ErrorCode::METHOD_NOT_FOUND if lifecycle == Lifecycle::Request => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    }
}

/// How a stream passes the time.
struct Pace {
    host: Arc<dyn dormouse_core::ports::Host>,
    keep_alive: std::time::Duration,
    /// Under which name the client wants to hear how far its request is.
    token: Option<ProgressToken>,
}

fn events(
    pace: Pace,
    id: RequestId,
    mut work: BoxFuture<'static, Option<Result<Value, ErrorData>>>,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static {
    stream! {
        let began = pace.host.elapsed();
        loop {
            match select(&mut work, pace.host.sleep(pace.keep_alive)).await {
                Either::Left((None, _)) => break,
                Either::Left((Some(result), _)) => {
                    yield Ok(sse::encode_event("message", &body(id, result).to_string()));
                    break;
                }
                Either::Right(_) => {
                    let time = pace.host.elapsed().saturating_sub(began);
                    yield Ok(match &pace.token {
                        Some(token) => progress(token.clone(), time.as_secs_f64()),
                        None => Bytes::from_static(sse::KEEP_ALIVE),
                    });
                }
            }
        }
    }
}

/// Tells that a request is being worked on. How much is left, nobody knows.
fn progress(token: ProgressToken, seconds: f64) -> Bytes {
    let message = format!("running for {seconds:.0} s");
    let params = ProgressNotificationParam::new(token, seconds).with_message(message);
    let method = "notifications/progress";
    let told = json!({ "jsonrpc": "2.0", "method": method, "params": value(&params) });
    sse::encode_event("message", &told.to_string())
}

/// A result.
pub(super) fn success(id: RequestId, result: Value, accepts: Accepts) -> Response {
    whole(StatusCode::OK, &body(id, Ok(result)), accepts)
}

/// An error of a method.
pub(super) fn failure(
    status: StatusCode,
    id: RequestId,
    error: ErrorData,
    accepts: Accepts,
) -> Response {
    whole(status, &body(id, Err(error)), accepts)
}

/// The answer to one request.
pub(super) fn body(id: RequestId, result: Result<Value, ErrorData>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": JsonRpcVersion2_0, "id": id, "result": result }),
        Err(error) => value(&JsonRpcError::new(Some(id), error)),
    }
}

/// What the protocol's types are as JSON. They all are something.
pub(super) fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// A response that is here as a whole, in the form that the client takes.
pub(super) fn whole(status: StatusCode, body: &Value, accepts: Accepts) -> Response {
    let mut response = if accepts.json {
        document(body)
    } else {
        let event = sse::encode_event("message", &body.to_string());
        streamed(futures::stream::iter([Ok(event)]))
    };
    *response.status_mut() = status;
    response
}

fn document(body: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn streamed(
    events: impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
) -> Response {
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
