//! What a request says that a provider's dialect has no word for, and that would change the answer.
//!
//! It is refused, by name: a caller who asks for a grammar and gets free text was lied to. What does not
//! change the answer (who the end user is, labels, cache hints, where a provider stores things) is left
//! out without a word.

use serde_json::Value;

use crate::{
    Error, Result,
    chat::{Dialect, Request},
};

/// Fields of the served dialects, and of well-known servers, that change the answer.
const TELLING: [&str; 25] = [
    "audio",
    "container",
    "function_call",
    "functions",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "json_schema",
    "logit_bias",
    "mcp_servers",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "prompt",
    "repeat_last_n",
    "repeat_penalty",
    "repetition_penalty",
    "response_format",
    "structured_outputs",
    "typical_p",
    "web_search_options",
    "chat_template_kwargs",
];

/// The refusal of what stands at `field`.
pub(super) fn unsaid(dialect: Dialect, field: impl Into<String>) -> Error {
    let field = field.into();
    let message =
        format!("`{field}` cannot be said to a provider that speaks {}", dialect.as_str());
    Error::invalid(field, message)
}

/// Refuses the first field that changes the answer and is none of `known`, which `dialect` can say.
pub(super) fn refuse_unsaid(request: &Request, dialect: Dialect, known: &[&str]) -> Result<()> {
    if request.dialect == dialect {
        return Ok(());
    }
    let there = |field: &str| request.extensions.0.get(field).is_some_and(|it| !it.is_null());
    for field in TELLING.into_iter().filter(|field| !known.contains(field)) {
        if there(field) {
            return Err(unsaid(dialect, field));
        }
    }
    let modalities = request.extensions.0.get("modalities").and_then(Value::as_array);
    if modalities.is_some_and(|kinds| kinds.iter().any(|kind| kind != "text")) {
        return Err(unsaid(dialect, "modalities"));
    }
    if let Some(index) = request.tools.iter().position(|tool| tool.name.is_empty() || tool.custom) {
        return Err(unsaid(dialect, format!("tools[{index}]")));
    }
    Ok(())
}
