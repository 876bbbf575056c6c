//! What a rate limit says in headers, under the names that the vendors' clients know.

use dormouse_core::Error;
use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};
use serde_json::Value;

use crate::date::rfc3339;

/// OpenAI's: <https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers>.
pub(super) fn tell(headers: &mut HeaderMap, error: &Error) {
    let Some(unit) = unit(error) else { return };
    let reset = headers.get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok());
    let reset = reset.map(|seconds| format!("{seconds}s"));
    for (what, value) in
        [("limit", fact(error, "limit")), ("remaining", fact(error, "remaining")), ("reset", reset)]
    {
        insert(headers, &format!("x-ratelimit-{what}-{unit}"), value);
    }
}

/// Anthropic's: <https://docs.anthropic.com/en/api/rate-limits#response-headers>.
pub(super) fn tell_anthropic(headers: &mut HeaderMap, error: &Error) {
    let Some(unit) = unit(error) else { return };
    let reset = error.details().and_then(|facts| facts.get("resets_at")).and_then(Value::as_u64);
    for (what, value) in [
        ("limit", fact(error, "limit")),
        ("remaining", fact(error, "remaining")),
        ("reset", reset.map(rfc3339)),
    ] {
        insert(headers, &format!("anthropic-ratelimit-{unit}-{what}"), value);
    }
}

fn unit(error: &Error) -> Option<&str> {
    error.details()?.get("unit")?.as_str()
}

fn fact(error: &Error, name: &str) -> Option<String> {
    error.details()?.get(name).map(Value::to_string)
}

fn insert(headers: &mut HeaderMap, name: &str, value: Option<String>) {
    let name = HeaderName::try_from(name).ok();
    let value = value.and_then(|value| HeaderValue::try_from(value).ok());
    if let (Some(name), Some(value)) = (name, value) {
        headers.insert(name, value);
    }
}
