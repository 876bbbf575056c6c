//! Errors, as callers of this format expect them.

use serde_json::{Map, Value, json};

use crate::{Error, Kind};

/// Writes an error as clients of this format expect it. Where it is a provider's, the provider's own
/// `type`, `code`, `param` and further fields are kept.
pub fn error_body(error: &Error) -> Value {
    let mut object = Map::new();
    object.insert("message".into(), error.message().into());
    object.insert("type".into(), kind(error.kind()).into());
    object.insert("param".into(), error.param().into());
    object.insert("code".into(), error.code().as_str().into());
    if let Some(delay) = error.delay() {
        // Where the error comes in a stream, there is no header to say it.
        let seconds = u64::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        object.insert("retry_after".into(), seconds.into());
    }
    for (field, value) in error.details().into_iter().flatten() {
        if !value.is_null() && field != "message" {
            object.insert(field.clone(), value.clone());
        }
    }
    json!({ "error": object })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid | Kind::MethodNotAllowed | Kind::Conflict | Kind::TooLarge => {
            "invalid_request_error"
        }
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::Limited => "rate_limit_error",
        Kind::Internal | Kind::Upstream | Kind::Unavailable | Kind::Timeout => "server_error",
    }
}
