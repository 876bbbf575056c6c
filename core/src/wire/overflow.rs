//! Recognising that a request was too long for its model. Every provider says it in words of its own.

use serde_json::Value;

use crate::{Code, Error};

/// The values of `type` or `code` in the error object: llama.cpp's and OpenAI's.
const NAMES: [&str; 2] = ["exceed_context_size_error", "context_length_exceeded"];

/// Words of messages, in small letters: OpenAI and vLLM, Anthropic (whose clients parse the second and
/// third), Google, llama.cpp, Ollama, Mistral.
const WORDS: [&str; 8] = [
    "maximum context length",
    "exceed context limit",
    "prompt is too long",
    "exceeds the maximum number of tokens",
    "exceeds the available context size",
    "exceeds the context length",
    "exceeds the context window",
    "too large for model with",
];

/// Whether a provider's refusal means that the request does not fit into the model's context window.
pub fn overflows(error: &Error) -> bool {
    if !matches!(error.code(), Code::UpstreamRejected | Code::UpstreamTooLarge) {
        return false;
    }
    let named = |field: &str| {
        let value = error.details().and_then(|details| details.get(field));
        value.and_then(Value::as_str).is_some_and(|value| NAMES.contains(&value))
    };
    let message = error.message().to_lowercase();
    named("type") || named("code") || WORDS.iter().any(|words| message.contains(words))
}
