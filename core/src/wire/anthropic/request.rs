//! Reading a caller's request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{message, thinking, tool};
use crate::{
    Error, Result,
    agent::Options,
    chat::{Dialect, Extensions, Original, Request, Sampling, StreamOptions},
    wire::fields,
};

/// The most texts that may end an answer.
const MAX_STOPS: usize = 64;

/// Headers that a provider of this format is to see: its version, its open list of betas, and what
/// Claude Code says about the request.
const FORWARDED: [&str; 2] = ["anthropic-version", "anthropic-beta"];
const FORWARDED_BELOW: &str = "x-claude-code-";

/// The body. Messages, tools and thinking are taken apart elsewhere; what is not named here ends up in
/// `rest`.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    model: Option<String>,
    system: Option<Value>,
    messages: Option<Vec<Map<String, Value>>>,
    tools: Option<Vec<Map<String, Value>>>,
    tool_choice: Option<Map<String, Value>>,
    thinking: Option<Map<String, Value>>,
    output_config: Option<Map<String, Value>>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
    metadata: Option<Map<String, Value>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

type Fits = fn(&Value) -> bool;

/// Fields of the published API that only a provider of this format understands: they are carried, but
/// a wrong type is refused here rather than there.
const CARRIED: &[(&str, Fits, &str)] = &[
    ("cache_control", Value::is_object, "an object"),
    ("container", |value| value.is_string() || value.is_object(), "a string or an object"),
    ("context_management", Value::is_object, "an object"),
    ("inference_geo", Value::is_string, "a string"),
    ("mcp_servers", Value::is_array, "an array"),
    ("service_tier", Value::is_string, "a string"),
    ("speed", Value::is_string, "a string"),
];

/// Reads and checks a request. `max_tokens` may be left out, unlike at Anthropic's own service: model
/// servers have a limit of their own.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault
/// (`messages[0].content[1].text`), or without one if the body is not JSON at all.
pub fn decode_request(headers: &HeaderMap, body: &Bytes) -> Result<Request> {
    let mut read: Body = fields::body(body)?;
    refuse_thread(&read.rest)?;
    let agent = Options::take(&mut read.rest)?;
    check_carried(&mut read.rest)?;
    let messages = message::decode_all(read.system.take(), read.messages.take())?;
    let tools = tool::decode_all(read.tools.take().unwrap_or_default())?;
    let (tool_choice, parallel_tool_calls) =
        tool::decode_choice(read.tool_choice.take(), &tools, &agent)?;
    let mut config = read.output_config.take().unwrap_or_default();
    let output_format = thinking::decode_format(&mut config, &mut read.rest)?;
    let reasoning = thinking::decode(read.thinking.take(), &mut config, &mut read.rest)?;
    if !config.is_empty() {
        read.rest.insert("output_config".into(), config.into());
    }
    if read.max_tokens == Some(0) {
        return Err(Error::invalid("max_tokens", "`max_tokens` must be at least 1"));
    }
    let sampling = sampling(&mut read)?;
    let mut metadata = read.metadata.take().unwrap_or_default();
    Ok(Request {
        dialect: Dialect::Anthropic,
        model: read.model.unwrap_or_default(),
        messages,
        tools,
        tool_choice,
        parallel_tool_calls,
        output_format,
        sampling,
        max_output_tokens: read.max_tokens,
        reasoning,
        // Token counts are part of every stream.
        stream: read.stream.unwrap_or_default().then_some(StreamOptions { include_usage: true }),
        end_user: fields::take(&mut metadata, "user_id", "metadata")?,
        metadata,
        agent,
        extensions: Extensions(read.rest),
        headers: forwarded(headers),
        original: Some(Original { dialect: Dialect::Anthropic, body: body.clone() }),
    })
}

/// A thread lives on Anthropic's servers: a request that continues one has no history of its own.
/// Anthropic's SDKs send all messages again when they are told in these words.
fn refuse_thread(rest: &Map<String, Value>) -> Result<()> {
    if rest.get("thread").is_none_or(Value::is_null) {
        return Ok(());
    }
    let message = "`thread` is not supported: send the full conversation in `messages`";
    let details = json!({ "error_code": "thread_unsupported_request", "unsupported": ["thread"] });
    let error = Error::invalid("thread", message);
    Err(match details {
        Value::Object(details) => error.with_details(details),
        _ => error,
    })
}

fn check_carried(rest: &mut Map<String, Value>) -> Result<()> {
    rest.retain(|_, value| !value.is_null());
    for (field, fits, kind) in CARRIED {
        if rest.get(*field).is_some_and(|value| !fits(value)) {
            return Err(Error::invalid(*field, format!("`{field}` must be {kind}")));
        }
    }
    Ok(())
}

fn sampling(read: &mut Body) -> Result<Sampling> {
    let stop = read.stop_sequences.take().unwrap_or_default();
    if stop.len() > MAX_STOPS {
        let message = format!("`stop_sequences` takes at most {MAX_STOPS} texts");
        return Err(Error::invalid("stop_sequences", message));
    }
    let top_k = read.top_k.filter(|k| *k > 0).map(u32::try_from).transpose();
    Ok(Sampling {
        temperature: up_to_one("temperature", read.temperature)?,
        top_p: up_to_one("top_p", read.top_p)?,
        top_k: top_k.map_err(|_| Error::invalid("top_k", "`top_k` is out of range"))?,
        stop,
        ..Sampling::default()
    })
}

fn up_to_one(field: &str, value: Option<f64>) -> Result<Option<f64>> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(Error::invalid(field, format!("`{field}` must be from 0 to 1")))
        }
        value => Ok(value),
    }
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let is_forwarded = |name: &HeaderName| {
        FORWARDED.contains(&name.as_str()) || name.as_str().starts_with(FORWARDED_BELOW)
    };
    let mut kept = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_forwarded(name)) {
        kept.append(name, value.clone());
    }
    kept
}
