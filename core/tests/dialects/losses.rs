//! What a dialect has no word for: everything that is not the same behind the gateway as before it. This
//! list may only shrink, and a loss that no case shows is an error.

use std::collections::BTreeSet;

use dormouse_core::chat::Dialect::{self, Anthropic, Gemini, Ollama, OpenAiChat, OpenAiResponses};
use serde_json::Value;

/// Something that a dialect cannot say.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Loss {
    dialect: Dialect,
    /// Where in the meaning: a JSON pointer, in which `*` is any part.
    at: &'static str,
    /// What should be there; `None` is whatever is.
    said: Option<&'static str>,
    /// What is there instead, in JSON.
    heard: &'static str,
    why: &'static str,
}

const fn loss(
    (dialect, at): (Dialect, &'static str),
    said: Option<&'static str>,
    heard: &'static str,
    why: &'static str,
) -> Loss {
    Loss { dialect, at, said, heard, why }
}

const REFUSAL: &str =
    "A model's refusal is a text here; that the answer ended as refused tells it.";
const STOP_TEXT: &str = "That a stop text was met looks like any end.";

pub(crate) const LOSSES: [Loss; 10] = [
    loss((Anthropic, "/parts/*/type"), Some("refusal"), r#""text""#, REFUSAL),
    loss((Gemini, "/parts/*/type"), Some("refusal"), r#""text""#, REFUSAL),
    loss(
        (Ollama, "/parts/*/type"),
        Some("refusal"),
        r#""text""#,
        "Models that refuse do so in their text.",
    ),
    loss((Ollama, "/finish"), Some("content_filter"), r#""stop""#, "There are no filters."),
    loss((Ollama, "/usage/cached_input"), None, "0", "What was cached is not counted apart."),
    loss((Ollama, "/usage/reasoning"), None, "0", "Thoughts are not counted apart."),
    loss((OpenAiChat, "/finish"), Some("stop_text"), r#""stop""#, STOP_TEXT),
    loss((OpenAiResponses, "/finish"), Some("stop_text"), r#""stop""#, STOP_TEXT),
    loss((Gemini, "/finish"), Some("stop_text"), r#""stop""#, STOP_TEXT),
    loss((Ollama, "/finish"), Some("stop_text"), r#""stop""#, STOP_TEXT),
];

/// What is left of `meant` in `dialect`. Which losses that were is noted in `seen`.
pub(crate) fn left(
    mut meant: Value,
    dialect: Dialect,
    seen: &mut BTreeSet<&'static Loss>,
) -> Value {
    for loss in LOSSES.iter().filter(|loss| loss.dialect == dialect) {
        let parts = meant["parts"].as_array().map_or(0, Vec::len);
        let places = (0..parts.max(1)).map(|part| loss.at.replace('*', &part.to_string()));
        for place in places {
            let heard: Value = serde_json::from_str(loss.heard).unwrap();
            if let Some(there) = meant.pointer_mut(&place)
                && loss.said.is_none_or(|said| there == said)
                && *there != heard
            {
                *there = heard;
                seen.insert(loss);
            }
        }
    }
    meant
}
