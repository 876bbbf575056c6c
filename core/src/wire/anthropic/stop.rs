//! Why an answer ended (`stop_reason`), both ways.

use crate::chat::FinishReason;

/// Anthropic's words that the vocabulary has none for.
const OWN: [&str; 2] = ["pause_turn", "model_context_window_exceeded"];

pub(super) fn decode(reason: &str, sequence: Option<&str>) -> FinishReason {
    match (reason, sequence) {
        ("end_turn", _) | ("stop_sequence", None) => FinishReason::Stop,
        ("stop_sequence", Some(text)) => FinishReason::StopText(text.to_owned()),
        ("max_tokens", _) => FinishReason::Length,
        ("tool_use", _) => FinishReason::ToolCalls,
        ("refusal", _) => FinishReason::ContentFilter,
        _ => FinishReason::Other(reason.to_owned()),
    }
}

/// What was said, as far as it decides why it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// A tool of the caller is called.
    pub(super) call: bool,
    /// The model refused.
    pub(super) refusal: bool,
}

/// The reason and the text that was met. Callers run tools when, and only when, they read `tool_use`, so
/// it must be there whenever a complete call is.
pub(super) fn encode(reason: &FinishReason, said: Said) -> (&str, Option<&str>) {
    match reason {
        FinishReason::Length => ("max_tokens", None),
        FinishReason::ContentFilter => ("refusal", None),
        FinishReason::Other(word) if OWN.contains(&word.as_str()) => (word, None),
        _ if said.call => ("tool_use", None),
        _ if said.refusal => ("refusal", None),
        FinishReason::StopText(text) => ("stop_sequence", Some(text)),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => ("end_turn", None),
    }
}
