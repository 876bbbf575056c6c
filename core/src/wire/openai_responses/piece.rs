//! The pieces of an item: where they are, what is noted about them, and what they have become.

use serde_json::{Map, Value};

use super::{
    item::{self, Notes},
    name::Names,
};
use crate::chat::Part;

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

/// The events that tell what the pieces of an item have become.
pub(super) fn closing(open: &Open, names: &Names, index: usize) -> Vec<(&'static str, Value)> {
    let id = &open.id;
    let at = |field: &str| place(id, index, field);
    let piece = item::content(&open.part, &open.notes).unwrap_or_default();
    match &open.part {
        Part::Text { text, .. } => {
            let mut done = at("content_index");
            done.insert("text".into(), text.as_str().into());
            done.insert("logprobs".into(), open.notes.logprobs.clone().into());
            vec![
                ("response.output_text.done", done.into()),
                ("response.content_part.done", with(at("content_index"), "part", piece)),
            ]
        }
        Part::Refusal { text } => vec![
            ("response.refusal.done", with(at("content_index"), "refusal", text.as_str().into())),
            ("response.content_part.done", with(at("content_index"), "part", piece)),
        ],
        Part::Reasoning { text, .. } if !text.is_empty() => {
            let part = item::summary(text);
            let text = with(at("summary_index"), "text", text.as_str().into());
            vec![
                ("response.reasoning_summary_text.done", text),
                ("response.reasoning_summary_part.done", with(at("summary_index"), "part", part)),
            ]
        }
        Part::ToolCall { arguments, custom: true, .. } => {
            let done = with(item_place(id, index), "input", arguments.as_str().into());
            vec![("response.custom_tool_call_input.done", done)]
        }
        Part::ToolCall { name, arguments, .. } => {
            let mut done = item_place(id, index);
            done.insert("name".into(), names.split(name).1.into());
            done.insert("arguments".into(), arguments.as_str().into());
            vec![("response.function_call_arguments.done", done.into())]
        }
        _ => Vec::new(),
    }
}

/// Where something about a whole item is.
pub(super) fn item_place(id: &str, index: usize) -> Map<String, Value> {
    let mut place = Map::new();
    place.insert("item_id".into(), id.into());
    place.insert("output_index".into(), index.into());
    place
}

/// The first and only piece of an item.
pub(super) fn place(id: &str, index: usize, piece: &str) -> Map<String, Value> {
    let mut place = item_place(id, index);
    place.insert(piece.to_owned(), 0.into());
    place
}

/// Something at a place.
pub(super) fn with(mut place: Map<String, Value>, field: &str, value: Value) -> Value {
    place.insert(field.to_owned(), value);
    place.into()
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
