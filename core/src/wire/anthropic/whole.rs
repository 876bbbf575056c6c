//! Writing a whole answer to a caller.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{block, own, stop, usage};
use crate::chat::{Choice, Dialect, FinishReason, Part, Usage, Whole, own_calls};

/// Writes an answer as a `message` object that begins with `message`. `blank` is its usage where nobody
/// counted, without the output.
pub(super) fn encode(whole: &Whole, mut message: Map<String, Value>, blank: Usage) -> Bytes {
    let none = Choice::default();
    let choice = whole.choices.get(&0).unwrap_or(&none);
    let mut said = stop::Said::default();
    let mut content: Vec<Value> = Vec::with_capacity(choice.parts.len());
    let own = own_calls(&choice.parts);
    for part in &choice.parts {
        let is_own = matches!(part, Part::ToolCall { id, .. } if own.contains(id.as_str()));
        said.call |= matches!(part, Part::ToolCall { .. }) && !is_own;
        said.refusal |= matches!(part, Part::Refusal { .. });
        let index = content.len();
        let seed = message.get("id").and_then(Value::as_str).unwrap_or_default();
        content.extend(if is_own { encode_own(part) } else { encode_part(part, seed, index) });
    }
    let output: usize = content.iter().map(|block| block.to_string().len()).sum();
    let reason = choice.finish_reason.as_ref().unwrap_or(&FinishReason::Stop);
    let (reason, sequence) = stop::encode(reason, said);
    message.insert("content".into(), content.into());
    message.insert("stop_reason".into(), reason.into());
    message.insert("stop_sequence".into(), sequence.into());
    let output = usage::tokens(u64::try_from(output).unwrap_or(u64::MAX));
    let counts = whole.usage.unwrap_or(Usage { output, ..blank });
    let mut counts = usage::encode(&counts);
    let own = whole.dialect == Some(Dialect::Anthropic);
    let mut rest = if own { whole.extensions.0.clone() } else { Map::new() };
    if let Some(Value::Object(more)) = rest.shift_remove("usage") {
        fill(&mut counts, more);
    }
    message.insert("usage".into(), counts.into());
    fill(&mut message, rest);
    Bytes::from(Value::Object(message).to_string())
}

/// Writes a call that the gateway answered itself.
fn encode_own(part: &Part) -> Option<Value> {
    let Part::ToolCall { id, name, arguments, custom } = part else { return None };
    Some(own::call(id, name, &block::input(arguments, *custom)))
}

fn encode_part(part: &Part, seed: &str, index: usize) -> Option<Value> {
    match part {
        Part::ToolCall { id, name, arguments, custom } => {
            let id = if id.is_empty() { format!("toolu_{seed}_{index}") } else { id.clone() };
            let input = block::input(arguments, *custom);
            Some(json!({ "type": "tool_use", "id": id, "name": name, "input": input }))
        }
        Part::Reasoning { text, signature, redacted } => {
            let proof = signature.as_ref().map_or("", |signature| &signature.text);
            Some(if *redacted {
                json!({ "type": "redacted_thinking", "data": proof })
            } else {
                json!({ "type": "thinking", "thinking": text, "signature": proof })
            })
        }
        Part::ToolResult { call_id, parts, is_error, .. } => {
            Some(own::result(call_id, parts, *is_error).into())
        }
        part => block::encode(part),
    }
}

/// Adds fields that are not there yet.
fn fill(object: &mut Map<String, Value>, more: Map<String, Value>) {
    for (field, value) in more {
        object.entry(field).or_insert(value);
    }
}
