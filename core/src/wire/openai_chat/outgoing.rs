//! Writing a request to a provider.
//!
//! A request that came in this format is sent on as it came: only the top-level fields that must change
//! are replaced, every other value keeps its bytes. So nothing that the gateway does not know is lost,
//! and a provider's prompt cache sees the same prefix every time.

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

use super::{PROGRESS, format, tool, turn};
use crate::{
    Result, agent,
    chat::{Dialect, Request},
    wire::{
        Outgoing,
        carried::{self, OF_SERVERS},
        patch::{self, Fields, raw, remove, set, to_bytes},
        unsaid::refuse_unsaid,
    },
};

/// Every name under which a request may limit its output. All but one are removed where a limit is set,
/// so that none can contradict it.
const LIMITS: [&str; 3] = ["max_tokens", "max_completion_tokens", "n_predict"];

/// What llama.cpp's server calls a slot.
const SLOT: &str = "id_slot";

const STREAM_OPTIONS: &str = "stream_options";

/// Writes `request` for a provider. Whoever changes a request beyond what [`Outgoing`] names must take
/// away its [`original`](Request::original), or the change is not sent.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if the format cannot say what the request says,
/// [`Code::Internal`](crate::Code::Internal) if the original is not the JSON object it was when it was
/// decoded.
pub fn encode_request(request: &Request, outgoing: &Outgoing<'_>) -> Result<Bytes> {
    match &request.original {
        Some(original) if original.dialect == Dialect::OpenAiChat => {
            patched(&original.body, request, outgoing)
        }
        _ => {
            refuse_unsaid(request, Dialect::OpenAiChat, &OF_SERVERS)?;
            to_bytes(&from_vocabulary(request, outgoing))
        }
    }
}

/// Changes only what must change of a request's own bytes.
pub(in crate::wire) fn patched(
    body: &Bytes,
    request: &Request,
    outgoing: &Outgoing<'_>,
) -> Result<Bytes> {
    let mut fields = patch::read(body)?;
    let mut changed =
        !outgoing.model.is_empty() && set(&mut fields, "model", &outgoing.model.into())?;
    if let Some(limit) = outgoing.limit(request) {
        let field = outgoing.max_tokens_field.as_str();
        changed |= set(&mut fields, field, &limit.into())?;
        for other in LIMITS.into_iter().filter(|other| *other != field) {
            changed |= remove(&mut fields, other);
        }
    }
    if let Some(slot) = outgoing.slot {
        changed |= set(&mut fields, SLOT, &slot.into())?;
    }
    changed |= remove(&mut fields, agent::FIELD);
    if outgoing.stream {
        changed |= set(&mut fields, "stream", &true.into())?;
        if asks_progress(outgoing) && fields.get(PROGRESS).is_none() {
            changed |= set(&mut fields, PROGRESS, &true.into())?;
        }
        if let Some(options) = with_usage(fields.get(STREAM_OPTIONS))? {
            fields.insert(STREAM_OPTIONS, options);
            changed = true;
        }
    } else {
        if fields.get("stream").is_some_and(|stream| stream.get() == "true") {
            changed |= set(&mut fields, "stream", &false.into())?;
        }
        // Providers refuse options for a stream that is none.
        changed |= remove(&mut fields, STREAM_OPTIONS);
    }
    if changed { to_bytes(&fields) } else { Ok(body.clone()) }
}

/// The options of a stream, with usage; `None` if they ask for it already.
fn with_usage(options: Option<&RawValue>) -> Result<Option<Box<RawValue>>> {
    let options = options.map(|raw| serde_json::from_str(raw.get()));
    let mut options: Fields<'_> =
        options.transpose().map_err(patch::broken)?.flatten().unwrap_or_default();
    let changed = set(&mut options, "include_usage", &true.into())?;
    changed.then(|| raw(&options)).transpose()
}

/// Only llama.cpp's server has numbered slots, and it alone is known to understand the question.
fn asks_progress(outgoing: &Outgoing<'_>) -> bool {
    outgoing.stream && outgoing.slot.is_some()
}

/// Writes all of a request anew.
pub(in crate::wire) fn from_vocabulary(
    request: &Request,
    outgoing: &Outgoing<'_>,
) -> Map<String, Value> {
    let own = request.dialect == Dialect::OpenAiChat;
    let mut body = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    };
    put("model", Some(outgoing.model).filter(|model| !model.is_empty()).map(Value::from));
    put("messages", Some(turn::encode_all(&request.messages, own)));
    put("tools", list(request.tools.iter().filter_map(|tool| tool::encode(tool, own))));
    put("tool_choice", request.tool_choice.as_ref().map(tool::encode_choice));
    put("parallel_tool_calls", request.parallel_tool_calls.map(Value::from));
    put("response_format", format::encode(&request.output_format));
    let sampling = &request.sampling;
    put("temperature", sampling.temperature.map(Value::from));
    put("top_p", sampling.top_p.map(Value::from));
    put("top_k", sampling.top_k.map(Value::from));
    put("presence_penalty", sampling.presence_penalty.map(Value::from));
    put("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    put("seed", sampling.seed.map(Value::from));
    put("stop", list(sampling.stop.iter().map(|text| text.as_str().into())));
    put("n", sampling.n.map(Value::from));
    put("logprobs", sampling.logprobs.map(Value::from));
    put("top_logprobs", sampling.top_logprobs.map(Value::from));
    put(outgoing.max_tokens_field.as_str(), outgoing.limit(request).map(Value::from));
    put("reasoning_effort", request.reasoning.effort.as_deref().map(Value::from));
    put("user", request.end_user.as_deref().map(Value::from));
    put("metadata", Some(request.metadata.clone().into()).filter(|_| !request.metadata.is_empty()));
    let mut rest = if own { request.extensions.0.clone() } else { carried(request, outgoing) };
    let options = rest.shift_remove(STREAM_OPTIONS);
    if outgoing.stream {
        put("stream", Some(true.into()));
        let mut options = match options {
            Some(Value::Object(options)) => options,
            _ => Map::new(),
        };
        options.insert("include_usage".into(), true.into());
        put(STREAM_OPTIONS, Some(options.into()));
    }
    if let Some(slot) = outgoing.slot {
        body.insert(SLOT.into(), slot.into());
    }
    if asks_progress(outgoing) {
        rest.entry(PROGRESS).or_insert(true.into());
    }
    for (field, value) in rest {
        body.entry(field).or_insert(value);
    }
    body
}

/// What a request of another dialect says in words that the provider knows.
fn carried(request: &Request, outgoing: &Outgoing<'_>) -> Map<String, Value> {
    let mut carried = carried::of_servers(request);
    if outgoing.openai {
        carried.extend(carried::of_openai(request));
        let text = request.extensions.0.get("text").and_then(Value::as_object);
        carried.extend(
            text.and_then(|text| Some(("verbosity".into(), text.get("verbosity")?.clone()))),
        );
    }
    carried
}

fn list(values: impl Iterator<Item = Value>) -> Option<Value> {
    let values: Vec<Value> = values.collect();
    (!values.is_empty()).then(|| values.into())
}
