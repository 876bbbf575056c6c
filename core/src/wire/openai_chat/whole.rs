//! Writing a whole answer to a caller.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    MESSAGE, REASONING, SIGNATURE, call,
    encoder::{EncoderOptions, finish_reason},
    step::{self, BETWEEN},
    usage,
};
use crate::{
    agent,
    chat::{Choice, Dialect, Part, Whole, own_calls},
};

/// Writes a whole answer as a `chat.completion` object.
pub(super) fn encode(whole: &Whole, options: &EncoderOptions) -> Bytes {
    let mut object = Map::new();
    let id = if whole.id.is_empty() { &options.id } else { &whole.id };
    object.insert("id".into(), id.as_str().into());
    object.insert("object".into(), "chat.completion".into());
    object.insert("created".into(), whole.created.unwrap_or(options.created).into());
    object.insert("model".into(), whole.model.as_str().into());
    let own = whole.dialect == Some(Dialect::OpenAiChat);
    let choices = whole.choices.iter().map(|(index, choice)| encode_choice(*index, choice, own));
    object.insert("choices".into(), choices.collect());
    if let Some(usage) = &whole.usage {
        object.insert("usage".into(), usage::encode(usage));
    }
    if own {
        fill(&mut object, whole.extensions.0.clone());
    }
    if let Some(choice) = whole.choices.get(&0).filter(|_| options.show_steps) {
        let calls = own_calls(&choice.parts);
        let steps = step::all(&choice.parts, |id| calls.contains(id));
        let about = object.entry(agent::FIELD).or_insert_with(|| json!({}));
        if let Some(about) = about.as_object_mut() {
            about.insert("steps".into(), steps.into());
        }
    }
    Bytes::from(Value::Object(object).to_string())
}

fn encode_choice(index: u32, choice: &Choice, own: bool) -> Value {
    let mut extensions = if own { choice.extensions.0.clone() } else { Map::new() };
    let mut message = message(&choice.parts);
    if let Some(Value::Object(more)) = extensions.shift_remove(MESSAGE) {
        fill(&mut message, more);
    }
    let mut object = Map::new();
    object.insert("index".into(), index.into());
    object.insert("message".into(), message.into());
    object.insert("logprobs".into(), extensions.shift_remove("logprobs").into());
    object.insert("finish_reason".into(), choice.finish_reason.as_ref().map(finish_reason).into());
    fill(&mut object, extensions);
    object.into()
}

fn message(parts: &[Part]) -> Map<String, Value> {
    let (mut content, mut refusal, mut thoughts) = (None::<String>, None::<String>, None::<String>);
    let (mut signature, mut calls, mut legacy) = (None, Vec::new(), None);
    let (own, mut paused) = (own_calls(parts), false);
    for part in parts {
        match part {
            Part::Text { text, .. } => {
                let content = content.get_or_insert_default();
                if std::mem::take(&mut paused) && !content.is_empty() {
                    content.push_str(BETWEEN);
                }
                content.push_str(text);
            }
            Part::ToolResult { .. } => paused = true,
            Part::ToolCall { id, .. } if own.contains(id.as_str()) => {}
            Part::Refusal { text } => refusal.get_or_insert_default().push_str(text),
            Part::Reasoning { text, signature: signed, .. } => {
                thoughts.get_or_insert_default().push_str(text);
                signature = signed.clone().or(signature);
            }
            Part::ToolCall { id, name, arguments, .. } if id.is_empty() => {
                legacy = Some(json!({ "name": name, "arguments": arguments }));
            }
            part => calls.extend(call::encode(part)),
        }
    }
    if content.is_none() && refusal.is_none() && calls.is_empty() && legacy.is_none() {
        content = Some(String::new());
    }
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), content.into());
    message.insert("refusal".into(), refusal.into());
    let calls = (!calls.is_empty()).then(|| Value::from(calls));
    let rest = [
        (REASONING, thoughts.map(Value::from)),
        (SIGNATURE, signature.map(|it| Value::from(it.text))),
        ("tool_calls", calls),
        ("function_call", legacy),
    ];
    for (field, value) in rest {
        if let Some(value) = value {
            message.insert(field.into(), value);
        }
    }
    message
}

/// Adds fields that are not there yet. What cannot be told apart, the lists, is joined.
fn fill(object: &mut Map<String, Value>, more: Map<String, Value>) {
    for (field, value) in more {
        match (object.get_mut(&field), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                object.insert(field, value);
            }
        }
    }
}
