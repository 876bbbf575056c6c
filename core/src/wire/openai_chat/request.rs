//! Reading a caller's request.

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{format, message, tool};
use crate::{
    Error, Result,
    agent::Options,
    chat::{Dialect, Extensions, Original, ReasoningOptions, Request, Sampling, StreamOptions},
    wire::fields,
};

/// The most texts that may end an answer. OpenAI takes 4; model servers take more.
const MAX_STOPS: usize = 16;

/// The body. Messages, tools and formats are taken apart elsewhere; what is not named here ends up in
/// `rest`.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    #[serde(default, deserialize_with = "null_is_default")]
    model: String,
    messages: Option<Vec<message::Written>>,
    tools: Option<Vec<Map<String, Value>>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Map<String, Value>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    n: Option<u32>,
    stop: Option<Stop>,
    logprobs: Option<bool>,
    top_logprobs: Option<u32>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    n_predict: Option<i64>,
    reasoning_effort: Option<String>,
    stream: Option<bool>,
    stream_options: Option<Map<String, Value>>,
    user: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    metadata: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

type Fits = fn(&Value) -> bool;

/// Fields of the published API that only a provider of this format understands: they are carried, but
/// a wrong type is refused here rather than there.
const CARRIED: &[(&str, Fits, &str)] = &[
    ("audio", Value::is_object, "an object"),
    ("function_call", |value| value.is_string() || value.is_object(), "a string or an object"),
    ("functions", Value::is_array, "an array"),
    ("logit_bias", Value::is_object, "an object"),
    ("modalities", Value::is_array, "an array"),
    ("prediction", Value::is_object, "an object"),
    ("prompt_cache_key", Value::is_string, "a string"),
    ("prompt_cache_options", Value::is_object, "an object"),
    ("prompt_cache_retention", Value::is_string, "a string"),
    ("safety_identifier", Value::is_string, "a string"),
    ("service_tier", Value::is_string, "a string"),
    ("store", Value::is_boolean, "a boolean"),
    ("verbosity", Value::is_string, "a string"),
    ("web_search_options", Value::is_object, "an object"),
];

/// Reads and checks the body of a request.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault
/// (`messages[0].role`), or without one if the body is not JSON at all.
pub fn decode_request(body: &Bytes) -> Result<Request> {
    let mut read: Body = fields::body(body)?;
    let messages = message::decode_all(read.messages.take())?;
    let agent = Options::take(&mut read.rest)?;
    let tools = tool::decode_all(read.tools.take().unwrap_or_default())?;
    let tool_choice = tool::decode_choice(read.tool_choice.take(), &tools, &agent)?;
    let max_output_tokens = max_output_tokens(&read)?;
    let stream = stream_options(read.stream, read.stream_options.take(), &mut read.rest)?;
    check_carried(&mut read.rest)?;
    let output_format = format::decode(read.response_format.take(), &mut read.rest)?;
    let sampling = sampling(&mut read)?;
    Ok(Request {
        dialect: Dialect::OpenAiChat,
        model: read.model,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls: read.parallel_tool_calls,
        output_format,
        sampling,
        max_output_tokens,
        reasoning: ReasoningOptions {
            effort: read.reasoning_effort,
            ..ReasoningOptions::default()
        },
        stream,
        end_user: read.user,
        metadata: read.metadata,
        agent,
        extensions: Extensions(read.rest),
        headers: HeaderMap::new(),
        original: Some(Original { dialect: Dialect::OpenAiChat, body: body.clone() }),
    })
}

/// The newer field wins. llama.cpp's `n_predict` is read too: it would override both there, and so
/// slip past every limit on output. Its negative values mean that there is no limit.
fn max_output_tokens(read: &Body) -> Result<Option<u32>> {
    for (field, value) in
        [("max_tokens", read.max_tokens), ("max_completion_tokens", read.max_completion_tokens)]
    {
        if value == Some(0) {
            return Err(Error::invalid(field, format!("`{field}` must be at least 1")));
        }
    }
    let n_predict = n_predict(read.n_predict)?;
    Ok(read.max_completion_tokens.or(read.max_tokens).or(n_predict))
}

pub(in crate::wire) fn n_predict(limit: Option<i64>) -> Result<Option<u32>> {
    let limit = limit.filter(|n| *n >= 0).map(|n| match u32::try_from(n) {
        Ok(0) | Err(_) => Err(Error::invalid("n_predict", "`n_predict` is out of range")),
        Ok(n) => Ok(n),
    });
    limit.transpose()
}

/// Whether and how to stream. Options that are not known are kept in `rest`.
pub(in crate::wire) fn stream_options(
    stream: Option<bool>,
    options: Option<Map<String, Value>>,
    rest: &mut Map<String, Value>,
) -> Result<Option<StreamOptions>> {
    let mut options = options.unwrap_or_default();
    let include_usage = fields::take(&mut options, "include_usage", "stream_options")?;
    if !stream.unwrap_or_default() {
        return Ok(None);
    }
    if !options.is_empty() {
        rest.insert("stream_options".into(), options.into());
    }
    Ok(Some(StreamOptions { include_usage: include_usage.unwrap_or_default() }))
}

fn sampling(read: &mut Body) -> Result<Sampling> {
    let stop = read.stop.take().unwrap_or_default().texts()?;
    within("n", read.n.map(f64::from), 1.0, 128.0)?;
    within("top_logprobs", read.top_logprobs.map(f64::from), 0.0, 20.0)?;
    Ok(Sampling {
        temperature: within("temperature", read.temperature, 0.0, 2.0)?,
        top_p: within("top_p", read.top_p, 0.0, 1.0)?,
        top_k: top_k(read)?,
        presence_penalty: within("presence_penalty", read.presence_penalty, -2.0, 2.0)?,
        frequency_penalty: within("frequency_penalty", read.frequency_penalty, -2.0, 2.0)?,
        seed: read.seed,
        stop,
        n: read.n,
        logprobs: read.logprobs,
        top_logprobs: read.top_logprobs,
    })
}

/// vLLM and llama.cpp take −1 and 0 for "all tokens", which is to say no limit.
fn top_k(read: &Body) -> Result<Option<u32>> {
    let Some(top_k) = read.top_k.filter(|k| *k > 0) else { return Ok(None) };
    u32::try_from(top_k).map(Some).map_err(|_| Error::invalid("top_k", "`top_k` is out of range"))
}

pub(in crate::wire) fn within(
    field: &str,
    value: Option<f64>,
    least: f64,
    most: f64,
) -> Result<Option<f64>> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(Error::invalid(field, format!("`{field}` must be from {least} to {most}")))
        }
        value => Ok(value),
    }
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

/// The texts that end an answer: one or several.
#[derive(Default)]
pub(in crate::wire) struct Stop(Vec<String>);

impl Stop {
    pub(in crate::wire) fn texts(self) -> Result<Vec<String>> {
        if self.0.len() > MAX_STOPS {
            return Err(Error::invalid("stop", format!("`stop` takes at most {MAX_STOPS} texts")));
        }
        Ok(self.0)
    }
}

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> de::Visitor<'de> for Texts {
            type Value = Stop;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<Stop, E> {
                Ok(Stop(vec![text.to_owned()]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, texts: A) -> Result<Stop, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(texts)).map(Stop)
            }
        }
        deserializer.deserialize_any(Texts)
    }
}
