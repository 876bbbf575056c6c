//! The pieces of an item: where they are, what is noted about them, and what they have become.

use serde_json::{Map, Value, json};

use super::{
    item::{self, Notes},
    name::Names,
};
use crate::{chat::Part, wire::object::Object};

/// The item in the making.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: String,
    pub(super) part: Part,
    pub(super) notes: Notes,
    /// Log probabilities of the piece of text to come.
    pub(super) probable: Vec<Value>,
    /// All its pieces have come.
    pub(super) complete: bool,
}

/// The events that tell what the pieces of an item have become: their fields behind the item's place.
pub(super) fn closing(open: &Open, names: &Names) -> Vec<(&'static str, Map<String, Value>)> {
    let fields = |fields: Value| match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let piece = item::content(&open.part, &open.notes).unwrap_or_default();
    match &open.part {
        Part::Text { text, .. } => {
            let logprobs = &open.notes.logprobs;
            let done = json!({ "content_index": 0, "text": text, "logprobs": logprobs });
            let part = json!({ "content_index": 0, "part": piece });
            vec![
                ("response.output_text.done", fields(done)),
                ("response.content_part.done", fields(part)),
            ]
        }
        Part::Refusal { text } => {
            let part = json!({ "content_index": 0, "part": piece });
            vec![
                ("response.refusal.done", fields(json!({ "content_index": 0, "refusal": text }))),
                ("response.content_part.done", fields(part)),
            ]
        }
        Part::Reasoning { text, .. } if !text.is_empty() => {
            let done = json!({ "summary_index": 0, "text": text });
            let part = json!({ "summary_index": 0, "part": item::summary(text) });
            vec![
                ("response.reasoning_summary_text.done", fields(done)),
                ("response.reasoning_summary_part.done", fields(part)),
            ]
        }
        Part::ToolCall { arguments, custom: true, .. } => {
            vec![("response.custom_tool_call_input.done", fields(json!({ "input": arguments })))]
        }
        Part::ToolCall { name, arguments, .. } => {
            let done = json!({ "name": names.split(name).1, "arguments": arguments });
            vec![("response.function_call_arguments.done", fields(done))]
        }
        _ => Vec::new(),
    }
}

/// Writes where something about a whole item is.
pub(super) fn item_place(event: &mut Object<'_>, id: &str, index: u64) {
    event.text("item_id", id);
    event.number("output_index", index);
}

/// Writes where the first and only piece of an item is.
pub(super) fn place(event: &mut Object<'_>, id: &str, index: u64, piece: &'static str) {
    item_place(event, id, index);
    event.number(piece, 0_u64);
}

/// What the fields about a choice say about its part at `index`.
pub(super) fn notes(fields: &Map<String, Value>, index: usize) -> Notes {
    match fields.get(&index.to_string()) {
        Some(own) => noted(own),
        // The chat format does not say which part its probabilities belong to; texts begin an answer.
        None if index == 0 => Notes { logprobs: probable(fields), ..Notes::default() },
        None => Notes::default(),
    }
}

/// What fields about a part say.
pub(super) fn noted(fields: &Value) -> Notes {
    let list = |field: &str| fields.get(field).and_then(Value::as_array).cloned();
    Notes {
        annotations: list("annotations").unwrap_or_default(),
        logprobs: list("logprobs").unwrap_or_default(),
    }
}

/// Log probabilities, as the chat format tells them.
pub(super) fn probable(fields: &Map<String, Value>) -> Vec<Value> {
    let list = fields.get("logprobs").and_then(|logprobs| logprobs.get("content"));
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}
