//! A request, read: what is asked, and how it is to be answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    chat::{OutputFormat, Request, ToolChoice},
    emulate::{Abilities, Emulation},
    parse::CallIds,
    wire::openai_chat,
};
use serde_json::{Map, Value};

use crate::{
    engine::{Engine, Prompt},
    sampler::Sampling,
    template::Conversation,
};

/// The most texts that may end an answer.
const MAX_STOPS: usize = 16;

/// A request.
#[derive(Debug)]
pub(super) struct Question {
    /// What it says in the gateway's words.
    pub(super) request: Request,
    conversation: Conversation,
    /// Fields that only llama.cpp's server knows beside.
    fields: Map<String, Value>,
}

impl Question {
    /// Reads the body of a request to the model called `id`. What would change the answer and cannot be
    /// had here is refused by name.
    pub(super) fn read(body: &Bytes, id: &str) -> Result<Self> {
        let request = openai_chat::decode_request(body)?;
        if !request.model.is_empty() && request.model != id {
            let message = format!("the model in process is `{id}`, not `{}`", request.model);
            return Err(Error::new(Code::ModelNotFound, message).at("model"));
        }
        let unable = |field: &str, why: &str| Err(Error::invalid(field, format!("{field}: {why}")));
        if request.sampling.n.is_some_and(|n| n > 1) {
            return unable("n", "a model in process gives one answer");
        }
        if request.sampling.logprobs == Some(true) {
            return unable("logprobs", "a model in process does not tell probabilities");
        }
        if request.output_format != OutputFormat::Text {
            return unable("response_format", "a model in process cannot be held to a form");
        }
        if !matches!(request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None)) {
            return unable("tool_choice", "a model in process cannot be made to call a tool");
        }
        if request.sampling.stop.len() > MAX_STOPS {
            return unable("stop", "there are too many");
        }
        let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            Error::new(Code::InvalidRequest, "the body is no JSON object").caused_by(error)
        })?;
        if fields.contains_key("grammar") || fields.contains_key("json_schema") {
            return unable("grammar", "a model in process cannot be held to a form");
        }
        let messages = list(fields.shift_remove("messages")).into_iter().enumerate();
        let messages = messages.map(|(at, it)| message(at, it)).collect::<Result<_>>()?;
        let mut tools = list(fields.shift_remove("tools"));
        if request.tool_choice == Some(ToolChoice::None) {
            tools.clear();
        }
        let more = match fields.shift_remove("chat_template_kwargs") {
            Some(Value::Object(more)) => more,
            _ => Map::new(),
        };
        Ok(Self { request, conversation: Conversation { messages, tools, more }, fields })
    }

    /// The text in which it is put to the model. One that has no words for tools is told of them in the gateway's.
    pub(super) fn prompt(&self, engine: &Engine) -> Result<String> {
        if engine.facts().tools || self.conversation.tools.is_empty() {
            return engine.prompt(&self.conversation);
        }
        let told = Emulation::new(&self.request, Abilities::default(), call_ids());
        let messages = told.map(|told| openai_chat::encode_messages(&told.request.messages));
        let messages = list(messages).into_iter().enumerate();
        let messages = messages.map(|(at, it)| message(at, it)).collect::<Result<_>>()?;
        let more = self.conversation.more.clone();
        engine.prompt(&Conversation { messages, tools: Vec::new(), more })
    }

    /// What the model is to do.
    pub(super) fn task(&self, engine: &Engine) -> Result<Prompt> {
        Ok(Prompt {
            text: self.prompt(engine)?,
            max_tokens: self.request.max_output_tokens.map(|most| most as usize),
            sampling: self.sampling(&engine.facts().sampling)?,
            stops: self.request.sampling.stop.clone(),
            ignore_ends: self.fields.get("ignore_eos") == Some(&Value::Bool(true)),
        })
    }

    /// How tokens are chosen: as the request says, else as the model wants it.
    #[expect(clippy::cast_possible_truncation, reason = "models compute with floats of 32 bits")]
    fn sampling(&self, wanted: &Sampling) -> Result<Sampling> {
        let asked = &self.request.sampling;
        let number = |field: &str, usual: f32| {
            let value = self.fields.get(field).and_then(Value::as_f64);
            value.map_or(usual, |value| value as f32)
        };
        let float = |value: Option<f64>, usual: f32| value.map_or(usual, |value| value as f32);
        let count = |field: &str, usual: usize| {
            let value = self.fields.get(field).and_then(Value::as_u64);
            value.and_then(|value| usize::try_from(value).ok()).unwrap_or(usual)
        };
        Ok(Sampling {
            temperature: float(asked.temperature, wanted.temperature),
            top_p: float(asked.top_p, wanted.top_p),
            top_k: count("top_k", asked.top_k.map_or(wanted.top_k, |k| k as usize)),
            min_p: number("min_p", wanted.min_p),
            repeat_penalty: number("repeat_penalty", wanted.repeat_penalty),
            penalty_last_n: count("repeat_last_n", wanted.penalty_last_n),
            frequency_penalty: float(asked.frequency_penalty, wanted.frequency_penalty),
            presence_penalty: float(asked.presence_penalty, wanted.presence_penalty),
            logit_bias: self.logit_bias()?,
            seed: asked.seed.map(i64::cast_unsigned),
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "models compute with floats of 32 bits")]
    fn logit_bias(&self) -> Result<BTreeMap<u32, f32>> {
        let wrong = || Error::invalid("logit_bias", "logit_bias is no object of numbers by token");
        match self.fields.get("logit_bias") {
            None | Some(Value::Null) => Ok(BTreeMap::new()),
            Some(Value::Object(biases)) => {
                let bias = |(token, bias): (&String, &Value)| {
                    Some((token.parse().ok()?, bias.as_f64()? as f32))
                };
                biases.iter().map(|it| bias(it).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// Ids for calls that the model prints.
pub(super) fn call_ids() -> CallIds {
    CallIds::new(|| format!("call_{:016x}", fastrand::u64(..)))
}

/// A message as templates expect it: its content is a text, and arguments are objects.
fn message(at: usize, message: Value) -> Result<Value> {
    let Value::Object(mut message) = message else {
        return Err(Error::invalid(format!("messages[{at}]"), "a message is an object"));
    };
    let content = match message.get_mut("content").map(Value::take) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => joined(at, &parts)?,
        Some(_) => return Err(Error::invalid(format!("messages[{at}].content"), "is no text")),
    };
    message.insert("content".into(), content.into());
    if message.get("role").and_then(Value::as_str) == Some("developer") {
        message.insert("role".into(), "system".into());
    }
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        for arguments in calls.iter_mut().filter_map(|call| call.pointer_mut("/function/arguments"))
        {
            let object = arguments.as_str().and_then(|text| serde_json::from_str(text).ok());
            if let Some(object @ Value::Object(_)) = object {
                *arguments = object;
            }
        }
    }
    Ok(Value::Object(message))
}

/// The texts of a message's parts, one below the other, as llama.cpp joins them.
fn joined(at: usize, parts: &[Value]) -> Result<String> {
    let mut texts = Vec::new();
    for (part, value) in parts.iter().enumerate() {
        let text = value.get("text").or_else(|| value.get("refusal")).and_then(Value::as_str);
        texts.push(text.ok_or_else(|| {
            let param = format!("messages[{at}].content[{part}]");
            Error::invalid(param, "a model in process reads text only")
        })?);
    }
    Ok(texts.join("\n"))
}
