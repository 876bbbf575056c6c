//! Reading a caller's request.

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    LOGPROBS,
    fields::{self, missing, take},
    format, input,
    keeping::{BACKGROUND, PREVIOUS},
    tool,
};
use crate::{
    Error, Result,
    agent::Options,
    chat::{
        Dialect, Extensions, Message, Original, ReasoningOptions, Request, Role, Sampling,
        StreamOptions,
    },
};

/// The body. Input, tools and formats are taken apart elsewhere; what is not named here ends up in `rest`.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    #[serde(default, deserialize_with = "null_is_default")]
    model: String,
    input: Option<Value>,
    instructions: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<Map<String, Value>>,
    reasoning: Option<Map<String, Value>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_logprobs: Option<u32>,
    max_output_tokens: Option<u32>,
    stream: Option<bool>,
    background: Option<bool>,
    user: Option<String>,
    safety_identifier: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

type Fits = fn(&Value) -> bool;

/// Fields of the published API that only a provider of this format understands, or another part of the
/// gateway: they are carried, but a wrong type is refused here.
const CARRIED: &[(&str, Fits, &str)] = &[
    ("client_metadata", Value::is_object, "an object"),
    ("context_management", Value::is_array, "an array"),
    ("include", is_texts, "an array of strings"),
    ("max_tool_calls", Value::is_u64, "a whole number"),
    (PREVIOUS, Value::is_string, "a string"),
    ("prompt", Value::is_object, "an object"),
    ("prompt_cache_key", Value::is_string, "a string"),
    ("prompt_cache_options", Value::is_object, "an object"),
    ("prompt_cache_retention", Value::is_string, "a string"),
    ("service_tier", Value::is_string, "a string"),
    ("store", Value::is_boolean, "a boolean"),
    ("stream_options", Value::is_object, "an object"),
    ("truncation", Value::is_string, "a string"),
];

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
}

/// Reads and checks the body of a request.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault
/// (`input[0].role`), or without one if the body is not JSON at all.
pub fn decode_request(body: &Bytes) -> Result<Request> {
    let mut read: Body = fields::body(body)?;
    refuse(&read)?;
    let agent = Options::take(&mut read.rest)?;
    check_carried(&mut read.rest)?;
    let mut tools = tool::decode_all(read.tools.take().unwrap_or_default())?;
    let mut messages: Vec<Message> = read
        .instructions
        .take()
        .map(|text| Message::text(Role::System, text))
        .into_iter()
        .collect();
    match read.input.take() {
        Some(input) => messages.extend(input::decode(input, &mut tools)?),
        None if read.rest.contains_key(PREVIOUS) => {}
        None => return Err(missing("input")),
    }
    if messages.is_empty() && !read.rest.contains_key(PREVIOUS) {
        return Err(Error::invalid("input", "`input` must not be empty"));
    }
    let tool_choice = tool::decode_choice(read.tool_choice.take(), &mut tools, &agent)?;
    let output_format = format::decode(read.text.take(), &mut read.rest)?;
    let sampling = sampling(&read)?;
    let reasoning = reasoning(&mut read)?;
    if read.background == Some(true) {
        read.rest.insert(BACKGROUND.into(), true.into());
    }
    if let Some(name) = &read.safety_identifier {
        read.rest.insert("safety_identifier".into(), name.as_str().into());
    }
    Ok(Request {
        dialect: Dialect::OpenAiResponses,
        model: read.model,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls: read.parallel_tool_calls,
        output_format,
        sampling,
        max_output_tokens: read.max_output_tokens,
        reasoning,
        // Token counts are part of every answer's last event.
        stream: read.stream.unwrap_or_default().then_some(StreamOptions { include_usage: true }),
        end_user: read.user.or(read.safety_identifier),
        metadata: read.metadata,
        agent,
        extensions: Extensions(read.rest),
        headers: HeaderMap::new(),
        original: Some(Original { dialect: Dialect::OpenAiResponses, body: body.clone() }),
    })
}

/// What must not be silently forgotten.
fn refuse(read: &Body) -> Result<()> {
    if read.background == Some(true)
        && read.rest.get("store").and_then(Value::as_bool) == Some(false)
    {
        let message = "`background` needs an answer that is kept: leave `store` out";
        return Err(Error::invalid("background", message));
    }
    if read.rest.get("conversation").is_some_and(|it| !it.is_null()) {
        let message = "`conversation` is not supported: use `previous_response_id`";
        return Err(Error::invalid("conversation", message));
    }
    if read.max_output_tokens == Some(0) {
        let message = "`max_output_tokens` must be at least 1";
        return Err(Error::invalid("max_output_tokens", message));
    }
    Ok(())
}

fn sampling(read: &Body) -> Result<Sampling> {
    fields::within("top_logprobs", read.top_logprobs.map(f64::from), 0.0, 20.0)?;
    let include = read.rest.get("include").and_then(Value::as_array);
    let logprobs = include.is_some_and(|list| list.iter().any(|it| it == LOGPROBS));
    Ok(Sampling {
        temperature: fields::within("temperature", read.temperature, 0.0, 2.0)?,
        top_p: fields::within("top_p", read.top_p, 0.0, 1.0)?,
        logprobs: logprobs.then_some(true),
        top_logprobs: read.top_logprobs.filter(|_| logprobs),
        ..Sampling::default()
    })
}

/// What the vocabulary has no word for stays among the rest.
fn reasoning(read: &mut Body) -> Result<ReasoningOptions> {
    const AT: &str = "reasoning";
    let Some(mut reasoning) = read.reasoning.take() else { return Ok(ReasoningOptions::default()) };
    let effort: Option<String> = take(&mut reasoning, "effort", AT)?;
    let older: Option<String> = take(&mut reasoning, "generate_summary", AT)?;
    let summary = take(&mut reasoning, "summary", AT)?.or(older);
    if !reasoning.is_empty() {
        read.rest.insert(AT.into(), reasoning.into());
    }
    let enabled = (effort.as_deref() == Some("none")).then_some(false);
    Ok(ReasoningOptions { enabled, effort, summary, budget_tokens: None })
}

fn check_carried(rest: &mut Map<String, Value>) -> Result<()> {
    for (field, fits, kind) in CARRIED {
        match rest.get(*field) {
            Some(Value::Null) => {
                rest.shift_remove(*field);
            }
            Some(value) if !fits(value) => {
                return Err(Error::invalid(*field, format!("`{field}` must be {kind}")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
