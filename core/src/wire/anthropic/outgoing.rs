//! Writing a request to a provider.
//!
//! A request that came in this format is sent on as it came: only `model`, `max_tokens` and `stream` are
//! replaced where they must change, every other value keeps its bytes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::{Anthropic, thinking, tool, turn};
use crate::{
    Error, Result, agent,
    chat::{Dialect, OutputFormat, Request, ToolChoice},
    wire::{
        Call, Called, Outgoing,
        patch::{self, remove, set, to_bytes},
        unsaid::refuse_unsaid,
    },
};

/// The limit of output tokens where neither the request nor the gateway has one: the format demands a
/// number, and every model of Anthropic's takes this one.
pub const DEFAULT_MAX_TOKENS: u32 = 4096;

/// The version of the format, where the caller names none.
pub const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");

/// What takes the place of an output format that is any JSON object, for which there is no field.
const ANY_JSON: &str = "Answer with a single JSON object and nothing else.";

/// Writes `request` for a provider. Whoever changes a request beyond what [`Outgoing`] names must take
/// away its [`original`](Request::original), or the change is not sent.
///
/// Of a request in another format, hints that this one has no word for are left out: the seed, the
/// penalties, and temperatures above 1 become 1. While thinking, Anthropic takes no `temperature`,
/// `top_k` or forced tool: there the sampling is left out, or the thinking.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if several answers or log probabilities are asked
/// for, or if nothing is said; [`Code::Internal`](crate::Code::Internal) if the original is not the JSON
/// object it was when it was decoded.
pub fn encode_request(request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
    let body = match &request.original {
        Some(original) if original.dialect == Dialect::Anthropic => {
            patched(&original.body, request, outgoing)?
        }
        _ => to_bytes(&from_vocabulary(request, outgoing)?)?,
    };
    let own = request.dialect == Dialect::Anthropic;
    let mut headers = if own { request.headers.clone() } else { HeaderMap::new() };
    headers.entry(VERSION_HEADER).or_insert(VERSION);
    Ok(Call { headers, ..Call::new("messages", body) })
}

fn patched(body: &Bytes, request: &Request, outgoing: &Outgoing<'_>) -> Result<Bytes> {
    let mut fields = patch::read(body)?;
    let mut changed =
        !outgoing.model.is_empty() && set(&mut fields, "model", &outgoing.model.into())?;
    let limit = outgoing.limit(request).unwrap_or(DEFAULT_MAX_TOKENS);
    changed |= set(&mut fields, "max_tokens", &limit.into())?;
    changed |= remove(&mut fields, agent::FIELD);
    if outgoing.stream {
        changed |= set(&mut fields, "stream", &true.into())?;
    } else if fields.get("stream").is_some_and(|stream| stream.get() == "true") {
        changed |= remove(&mut fields, "stream");
    }
    if changed { to_bytes(&fields) } else { Ok(body.clone()) }
}

fn from_vocabulary(request: &Request, outgoing: &Outgoing<'_>) -> Result<Map<String, Value>> {
    check(request)?;
    let own = request.dialect == Dialect::Anthropic;
    let mut turns = turn::encode_all(&request.messages, own);
    if turns.messages.is_empty() {
        return Err(Error::invalid(
            "messages",
            "`messages` must hold a message that says something",
        ));
    }
    if request.output_format == OutputFormat::JsonObject {
        turns.system.push(serde_json::json!({ "type": "text", "text": ANY_JSON }));
    }
    let mut rest = if own { request.extensions.0.clone() } else { Map::new() };
    let limit = limit(request, outgoing);
    let mut body = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    };
    put("model", Some(outgoing.model).filter(|model| !model.is_empty()).map(Value::from));
    put("max_tokens", Some(limit.into()));
    put("system", list(turns.system));
    put("messages", Some(turns.messages.into()));
    let tools = list(request.tools.iter().filter_map(|tool| tool::encode(tool, own)).collect());
    let choice =
        tool::encode_choice(request.tool_choice.as_ref(), request.parallel_tool_calls, own);
    put("tool_choice", choice.filter(|_| tools.is_some()));
    put("tools", tools);
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    let thinking = thinking::encode(&request.reasoning, limit);
    let thinking = rest.shift_remove("thinking").or(thinking.filter(|_| own || !forced));
    let thinks = thinking.as_ref().is_some_and(|it| it.get("type") != Some(&"disabled".into()));
    put("thinking", thinking);
    let mut config = thinking::encode_config(&request.reasoning, &request.output_format);
    if let Some(Value::Object(more)) = rest.shift_remove("output_config") {
        config.extend(more);
    }
    put("output_config", Some(config).filter(|config| !config.is_empty()).map(Value::from));
    let sampling = &request.sampling;
    let freely = own || !thinks;
    put("temperature", sampling.temperature.filter(|_| freely).map(|it| it.min(1.0).into()));
    put("top_p", sampling.top_p.filter(|_| freely).map(Value::from));
    put("top_k", sampling.top_k.filter(|_| freely).map(Value::from));
    let stops = sampling.stop.iter().filter(|text| Anthropic.stops_at(text));
    put("stop_sequences", list(stops.map(|text| text.as_str().into()).collect()));
    put("metadata", metadata(request, own));
    put("stream", outgoing.stream.then(|| true.into()));
    for (field, value) in rest {
        body.entry(field).or_insert(value);
    }
    Ok(body)
}

/// Refuses what the format cannot ask for.
fn check(request: &Request) -> Result<()> {
    refuse_unsaid(request, Dialect::Anthropic, &[])?;
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid("n", "the model's provider gives one answer at a time"));
    }
    if sampling.logprobs == Some(true) {
        let why = "the model's provider does not tell log probabilities";
        return Err(Error::invalid("logprobs", why));
    }
    Ok(())
}

/// The limit to send. Where there is none, thoughts do not count against the answer.
fn limit(request: &Request, outgoing: &Outgoing<'_>) -> u32 {
    let thoughts = request.reasoning.budget_tokens.unwrap_or_default();
    outgoing.limit(request).unwrap_or_else(|| DEFAULT_MAX_TOKENS.saturating_add(thoughts))
}

fn metadata(request: &Request, own: bool) -> Option<Value> {
    let mut metadata = if own { request.metadata.clone() } else { Map::new() };
    if let Some(user) = &request.end_user {
        metadata.insert("user_id".into(), user.as_str().into());
    }
    Some(metadata).filter(|metadata| !metadata.is_empty()).map(Value::from)
}

fn list(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then(|| values.into())
}
