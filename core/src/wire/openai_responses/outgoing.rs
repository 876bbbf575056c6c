//! Writing a request to a provider.
//!
//! A request that came in this format is sent on as it came: only the top-level fields that must change
//! are replaced, every other value keeps its bytes.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{ENCRYPTED, LOGPROBS, format, keeping::BACKGROUND, name::Names, tool, turn};
use crate::{
    Error, Result, agent,
    chat::{Dialect, Part, Request},
    wire::{
        Outgoing, carried,
        patch::{self, remove, set, to_bytes},
        unsaid::refuse_unsaid,
    },
};

const LIMIT: &str = "max_output_tokens";
/// What llama.cpp's server calls a slot.
const SLOT: &str = "id_slot";

/// Writes `request` for a provider. Whoever changes a request beyond what [`Outgoing`] names must take
/// away its [`original`](Request::original), or the change is not sent.
///
/// A provider keeps the answer only if the caller asked for just that: the gateway keeps answers itself.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if the format cannot say what the request says,
/// [`Code::Internal`](crate::Code::Internal) if the original is not the JSON object it was when it was
/// decoded.
pub fn encode_request(request: &Request, outgoing: &Outgoing<'_>) -> Result<Bytes> {
    match &request.original {
        Some(original) if original.dialect == Dialect::OpenAiResponses => {
            patched(&original.body, request, outgoing)
        }
        _ => to_bytes(&from_vocabulary(request, outgoing)?),
    }
}

fn patched(body: &Bytes, request: &Request, outgoing: &Outgoing<'_>) -> Result<Bytes> {
    let mut fields = patch::read(body)?;
    let mut changed =
        !outgoing.model.is_empty() && set(&mut fields, "model", &outgoing.model.into())?;
    if let Some(limit) = outgoing.limit(request) {
        changed |= set(&mut fields, LIMIT, &limit.into())?;
    }
    if let Some(slot) = outgoing.slot {
        changed |= set(&mut fields, SLOT, &slot.into())?;
    }
    if fields.get("store").is_none_or(|store| store.get() == "null") {
        changed |= set(&mut fields, "store", &false.into())?;
    }
    changed |= remove(&mut fields, agent::FIELD);
    if fields.get(BACKGROUND).is_some_and(|background| background.get() == "true") {
        changed |= remove(&mut fields, BACKGROUND);
    }
    if outgoing.stream {
        changed |= set(&mut fields, "stream", &true.into())?;
    } else {
        if fields.get("stream").is_some_and(|stream| stream.get() == "true") {
            changed |= set(&mut fields, "stream", &false.into())?;
        }
        // Providers refuse options for a stream that is none.
        changed |= remove(&mut fields, "stream_options");
    }
    if changed { to_bytes(&fields) } else { Ok(body.clone()) }
}

fn from_vocabulary(request: &Request, outgoing: &Outgoing<'_>) -> Result<Map<String, Value>> {
    refuse_unsaid(request, Dialect::OpenAiResponses, &[])?;
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        let message = "the model's provider gives one answer at a time";
        return Err(Error::invalid("n", message));
    }
    let own = request.dialect == Dialect::OpenAiResponses;
    let names = Names::of(&request.tools);
    let mut rest = if own { request.extensions.0.clone() } else { carried(request) };
    rest.shift_remove(BACKGROUND);
    let mut body = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    };
    put("model", Some(outgoing.model).filter(|model| !model.is_empty()).map(Value::from));
    put("input", Some(turn::encode_all(&request.messages, &names, own)));
    let tools = tool::encode_all(&request.tools, own);
    put("tools", (!tools.is_empty()).then(|| tools.into()));
    let choice = request.tool_choice.as_ref();
    put("tool_choice", choice.map(|choice| tool::encode_choice(choice, &request.tools)));
    put("parallel_tool_calls", request.parallel_tool_calls.map(Value::from));
    put(
        "text",
        merged(rest.shift_remove("text"), "format", format::encode(&request.output_format)),
    );
    put("reasoning", reasoning(request, rest.shift_remove("reasoning")));
    put("include", include(request, rest.shift_remove("include")));
    put("temperature", sampling.temperature.map(Value::from));
    put("top_p", sampling.top_p.map(Value::from));
    put("top_logprobs", sampling.top_logprobs.map(Value::from));
    put(LIMIT, outgoing.limit(request).map(Value::from));
    put("user", request.end_user.as_deref().map(Value::from));
    put("metadata", Some(request.metadata.clone().into()).filter(|_| !request.metadata.is_empty()));
    put("store", Some(rest.shift_remove("store").unwrap_or(false.into())));
    let options = rest.shift_remove("stream_options");
    if outgoing.stream {
        put("stream", Some(true.into()));
        put("stream_options", options);
    }
    put(SLOT, outgoing.slot.map(Value::from));
    for (field, value) in rest {
        body.entry(field).or_insert(value);
    }
    Ok(body)
}

/// What a request of another dialect says in words that the provider knows.
fn carried(request: &Request) -> Map<String, Value> {
    let mut carried = carried::of_openai(request);
    if request.dialect == Dialect::OpenAiChat {
        let said = |field: &str| request.extensions.0.get(field).cloned();
        carried.extend(said("store").map(|store| ("store".to_owned(), store)));
        let verbosity =
            said("verbosity").map(|words| ("text".into(), json!({ "verbosity": words })));
        carried.extend(verbosity);
    }
    carried
}

/// An object of further fields, with one more.
fn merged(rest: Option<Value>, field: &str, value: Option<Value>) -> Option<Value> {
    let Some(value) = value else { return rest };
    let mut object = match rest {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.insert(field.to_owned(), value);
    Some(object.into())
}

/// Effort, and which summary to give. Other formats have other words for summaries; where one asks for
/// any, the provider chooses which.
fn reasoning(request: &Request, rest: Option<Value>) -> Option<Value> {
    let options = &request.reasoning;
    let effort = match (options.effort.as_deref(), options.enabled) {
        (None, Some(false)) => Some("none"),
        (effort, _) => effort,
    };
    let summary = match options.summary.as_deref() {
        Some(word @ ("auto" | "concise" | "detailed")) => Some(word),
        Some("summarized") => Some("auto"),
        _ => None,
    };
    let rest = merged(rest, "effort", effort.map(Value::from));
    merged(rest, "summary", summary.map(Value::from))
}

/// The provider keeps nothing, so a model that thinks must give its thoughts away, encrypted. Models that
/// do not think refuse to be asked for them.
fn include(request: &Request, asked: Option<Value>) -> Option<Value> {
    let mut list = match asked {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let options = &request.reasoning;
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let signed = |part: &Part| matches!(part, Part::Reasoning { signature: Some(it), .. } if it.dialect == Dialect::OpenAiResponses);
    let thinks =
        options.enabled.unwrap_or(options.effort.is_some()) || parts.into_iter().any(signed);
    for (wanted, word) in [(thinks, ENCRYPTED), (request.sampling.logprobs == Some(true), LOGPROBS)]
    {
        if wanted && !list.iter().any(|it| it == word) {
            list.push(json!(word));
        }
    }
    (!list.is_empty()).then(|| list.into())
}
