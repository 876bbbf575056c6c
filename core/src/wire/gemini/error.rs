//! Errors: `{"error": {"code", "message", "status", "details"}}`, Google's `rpc.Status`
//! (<https://cloud.google.com/apis/design/errors>).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Code, Error, wire::failure};

/// Reads an answer with an error status. What is no `rpc.Status`, a proxy wrote.
pub(super) fn decode(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
    let object = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Some(object),
        // Without `alt=sse`, streams are arrays, and so are their errors.
        Ok(Value::Array(array)) => match array.into_iter().next() {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        },
        _ => None,
    };
    let error = object.and_then(|mut object| match object.shift_remove("error") {
        Some(Value::Object(error)) if error.contains_key("status") => Some(error),
        _ => None,
    });
    match error {
        Some(error) => from_status(error, retry_after),
        None => failure::decode_error(status, retry_after, body),
    }
}

/// Reads the error object itself, as it also comes in the middle of a stream.
pub(super) fn from_status(mut error: Map<String, Value>, retry_after: Option<Duration>) -> Error {
    let details = error.get("details").and_then(Value::as_array).cloned().unwrap_or_default();
    let delay = retry_after.or_else(|| details.iter().find_map(retry_delay));
    let code = code(&error, &details);
    // What is said about a wrong key may quote it. What a key may not do is worth knowing.
    if code == Code::UpstreamCredential && error.get("status") != Some(&"PERMISSION_DENIED".into())
    {
        return failure::refused_credential();
    }
    let message = match error.shift_remove("message") {
        Some(Value::String(message)) => message,
        _ => "the provider failed without saying why".to_owned(),
    };
    // A number, which clients of other dialects do not expect of a code; the status says the same.
    error.shift_remove("code");
    failure::patient(Error::new(code, message).with_details(error), delay)
}

/// A wrong key is answered 400 `INVALID_ARGUMENT`, with the reason in the details.
fn code(error: &Map<String, Value>, details: &[Value]) -> Code {
    let is = |reason: &str| details.iter().any(|it| it.get("reason") == Some(&reason.into()));
    if is("API_KEY_INVALID") || is("API_KEY_EXPIRED") {
        return Code::UpstreamCredential;
    }
    match error.get("status").and_then(Value::as_str).unwrap_or_default() {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => Code::UpstreamRejected,
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => Code::UpstreamCredential,
        "NOT_FOUND" => Code::UpstreamNotFound,
        "RESOURCE_EXHAUSTED" => Code::UpstreamRateLimited,
        "UNAVAILABLE" => Code::UpstreamUnavailable,
        "DEADLINE_EXCEEDED" => Code::UpstreamTimeout,
        _ => Code::UpstreamFailed,
    }
}

/// `google.rpc.RetryInfo`: a duration in seconds, as `34.5s`.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let text = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?;
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
