//! The block of a streamed answer that is open.

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::super::{block, own};
use crate::{
    chat::{Delta, Dialect, PartKind},
    wire::{
        arguments::Arguments,
        object::{self, Object},
    },
};

/// What a delta is called, and its field.
type Piece = (&'static str, &'static str);

const SIGNATURE: Piece = ("signature_delta", "signature");
const INPUT: Piece = ("input_json_delta", "partial_json");

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
    /// Called by the caller, or by the gateway itself.
    Call {
        kind: &'static str,
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
                let (id, name) = (named(id), name.clone());
                Kind::Call { kind: "tool_use", id, name, arguments: Arguments::default() }
            }
            PartKind::OwnCall { id, name } => {
                let (id, name) = (own::id(id), name.clone());
                Kind::Call { kind: own::CALL, id, name, arguments: Arguments::default() }
            }
            PartKind::ToolResult { call_id, parts, is_error } => {
                Kind::Own(own::result(call_id, parts, *is_error))
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
            Kind::Call { kind, id, name, .. } => {
                json!({ "type": kind, "id": id, "name": name, "input": {} })
            }
            Kind::Free { id, name, .. } => {
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
        let (kind, field) = match (&mut self.kind, delta) {
            (Kind::Text, Delta::Text(_) | Delta::Refusal(_)) => {
                self.start_text(written);
                ("text_delta", "text")
            }
            (Kind::Thinking { signed }, Delta::Signature(_)) => {
                *signed = true;
                SIGNATURE
            }
            (Kind::Thinking { .. }, Delta::Reasoning(_)) => ("thinking_delta", "thinking"),
            (Kind::Redacted, Delta::Signature(_)) => {
                return self.start(&json!({ "type": "redacted_thinking", "data": text }), written);
            }
            (Kind::Call { arguments, .. }, Delta::Arguments(_)) => {
                arguments.push(text);
                INPUT
            }
            (Kind::Free { text: input, .. }, Delta::Arguments(more)) => {
                input.push_str(more);
                return;
            }
            _ => return,
        };
        self.piece((kind, field), text, written);
    }

    /// Adds the source of what the text says.
    pub(super) fn cite(&mut self, citation: &Value, written: &mut BytesMut) {
        if matches!(self.kind, Kind::Text) {
            self.start_text(written);
            self.write(written, |delta| {
                delta.word("type", "citations_delta");
                delta.value("citation", citation);
            });
        }
    }

    /// Writes what is missing, and the end.
    pub(super) fn end(&mut self, written: &mut BytesMut) {
        match &self.kind {
            // Clients rely on a signature at the end of every thought, even where nobody signed it.
            Kind::Thinking { signed: false } => self.piece(SIGNATURE, "", written),
            Kind::Call { arguments, .. } if arguments.blank() => self.piece(INPUT, "{}", written),
            Kind::Free { text, .. } => {
                self.piece(INPUT, &block::input(text, true).to_string(), written);
            }
            Kind::Own(value) => match value.get("input") {
                Some(input @ Value::Object(fields)) if !fields.is_empty() => {
                    self.piece(INPUT, &input.to_string(), written);
                }
                _ => {}
            },
            _ => {}
        }
        if self.told {
            let index = self.index;
            object::event(written, "content_block_stop", |event| event.number("index", index));
        }
    }

    fn start_text(&mut self, written: &mut BytesMut) {
        if !self.told {
            self.start(&json!({ "type": "text", "text": "" }), written);
        }
    }

    fn start(&mut self, block: &Value, written: &mut BytesMut) {
        if !std::mem::replace(&mut self.told, true) {
            object::event(written, "content_block_start", |event| {
                event.number("index", self.index);
                event.value("content_block", block);
            });
        }
    }

    /// Writes a delta with one field.
    fn piece(&self, (kind, field): Piece, text: &str, written: &mut BytesMut) {
        self.write(written, |delta| {
            delta.word("type", kind);
            delta.text(field, text);
        });
    }

    fn write(&self, written: &mut BytesMut, delta: impl FnOnce(&mut Object<'_>)) {
        object::event(written, "content_block_delta", |event| {
            event.number("index", self.index);
            event.object("delta", delta);
        });
    }
}
