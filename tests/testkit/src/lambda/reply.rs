//! What the function answered, as the integration sends it to the HTTP client.

use std::pin::Pin;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{EventKind, fleet::Failure, instance::Answer};

/// Separates the prelude of a streamed answer from its payload.
const SEPARATOR: [u8; 8] = [0; 8];

/// Enough for any prelude; Lambda documents no limit.
const PRELUDE_LIMIT: usize = 1024 * 1024;

/// Status, headers and cookies at the head of a streamed answer.
#[derive(Debug)]
pub(super) struct Prelude {
    status: StatusCode,
    headers: HeaderMap,
}

/// Finds the end of the prelude in a payload that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct PreludeReader(BytesMut);

impl PreludeReader {
    /// Takes a piece; returns the prelude once it is whole, and what followed it in the piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Option<(Prelude, Bytes)>, Failure> {
        let wrong = |why: String| Failure::new("Runtime.InvalidPrelude", why);
        self.0.extend_from_slice(piece);
        let end = self.0.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        let Some(end) = end else {
            let too_long = self.0.len() > PRELUDE_LIMIT;
            return if too_long { Err(wrong("no end in sight".into())) } else { Ok(None) };
        };
        let head = self.0.split_to(end);
        let rest = self.0.split_off(SEPARATOR.len()).freeze();
        let json = serde_json::from_slice(&head).map_err(|error| wrong(error.to_string()))?;
        let (status, mut headers) = head_of(&json).ok_or_else(|| wrong(json.to_string()))?;
        add(&mut headers, json.get("headers"));
        add_cookies(&mut headers, &json);
        Ok(Some((Prelude { status, headers }, rest)))
    }
}

/// A payload on its way in: its pieces, and the failure that its trailers or its end reveal.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

/// The frames of a request body.
pub(super) fn frames(body: Body) -> Frames {
    let frames = http_body_util::BodyStream::new(body);
    Box::pin(frames.filter_map(async |frame| match frame {
        Ok(frame) => match frame.into_data() {
            Ok(data) => Some(Ok(data)),
            Err(frame) => trailing_failure(frame.trailers_ref()?).map(Err),
        },
        Err(error) => Some(Err(Failure::new("Runtime.TruncatedResponse", error.to_string()))),
    }))
}

/// A function that fails in mid-stream says so in trailers, the body of the error in base64.
fn trailing_failure(trailers: &HeaderMap) -> Option<Failure> {
    let text = |name: &str| Some(trailers.get(name)?.to_str().ok()?.to_owned());
    let kind = text("lambda-runtime-function-error-type")?;
    let body = text("lambda-runtime-function-error-body").unwrap_or_default();
    let body = BASE64_STANDARD.decode(&body).unwrap_or_else(|_| body.into_bytes());
    Some(super::instance::reported(&kind, &body))
}

/// The HTTP response for an answer.
pub(super) fn of(kind: EventKind, answer: Answer) -> Response {
    match (kind, answer) {
        (_, Answer::Failed) => broken(kind),
        (EventKind::FunctionUrl, Answer::Streamed { prelude: Some(prelude), pieces }) => {
            let pieces = stream::unfold(pieces, async |mut pieces| {
                let piece = pieces.recv().await?;
                Some((piece, pieces))
            });
            respond(prelude.status, prelude.headers, Body::from_stream(pieces))
        }
        // Without a prelude a function URL takes the payload as it is, whatever it says inside.
        (EventKind::FunctionUrl, Answer::Whole(payload)) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], payload).into_response()
        }
        (_, Answer::Streamed { .. }) => broken(kind),
        (_, Answer::Whole(payload)) => whole(kind, &payload).unwrap_or_else(|| broken(kind)),
    }
}

fn whole(kind: EventKind, payload: &Bytes) -> Option<Response> {
    let json: Value = serde_json::from_slice(payload).ok()?;
    if kind == EventKind::HttpApiV2 && json.get("statusCode").is_none() {
        // Format 2.0 takes any other JSON as the body of a 200.
        let headers = [(header::CONTENT_TYPE, "application/json")];
        return Some((headers, payload.clone()).into_response());
    }
    let (status, mut headers) = head_of(&json)?;
    match kind {
        EventKind::FunctionUrl | EventKind::HttpApiV2 => {
            add(&mut headers, json.get("headers"));
            add_cookies(&mut headers, &json);
        }
        EventKind::RestV1 => {
            add(&mut headers, json.get("headers"));
            add(&mut headers, json.get("multiValueHeaders"));
        }
        EventKind::Alb => add(&mut headers, json.get("multiValueHeaders")),
    }
    let body = json.get("body").and_then(Value::as_str).unwrap_or_default();
    let is_base64 = json.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or_default();
    let body = if is_base64 { BASE64_STANDARD.decode(body).ok()? } else { body.into() };
    Some(respond(status, headers, Body::from(body)))
}

fn head_of(json: &Value) -> Option<(StatusCode, HeaderMap)> {
    let status = u16::try_from(json.get("statusCode")?.as_u64()?).ok()?;
    Some((StatusCode::from_u16(status).ok()?, HeaderMap::new()))
}

/// Adds headers given as `{name: value}` or `{name: [value, …]}`; what is no header is left out.
fn add(headers: &mut HeaderMap, json: Option<&Value>) {
    for (name, value) in json.and_then(Value::as_object).into_iter().flatten() {
        let Ok(name) = HeaderName::try_from(name) else { continue };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.append(&name, value);
            }
        }
    }
}

fn add_cookies(headers: &mut HeaderMap, json: &Value) {
    for cookie in json.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        if let Some(cookie) = cookie.as_str().and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

fn respond(status: StatusCode, mut headers: HeaderMap, body: Body) -> Response {
    // The front frames the body itself.
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        headers.remove(name);
    }
    (status, headers, body).into_response()
}

/// What clients see of a function that failed or answered nonsense.
fn broken(kind: EventKind) -> Response {
    match kind {
        EventKind::FunctionUrl => {
            message(StatusCode::BAD_GATEWAY, r#"{"Message":"Internal Server Error"}"#)
        }
        EventKind::HttpApiV2 => {
            message(StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":"Internal Server Error"}"#)
        }
        EventKind::RestV1 => {
            message(StatusCode::BAD_GATEWAY, r#"{"message": "Internal server error"}"#)
        }
        EventKind::Alb => page(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
    }
}

/// The answer to a request that is too large for an event.
pub(super) fn too_large(kind: EventKind) -> Response {
    match kind {
        EventKind::Alb => page(StatusCode::PAYLOAD_TOO_LARGE, "413 Request Entity Too Large"),
        EventKind::FunctionUrl | EventKind::HttpApiV2 | EventKind::RestV1 => {
            message(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Entity Too Large"}"#)
        }
    }
}

/// A REST API's answer to a URL outside its stages.
pub(super) fn no_stage() -> Response {
    message(StatusCode::FORBIDDEN, r#"{"message":"Missing Authentication Token"}"#)
}

fn message(status: StatusCode, json: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

fn page(status: StatusCode, title: &str) -> Response {
    let html =
        format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
    (status, [(header::CONTENT_TYPE, "text/html")], html).into_response()
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    fn response(kind: EventKind, payload: &str) -> (StatusCode, HeaderMap, Bytes) {
        let response = of(kind, Answer::Whole(payload.to_owned().into()));
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, block_on(body.collect()).unwrap().to_bytes())
    }

    #[test]
    fn a_prelude_is_found_wherever_the_network_cuts() {
        let payload =
            b"{\"statusCode\":201,\"headers\":{\"x-a\":[\"1\",\"2\"]},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0tail";
        for cut in 0..payload.len() {
            let (one, two) = payload.split_at(cut);
            let mut reader = PreludeReader::default();
            let (early, mut tail) = match reader.push(one).unwrap() {
                Some((prelude, tail)) => (Some(prelude), tail.to_vec()),
                None => (None, Vec::new()),
            };
            let prelude = if let Some(prelude) = early {
                tail.extend_from_slice(two);
                prelude
            } else {
                let (prelude, rest) = reader.push(two).unwrap().expect("the rest of the prelude");
                tail.extend_from_slice(&rest);
                prelude
            };
            assert_eq!(prelude.status, StatusCode::CREATED);
            assert_eq!(prelude.headers.get_all("x-a").iter().count(), 2);
            assert_eq!(prelude.headers["set-cookie"], "c=1");
            assert_eq!(tail, b"tail", "cut at {cut}");
        }
    }

    #[test]
    fn each_integration_reads_its_own_fields() {
        let payload = json!({
            "statusCode": 404, "headers": {"x-a": "1"}, "multiValueHeaders": {"x-b": ["2", "3"]},
            "cookies": ["c=4"], "body": "aGk=", "isBase64Encoded": true,
        })
        .to_string();
        let seen = |kind| {
            let (status, headers, body) = response(kind, &payload);
            assert_eq!((status, &*body), (StatusCode::NOT_FOUND, &b"hi"[..]));
            ["x-a", "x-b", "set-cookie"].map(|name| headers.get_all(name).iter().count())
        };
        assert_eq!(seen(EventKind::HttpApiV2), [1, 0, 1]);
        assert_eq!(seen(EventKind::RestV1), [1, 2, 0]);
        assert_eq!(seen(EventKind::Alb), [0, 2, 0]);
    }

    #[test]
    fn what_is_no_proxy_response_is_an_error_of_the_integration() {
        let status = |kind, payload| response(kind, payload).0;
        assert_eq!(status(EventKind::HttpApiV2, "{\"any\": \"json\"}"), StatusCode::OK);
        assert_eq!(status(EventKind::HttpApiV2, "no json"), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status(EventKind::RestV1, "{\"any\": \"json\"}"), StatusCode::BAD_GATEWAY);
        assert_eq!(status(EventKind::Alb, "no json"), StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn an_error_in_the_trailers_ends_the_stream() {
        let trailers = HeaderMap::from_iter([
            (
                HeaderName::from_static("lambda-runtime-function-error-type"),
                HeaderValue::from_static("Runtime.StreamError"),
            ),
            (
                HeaderName::from_static("lambda-runtime-function-error-body"),
                // {"errorMessage":"lost"}
                HeaderValue::from_static("eyJlcnJvck1lc3NhZ2UiOiJsb3N0In0="),
            ),
        ]);
        let body = http_body_util::Full::new(Bytes::from_static(b"half"));
        let body = Body::new(body.with_trailers(async move { Some(Ok(trailers)) }));
        let frames: Vec<_> = block_on(frames(body).collect());
        let failure = Failure::new("Runtime.StreamError", "lost");
        assert_eq!(frames, [Ok(Bytes::from_static(b"half")), Err(failure)]);
    }
}
