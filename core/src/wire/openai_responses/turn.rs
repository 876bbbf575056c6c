//! Writing the messages of a request as items.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{content, name::Names};
use crate::chat::{Dialect, Message, Part, Role, Signature};

/// Writes all messages; `own`: their extensions are of this format.
pub(super) fn encode_all(messages: &[Message], names: &Names, own: bool) -> Value {
    let mut turns = Turns { items: Vec::new(), custom: BTreeSet::new(), names };
    for message in messages {
        turns.message(message, own);
    }
    turns.items.into()
}

struct Turns<'a> {
    items: Vec<Value>,
    /// The ids of calls of tools that take free text: their results have a name of their own.
    custom: BTreeSet<&'a str>,
    names: &'a Names,
}

impl<'a> Turns<'a> {
    fn message(&mut self, message: &'a Message, own: bool) {
        let mut said: Vec<Value> = Vec::new();
        for part in &message.parts {
            let piece = match message.role {
                Role::Assistant => content::encode_said(part),
                _ if own && is_item(part) => None,
                _ => content::encode_input(part),
            };
            match piece {
                Some(piece) => said.push(piece),
                None => {
                    self.speak(message, &mut said, own);
                    self.items.extend(self.item(part));
                    if let Part::ToolCall { id, custom: true, .. } = part {
                        self.custom.insert(id);
                    }
                }
            }
        }
        self.speak(message, &mut said, own);
    }

    /// Writes what has been said so far.
    fn speak(&mut self, message: &Message, said: &mut Vec<Value>, own: bool) {
        if said.is_empty() {
            return;
        }
        let mut item = Map::new();
        item.insert("type".into(), "message".into());
        item.insert("role".into(), role(message.role).into());
        item.insert("content".into(), std::mem::take(said).into());
        if own {
            item.extend(message.extensions.0.clone());
        }
        self.items.push(item.into());
    }

    /// Writes what is an item of its own. Thoughts that no provider of this format has signed are left
    /// out: it would refuse them.
    fn item(&self, part: &Part) -> Option<Value> {
        match part {
            Part::Reasoning { text, signature: Some(signature), .. }
                if signature.dialect == Dialect::OpenAiResponses =>
            {
                Some(reasoning(text, signature))
            }
            Part::ToolCall { id, name, arguments, custom } => {
                let (namespace, name) = self.names.split(name);
                let (kind, words) = call(*custom);
                let mut item =
                    json!({ "type": kind, "call_id": id, "name": name, words: arguments });
                if let (Some(namespace), Some(fields)) = (namespace, item.as_object_mut()) {
                    fields.insert("namespace".into(), namespace.into());
                }
                Some(item)
            }
            Part::ToolResult { call_id, parts, .. } => {
                let kind = if self.custom.contains(call_id.as_str()) {
                    "custom_tool_call_output"
                } else {
                    "function_call_output"
                };
                Some(json!({ "type": kind, "call_id": call_id, "output": output(parts) }))
            }
            Part::Other { dialect: Dialect::OpenAiResponses, value } => Some(value.clone()),
            _ => None,
        }
    }
}

/// The kind of a call's item, and its field for what the tool is given.
pub(super) fn call(custom: bool) -> (&'static str, &'static str) {
    if custom { ("custom_tool_call", "input") } else { ("function_call", "arguments") }
}

/// Whether a part that is carried whole is an item rather than a piece of content.
fn is_item(part: &Part) -> bool {
    let Part::Other { value, .. } = part else { return false };
    value.get("type").and_then(Value::as_str).is_none_or(|kind| !kind.starts_with("input_"))
}

fn reasoning(text: &str, signature: &Signature) -> Value {
    let summary: Vec<Value> = if text.is_empty() {
        Vec::new()
    } else {
        vec![json!({ "type": "summary_text", "text": text })]
    };
    let mut item = Map::new();
    item.insert("type".into(), "reasoning".into());
    if let Some(id) = &signature.id {
        item.insert("id".into(), id.as_str().into());
    }
    item.insert("summary".into(), summary.into());
    item.insert("encrypted_content".into(), signature.text.as_str().into());
    item.into()
}

/// One text is written as such: some servers take nothing else.
fn output(parts: &[Part]) -> Value {
    match parts {
        [] => "".into(),
        [Part::Text { text, .. }] => text.as_str().into(),
        parts => parts.iter().filter_map(content::encode_input).collect(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    }
}
