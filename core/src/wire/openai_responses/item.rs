//! The items of an answer, from the parts it is made of.

use serde_json::{Map, Value, json};

use super::{name::Names, turn};
use crate::chat::{Dialect, Part};

/// What an item says beside its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) annotations: Vec<Value>,
    pub(super) logprobs: Vec<Value>,
}

/// How items are written for one caller.
#[derive(Clone, Debug, Default)]
pub(super) struct Style {
    pub(super) names: Names,
    /// Whether encrypted thoughts are shown.
    pub(super) shows_encrypted: bool,
}

impl Style {
    /// Writes a part as an item. `None`: the format has no word for it.
    pub(super) fn item(
        &self,
        part: &Part,
        id: &str,
        status: &str,
        notes: &Notes,
    ) -> Option<Map<String, Value>> {
        let mut item = Map::new();
        item.insert("id".into(), id.into());
        match part {
            Part::Text { .. } | Part::Refusal { .. } => {
                item.insert("type".into(), "message".into());
                item.insert("status".into(), status.into());
                item.insert("role".into(), "assistant".into());
                item.insert("content".into(), content(part, notes).into_iter().collect());
            }
            Part::Reasoning { text, signature, .. } => {
                item.insert("type".into(), "reasoning".into());
                let summary = (!text.is_empty()).then(|| summary(text));
                item.insert("summary".into(), summary.into_iter().collect());
                let own = signature.as_ref().filter(|it| it.dialect == Dialect::OpenAiResponses);
                if let Some(signature) = own.filter(|_| self.shows_encrypted) {
                    item.insert("encrypted_content".into(), signature.text.as_str().into());
                }
            }
            Part::ToolCall { id: call_id, name, arguments, custom } => {
                let (kind, words) = turn::call(*custom);
                let (namespace, name) = self.names.split(name);
                item.insert("type".into(), kind.into());
                item.insert("status".into(), status.into());
                item.insert("call_id".into(), call_id.as_str().into());
                item.insert("name".into(), name.into());
                if let Some(namespace) = namespace {
                    item.insert("namespace".into(), namespace.into());
                }
                item.insert(words.into(), arguments.as_str().into());
            }
            Part::Other { dialect: Dialect::OpenAiResponses, value: Value::Object(value) } => {
                let id = item.shift_remove("id");
                item = value.clone();
                if let Some(id) = id {
                    item.entry("id").or_insert(id);
                }
            }
            Part::Image(_) | Part::Document(_) | Part::ToolResult { .. } | Part::Other { .. } => {
                return None;
            }
        }
        Some(item)
    }
}

/// The one piece of content that a message of an answer has.
pub(super) fn content(part: &Part, notes: &Notes) -> Option<Value> {
    match part {
        Part::Text { text, .. } => Some(json!({
            "type": "output_text",
            "text": text,
            "annotations": notes.annotations,
            "logprobs": notes.logprobs,
        })),
        Part::Refusal { text } => Some(json!({ "type": "refusal", "refusal": text })),
        _ => None,
    }
}

/// A part of a summary.
pub(super) fn summary(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}

/// What ids of such items begin with.
pub(super) fn prefix(part: &Part) -> &'static str {
    match part {
        Part::Text { .. } | Part::Refusal { .. } => "msg",
        Part::Reasoning { .. } => "rs",
        Part::ToolCall { custom: false, .. } => "fc",
        Part::ToolCall { custom: true, .. } => "ctc",
        _ => "item",
    }
}
