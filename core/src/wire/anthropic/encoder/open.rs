//! The block of a streamed answer that is open.

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::super::block;
use super::write;
use crate::{
    chat::{Delta, Dialect, PartKind},
    wire::arguments::Arguments,
};

/// A block that has begun, or that waits for its first word.
#[derive(Debug)]
pub(super) struct Open {
    index: u32,
    kind: Kind,
    /// Its start was written.
    told: bool,
}

#[derive(Debug)]
enum Kind {
    /// An empty text is no block: Anthropic would refuse it in the next request.
    Text,
    Thinking {
        signed: bool,
    },
    /// The encrypted thoughts stand in the start of their block.
    Redacted,
    Call {
        id: String,
        name: String,
        arguments: Arguments,
    },
    /// A call of a tool that takes free text. As it becomes an object, it has to be complete first.
    Free {
        id: String,
        name: String,
        text: String,
    },
    /// A block of the provider's own.
    Own(Map<String, Value>),
}

impl Open {
    /// `None`: only callers of another format understand the part. `seed` is part of the id of a call
    /// that has none.
    pub(super) fn new(kind: &PartKind, index: u32, seed: &str) -> Option<Self> {
        let named = |id: &str| {
            if id.is_empty() { format!("toolu_{seed}_{index}") } else { id.to_owned() }
        };
        let kind = match kind {
            PartKind::Text | PartKind::Refusal => Kind::Text,
            PartKind::Reasoning => Kind::Thinking { signed: false },
            PartKind::Redacted => Kind::Redacted,
            PartKind::ToolCall { id, name, custom: true } => {
                Kind::Free { id: named(id), name: name.clone(), text: String::new() }
            }
            PartKind::ToolCall { id, name, custom: false } => {
                Kind::Call { id: named(id), name: name.clone(), arguments: Arguments::default() }
            }
            PartKind::Other { dialect: Dialect::Anthropic, value: Value::Object(value) } => {
                Kind::Own(value.clone())
            }
            PartKind::Other { .. } => return None,
        };
        Some(Self { index, kind, told: false })
    }

    /// The same, where the provider's bytes have opened it.
    pub(super) fn passed(kind: &PartKind, index: u32) -> Option<Self> {
        Self::new(kind, index, "").map(|open| Self { told: true, ..open })
    }

    /// Whether the caller has seen something of it.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// Takes note of a delta whose bytes were passed on.
    pub(super) fn heard(&mut self, delta: &Delta) {
        match (&mut self.kind, delta) {
            (Kind::Thinking { signed }, Delta::Signature(_)) => *signed = true,
            (Kind::Call { arguments, .. }, Delta::Arguments(text)) => arguments.push(text),
            _ => {}
        }
    }

    /// Writes the start, of those blocks whose start says everything it will say.
    pub(super) fn begin(&mut self, written: &mut BytesMut) {
        let block = match &self.kind {
            Kind::Thinking { .. } => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            Kind::Call { id, name, .. } | Kind::Free { id, name, .. } => {
                json!({ "type": "tool_use", "id": id, "name": name, "input": {} })
            }
            Kind::Own(value) => {
                let mut value = value.clone();
                if let Some(Value::Object(input)) = value.get_mut("input") {
                    input.clear();
                }
                value.into()
            }
            Kind::Text | Kind::Redacted => return,
        };
        self.start(&block, written);
    }

    pub(super) fn delta(&mut self, delta: &Delta, written: &mut BytesMut) {
        let text = delta.text();
        if text.is_empty() {
            return;
        }
        let delta = match (&mut self.kind, delta) {
            (Kind::Text, Delta::Text(_) | Delta::Refusal(_)) => {
                self.start(&json!({ "type": "text", "text": "" }), written);
                json!({ "type": "text_delta", "text": text })
            }
            (Kind::Thinking { signed }, Delta::Signature(_)) => {
                *signed = true;
                json!({ "type": "signature_delta", "signature": text })
            }
            (Kind::Thinking { .. }, Delta::Reasoning(_)) => {
                json!({ "type": "thinking_delta", "thinking": text })
            }
            (Kind::Redacted, Delta::Signature(_)) => {
                return self.start(&json!({ "type": "redacted_thinking", "data": text }), written);
            }
            (Kind::Call { arguments, .. }, Delta::Arguments(_)) => {
                arguments.push(text);
                json!({ "type": "input_json_delta", "partial_json": text })
            }
            (Kind::Free { text: input, .. }, Delta::Arguments(more)) => {
                input.push_str(more);
                return;
            }
            _ => return,
        };
        self.write_delta(&delta, written);
    }

    /// Adds the source of what the text says.
    pub(super) fn cite(&mut self, citation: &Value, written: &mut BytesMut) {
        if matches!(self.kind, Kind::Text) {
            self.start(&json!({ "type": "text", "text": "" }), written);
            let delta = json!({ "type": "citations_delta", "citation": citation });
            self.write_delta(&delta, written);
        }
    }

    /// Writes what is missing, and the end.
    pub(super) fn end(&mut self, written: &mut BytesMut) {
        let missing = match &self.kind {
            // Clients rely on a signature at the end of every thought, even where nobody signed it.
            Kind::Thinking { signed: false } => {
                Some(json!({ "type": "signature_delta", "signature": "" }))
            }
            Kind::Call { arguments, .. } if arguments.blank() => Some(partial_json("{}")),
            Kind::Free { text, .. } => Some(partial_json(&block::input(text, true).to_string())),
            Kind::Own(value) => match value.get("input") {
                Some(Value::Object(input)) if !input.is_empty() => {
                    Some(partial_json(&Value::Object(input.clone()).to_string()))
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(delta) = missing {
            self.write_delta(&delta, written);
        }
        if self.told {
            write(written, "content_block_stop", json!({ "index": self.index }));
        }
    }

    fn start(&mut self, block: &Value, written: &mut BytesMut) {
        if !std::mem::replace(&mut self.told, true) {
            let fields = json!({ "index": self.index, "content_block": block });
            write(written, "content_block_start", fields);
        }
    }

    fn write_delta(&self, delta: &Value, written: &mut BytesMut) {
        write(written, "content_block_delta", json!({ "index": self.index, "delta": delta }));
    }
}

fn partial_json(text: &str) -> Value {
    json!({ "type": "input_json_delta", "partial_json": text })
}
