//! What a request says that a provider's dialect has no word for, and that would change the answer.
//!
//! It is refused, by name: a caller who asks for a grammar and gets free text was lied to. What does not
//! change the answer (who the end user is, labels, cache hints, where a provider stores things) is left
//! out without a word.

use serde_json::Value;

use super::{carried::OF_SERVERS, openai_responses::reference};
use crate::{
    Error, Result,
    chat::{Dialect, Part, Request},
};

/// Fields of the served dialects that change the answer, or who may read the question. Those of well-known
/// servers do, too.
const TELLING: [&str; 11] = [
    "audio",
    "container",
    "function_call",
    "functions",
    "inference_geo",
    "logit_bias",
    "mcp_servers",
    "moderation",
    "prompt",
    "response_format",
    "web_search_options",
];

/// What a response may be asked to include beside what it always does. All but the log probabilities are
/// about tools of OpenAI's own, which another provider does not have, or are there anyway.
const INCLUDED: [&str; 8] = [
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
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
    let there = |field: &str| request.extensions.0.get(field).is_some_and(|it| says(field, it));
    let telling = TELLING.into_iter().chain(OF_SERVERS);
    for field in telling.filter(|field| !known.contains(field)) {
        if there(field) {
            return Err(unsaid(dialect, field));
        }
    }
    let modalities = request.extensions.0.get("modalities").and_then(Value::as_array);
    if modalities.is_some_and(|kinds| kinds.iter().any(|kind| kind != "text")) {
        return Err(unsaid(dialect, "modalities"));
    }
    refuse_included(request, dialect)?;
    refuse_references(request)
}

/// Whether a value says anything: an empty list does not, and no bias of no token.
fn says(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => field != "logit_bias" || !object.is_empty(),
        _ => true,
    }
}

fn refuse_included(request: &Request, dialect: Dialect) -> Result<()> {
    let asked = request.extensions.0.get("include").and_then(Value::as_array);
    let known = |word: &Value| word.as_str().is_some_and(|word| INCLUDED.contains(&word));
    match asked.and_then(|asked| asked.iter().position(|word| !known(word))) {
        Some(index) => Err(unsaid(dialect, format!("include[{index}]"))),
        None => Ok(()),
    }
}

/// An item that is only named must be known to the provider: of those that the gateway keeps, the content
/// is there by now.
fn refuse_references(request: &Request) -> Result<()> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    for part in parts {
        if let Part::Other { dialect: Dialect::OpenAiResponses, value } = part
            && let Some(id) = reference(value)
        {
            let id: String = id.chars().take(256).collect();
            let message = format!("Item with id '{id}' not found.");
            return Err(Error::invalid("input", message));
        }
    }
    Ok(())
}

/// Refuses tools that `dialect` has no word for.
pub(super) fn refuse_tools(request: &Request, dialect: Dialect) -> Result<()> {
    if request.dialect == dialect {
        return Ok(());
    }
    match request.tools.iter().position(|tool| tool.name.is_empty() || tool.custom) {
        Some(index) => Err(unsaid(dialect, format!("tools[{index}]"))),
        None => Ok(()),
    }
}
