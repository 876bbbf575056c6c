//! What a provider says when it fails: OpenAI's error objects, Anthropic's, and what frameworks send.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Code, Error};

/// How long to wait where a provider asks for patience without saying how much.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// The most that is quoted of an error that is not JSON, in characters.
const MAX_EXCERPT: usize = 300;

/// Reads a provider's answer with an error status. The provider's message is kept word for word, its
/// whole error object becomes the details: clients parse both.
///
/// What it says about the gateway's own credential (401) is kept back: such messages quote keys.
pub fn decode_error(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
    let code = match status {
        400 | 422 => Code::UpstreamRejected,
        401 | 403 => Code::UpstreamCredential,
        404 => Code::UpstreamNotFound,
        408 | 504 => Code::UpstreamTimeout,
        413 => Code::UpstreamTooLarge,
        429 => Code::UpstreamRateLimited,
        503 | 529 => Code::UpstreamUnavailable,
        _ => Code::UpstreamFailed,
    };
    let error = if status == 401 {
        refused_credential()
    } else {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => from_object(code, object),
            // Google wraps the object into an array.
            Ok(Value::Array(array)) => match array.into_iter().next() {
                Some(Value::Object(object)) => from_object(code, object),
                _ => unexplained(code, status, body),
            },
            _ => unexplained(code, status, body),
        }
    };
    patient(error, retry_after)
}

/// Reads the error that a provider sends in the middle of a stream.
pub(in crate::wire) fn decode_streamed(object: Map<String, Value>) -> Error {
    let error = object.get("error").unwrap_or(&Value::Null);
    let status = error.get("code").or_else(|| error.get("status")).and_then(Value::as_u64);
    let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
    let code = match (status, kind) {
        (Some(400 | 422), _) | (_, "invalid_request_error" | "exceed_context_size_error") => {
            Code::UpstreamRejected
        }
        (Some(401), _) | (_, "authentication_error") => Code::UpstreamCredential,
        (Some(404), _) | (_, "not_found_error") => Code::UpstreamNotFound,
        (Some(413), _) | (_, "request_too_large") => Code::UpstreamTooLarge,
        (Some(429), _) | (_, "rate_limit_error") => Code::UpstreamRateLimited,
        (Some(503 | 529), _) | (_, "overloaded_error" | "unavailable_error") => {
            Code::UpstreamUnavailable
        }
        (Some(408 | 504), _) | (_, "timeout_error") => Code::UpstreamTimeout,
        _ => Code::UpstreamFailed,
    };
    let error = match code {
        Code::UpstreamCredential => refused_credential(),
        _ => from_object(code, object),
    };
    patient(error, None)
}

pub(super) fn refused_credential() -> Error {
    Error::new(Code::UpstreamCredential, "the provider refused the gateway's credential")
}

/// Says how long to wait, where the provider does or asks for patience.
pub(super) fn patient(error: Error, retry_after: Option<Duration>) -> Error {
    match (error.code(), retry_after) {
        (_, Some(delay)) => error.retry_after(delay),
        (Code::UpstreamRateLimited | Code::UpstreamUnavailable, None) => {
            error.retry_after(DEFAULT_RETRY)
        }
        _ => error,
    }
}

/// `{"error": {…}}`, `{"error": "…"}`, and what frameworks send: `{"message": …}`, `{"detail": …}`.
fn from_object(code: Code, mut object: Map<String, Value>) -> Error {
    let details = match object.shift_remove("error") {
        Some(Value::Object(error)) => error,
        Some(Value::String(message)) => {
            object.insert("message".into(), message.into());
            object
        }
        Some(Value::Null) | None => object,
        Some(other) => {
            object.insert("message".into(), other.to_string().into());
            object
        }
    };
    let message = ["message", "detail"].into_iter().find_map(|field| details.get(field));
    let message = match message {
        Some(Value::String(message)) => message.clone(),
        Some(other) => other.to_string(),
        None => "the provider failed without saying why".to_owned(),
    };
    let param = details.get("param").and_then(Value::as_str).map(str::to_owned);
    let error = Error::new(code, message).with_details(details);
    match param {
        Some(param) => error.at(param),
        None => error,
    }
}

fn unexplained(code: Code, status: u16, body: &[u8]) -> Error {
    let text = String::from_utf8_lossy(body.get(..MAX_EXCERPT * 4).unwrap_or(body));
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let excerpt: String = words.chars().take(MAX_EXCERPT).collect();
    if excerpt.is_empty() {
        Error::new(code, format!("the provider answered with status {status}"))
    } else {
        Error::new(code, format!("the provider answered with status {status}: {excerpt}"))
    }
}
