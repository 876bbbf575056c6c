//! The Runtime API of one instance.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    PAYLOAD_LIMIT,
    fleet::{Failure, Fleet},
    instance::{Answer, Instance, Running, reported},
    reply::{self, Prelude, PreludeReader},
    socket::Prompt,
};

/// Content type of a streamed payload that begins with a prelude.
const HTTP_INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

#[derive(Clone)]
struct Api {
    instance: Arc<Instance>,
    fleet: Arc<Fleet>,
}

/// Serves until dropped.
pub(super) async fn serve(listener: Prompt, instance: Arc<Instance>, fleet: Arc<Fleet>) {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error))
        .with_state(Api { instance, fleet: Arc::clone(&fleet) });
    let router = Router::new().nest("/2018-06-01/runtime", runtime);
    if let Err(error) = axum::serve(listener, router).await {
        fleet.report(Failure::new("Emulator.RuntimeApi", error.to_string()));
    }
}

async fn next(State(api): State<Api>) -> Response {
    let (id, event) = api.instance.next().await;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline(api.fleet.time()).to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:dormouse".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

fn deadline(time: Duration) -> u128 {
    let end = std::time::SystemTime::now() + time;
    end.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

async fn response(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Response {
    let Some(running) = api.instance.finish(&id) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
    };
    let (parts, body) = request.into_parts();
    if is(&parts.headers, "lambda-runtime-function-response-mode", "streaming") {
        let prelude = is(&parts.headers, "content-type", HTTP_INTEGRATION);
        // In a task of its own, so that a function that dies in mid-stream is seen to break off:
        // this handler is dropped with the connection.
        let outcome = tokio::spawn(async move {
            let outcome = stream(running, body, prelude).await;
            outcome.inspect_err(|failure| api.fleet.report(failure.clone()))
        });
        return match outcome.await {
            Ok(Ok(())) => accepted(),
            Ok(Err(_)) | Err(_) => {
                refused(StatusCode::BAD_REQUEST, "InvalidRequest", "the answer was broken off")
            }
        };
    }
    match to_bytes(body, PAYLOAD_LIMIT).await {
        Ok(payload) => {
            // A client that has gone away does not concern the function.
            let _ = running.answer.send(Answer::Whole(payload));
            accepted()
        }
        Err(error) => {
            let message = format!("payload above {PAYLOAD_LIMIT} bytes, or broken off: {error}");
            let failure = Failure::new("Function.ResponseSizeTooLarge", message);
            api.fleet.report(failure);
            running.fail();
            refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "Exceeded maximum size")
        }
    }
}

/// Passes a payload on as it arrives. The lease ends with the payload: like Lambda, the instance
/// gets no other event before, even if nobody reads this one.
async fn stream(running: Running, body: Body, announced: bool) -> Result<(), Failure> {
    let Running { answer, lease: _lease } = running;
    let mut frames = reply::frames(body);
    let mut first = Bytes::new();
    let prelude = if announced {
        match head(&mut frames).await {
            Ok((prelude, rest)) => {
                first = rest;
                Some(prelude)
            }
            Err(failure) => {
                let _ = answer.send(Answer::Failed);
                return Err(failure);
            }
        }
    } else {
        None
    };
    let (pieces, receiver) = mpsc::channel(64);
    // Send errors below mean that the client has gone away: the function is still heard out.
    let _ = answer.send(Answer::Streamed { prelude, pieces: receiver });
    if !first.is_empty() {
        let _ = pieces.send(Ok(first)).await;
    }
    while let Some(frame) = frames.next().await {
        match frame {
            Ok(piece) => {
                let _ = pieces.send(Ok(piece)).await;
            }
            Err(failure) => {
                let _ = pieces.send(Err(io::Error::other(failure.message.clone()))).await;
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// Reads up to the end of the prelude; also returns what came with it of the payload.
async fn head(frames: &mut reply::Frames) -> Result<(Prelude, Bytes), Failure> {
    let mut reader = PreludeReader::default();
    while let Some(piece) = frames.next().await {
        if let Some(done) = reader.push(&piece?)? {
            return Ok(done);
        }
    }
    Err(Failure::new("Runtime.TruncatedResponse", "the payload ended before its prelude"))
}

async fn error(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(running) = api.instance.finish(&id) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
    };
    api.fleet.report(reported(&error_type(&headers), &body));
    running.fail();
    accepted()
}

async fn init_error(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Response {
    api.fleet.report(reported(&error_type(&headers), &body));
    api.instance.die();
    accepted()
}

fn error_type(headers: &HeaderMap) -> String {
    let kind = headers.get("lambda-runtime-function-error-type");
    kind.and_then(|kind| kind.to_str().ok()).unwrap_or("unhandled").to_owned()
}

fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({"errorType": kind, "errorMessage": message}))).into_response()
}
