//! Failures in the middle of an answer, both ways.

use serde_json::{Map, Value, json};

use crate::{Code, Error, Kind, wire::failure::decode_streamed};

/// The codes that clients of this format know.
const KNOWN: [&str; 8] = [
    "server_error",
    "rate_limit_exceeded",
    "context_length_exceeded",
    "insufficient_quota",
    "usage_not_included",
    "invalid_prompt",
    "server_is_overloaded",
    "slow_down",
];

/// What servers write where a request is longer than a model can read.
const OVERFLOWS: [&str; 5] = [
    "context length",
    "context size",
    "context window",
    "exceed_context_size",
    "prompt is too long",
];

/// Writes an error as the `error` of a response that failed.
pub(super) fn encode(error: &Error) -> Value {
    let code = code(error);
    let mut message = error.message().to_owned();
    if let Some(delay) = error.delay()
        && code == "rate_limit_exceeded"
        && !message.contains("try again in")
    {
        // Codex reads the delay out of the message.
        let seconds = delay.as_millis().div_ceil(1000).max(1);
        message.push_str(&format!(" Please try again in {seconds}s."));
    }
    json!({ "code": code, "message": message })
}

fn code(error: &Error) -> &str {
    let said = |field: &str| error.details()?.get(field)?.as_str();
    if let Some(code) = said("code").filter(|code| KNOWN.contains(code)) {
        return code;
    }
    let overflows = |text: &str| {
        let text = text.to_lowercase();
        OVERFLOWS.iter().any(|words| text.contains(words))
    };
    if overflows(error.message()) || said("type").is_some_and(overflows) {
        return "context_length_exceeded";
    }
    match (error.code(), error.kind()) {
        (Code::OverBudget, _) => "insufficient_quota",
        (_, Kind::Limited) => "rate_limit_exceeded",
        (_, Kind::Invalid | Kind::TooLarge | Kind::NotFound) => "invalid_prompt",
        _ => "server_error",
    }
}

/// Reads the error of a response that failed, or of an `error` event.
pub(super) fn decode(mut object: Map<String, Value>) -> Error {
    object.shift_remove("sequence_number");
    let mut nested = match object.shift_remove("error") {
        Some(Value::Object(nested)) => nested,
        _ => object,
    };
    let text = |field: &str| nested.get(field).and_then(Value::as_str);
    let code = match text("code").or_else(|| text("type")).unwrap_or_default() {
        "rate_limit_exceeded" | "insufficient_quota" | "usage_not_included" => 429,
        "server_is_overloaded" | "slow_down" => 503,
        "context_length_exceeded" | "invalid_prompt" => 400,
        "invalid_api_key" => 401,
        code if code.contains("image") => 400,
        _ => return streamed(nested),
    };
    let said = nested.get("code").cloned();
    nested.insert("code".into(), code.into());
    let error = streamed(nested);
    match (error.details().cloned(), said) {
        (Some(mut details), Some(said)) => {
            details.insert("code".into(), said);
            error.with_details(details)
        }
        _ => error,
    }
}

fn streamed(error: Map<String, Value>) -> Error {
    let mut object = Map::new();
    object.insert("error".into(), error.into());
    decode_streamed(object)
}
