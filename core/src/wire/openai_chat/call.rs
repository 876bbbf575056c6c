//! The tool calls of an assistant message, both ways.

use serde_json::{Map, Value, json};

use crate::wire::fields::{join, require, take};
use crate::{
    Result,
    chat::{Dialect, Part},
};

/// Reads an entry of `tool_calls`. Calls of other kinds than functions are carried whole.
pub(super) fn decode(mut call: Map<String, Value>, at: &str) -> Result<Part> {
    let kind = call.get("type").and_then(Value::as_str).unwrap_or("function");
    if kind != "function" {
        return Ok(Part::Other { dialect: Dialect::OpenAiChat, value: Value::Object(call) });
    }
    let id = require(&mut call, "id", at)?;
    let mut function: Map<String, Value> = require(&mut call, "function", at)?;
    let at = join(at, "function");
    Ok(Part::ToolCall {
        id,
        name: require(&mut function, "name", &at)?,
        arguments: take(&mut function, "arguments", &at)?.unwrap_or_default(),
        custom: false,
    })
}

/// Writes an entry of `tool_calls`. `None`: the part is not a call.
pub(super) fn encode(part: &Part) -> Option<Value> {
    match part {
        Part::ToolCall { id, name, arguments, .. } => Some(json!({
            "id": id,
            "type": "function",
            "function": { "name": name, "arguments": arguments },
        })),
        // Calls have ids; the parts of a content have none.
        Part::Other { dialect: Dialect::OpenAiChat, value } if value.get("id").is_some() => {
            Some(value.clone())
        }
        _ => None,
    }
}
