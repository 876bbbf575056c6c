//! Errors, as callers of this format expect them.

use serde_json::{Map, Value, json};

use crate::{Error, Kind};

/// Every type of error that Anthropic publishes. A provider's own is kept if it is one of these.
const TYPES: [&str; 10] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
    "timeout_error",
];

/// Writes an error as clients of this format expect it. `correlation_id` becomes its `request_id`.
///
/// Where it is a provider's, its message is word for word the provider's, for clients parse it, and its
/// further fields are kept. The gateway's own put the code, the field at fault and the other facts into
/// `details`.
pub fn error_body(error: &Error, correlation_id: &str) -> Value {
    let mut object = Map::new();
    object.insert("type".into(), kind(error.kind()).into());
    object.insert("message".into(), error.message().into());
    let mut details = Map::new();
    details.insert("code".into(), error.code().as_str().into());
    if let Some(param) = error.param() {
        details.insert("param".into(), param.into());
    }
    if let Some(delay) = error.delay() {
        // Where the error comes in a stream, there is no header to say it.
        let seconds = u64::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        details.insert("retry_after".into(), seconds.into());
    }
    let theirs = error.code().as_str().starts_with("upstream_");
    for (field, value) in error.details().into_iter().flatten() {
        match (field.as_str(), value) {
            (_, Value::Null) | ("message", _) => {}
            ("type", Value::String(kind)) if theirs && TYPES.contains(&kind.as_str()) => {
                object.insert("type".into(), kind.as_str().into());
            }
            ("details", Value::Object(more)) if theirs => details.extend(more.clone()),
            _ => {
                details.insert(field.clone(), value.clone());
            }
        }
    }
    object.insert("details".into(), details.into());
    json!({ "type": "error", "error": object, "request_id": correlation_id })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid | Kind::MethodNotAllowed | Kind::Conflict => "invalid_request_error",
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::TooLarge => "request_too_large",
        Kind::Limited => "rate_limit_error",
        Kind::Unavailable => "overloaded_error",
        Kind::Timeout => "timeout_error",
        Kind::Internal | Kind::Upstream => "api_error",
    }
}
