//! A block in the making.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::cite;
use crate::{
    Code, Error, Result,
    chat::{Delta, Dialect, Event, PartKind, Signature},
    wire::{arguments::Arguments, out::Out},
};

/// What is said rather than called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Text,
    Thinking,
}

#[derive(Debug)]
enum Kind {
    Voice(Voice),
    Redacted,
    Call {
        id: String,
        name: String,
        arguments: Arguments,
    },
    /// Of a kind that the vocabulary has no word for: told when it is complete.
    Own(Map<String, Value>),
}

/// A block that is open, or waits to be.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its index, as the provider counts.
    at: u64,
    kind: Kind,
    /// Whether its start has been told.
    told: bool,
    stopped: bool,
    /// What has not been told yet. Of a block of the provider's own: its whole input, as JSON.
    text: String,
    signature: String,
    /// The input of a call, if it stood in its start.
    input: Map<String, Value>,
    citations: Vec<Value>,
}

impl Pending {
    /// A block as it starts. `number`: how many came before.
    pub(super) fn new(
        at: u64,
        mut block: Map<String, Value>,
        number: u32,
        out: &mut Out,
    ) -> Result<Self> {
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut pending = Self::empty(at, Kind::Voice(Voice::Text));
        match kind.as_str() {
            "text" => {
                pending.text = text(&mut block, "text");
                if let Some(Value::Array(citations)) = block.shift_remove("citations") {
                    pending.citations = citations;
                }
            }
            "thinking" => {
                pending.kind = Kind::Voice(Voice::Thinking);
                pending.text = text(&mut block, "thinking");
                pending.signature = text(&mut block, "signature");
            }
            "redacted_thinking" => {
                pending.kind = Kind::Redacted;
                pending.signature = text(&mut block, "data");
            }
            "tool_use" => {
                let (mut id, name) = (text(&mut block, "id"), text(&mut block, "name"));
                if name.is_empty() {
                    let why = "the provider called a tool without naming it";
                    return Err(Error::new(Code::UpstreamInvalid, why));
                }
                if id.is_empty() {
                    out.inexact = true;
                    id = format!("toolu_{number}");
                }
                pending.kind = Kind::Call { id, name, arguments: Arguments::default() };
                if let Some(Value::Object(input)) = block.shift_remove("input") {
                    pending.input = input;
                }
            }
            _ => pending.kind = Kind::Own(block),
        }
        Ok(pending)
    }

    /// A block that something is said in.
    pub(super) fn voice(at: u64, voice: Voice, said: Cow<'_, str>) -> Self {
        Self { text: said.into_owned(), ..Self::empty(at, Kind::Voice(voice)) }
    }

    fn empty(at: u64, kind: Kind) -> Self {
        Self {
            at,
            kind,
            told: false,
            stopped: false,
            text: String::new(),
            signature: String::new(),
            input: Map::new(),
            citations: Vec::new(),
        }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call { .. })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How much it has to tell, in bytes.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether more of `voice` belongs to it.
    pub(super) fn takes(&self, voice: Voice) -> bool {
        matches!(self.kind, Kind::Voice(it) if it == voice) && !self.stopped
    }

    /// Whether more input belongs to it.
    pub(super) fn takes_input(&self) -> bool {
        matches!(self.kind, Kind::Call { .. } | Kind::Own(_)) && !self.stopped
    }

    /// Whether it is over as soon as something else begins.
    pub(super) fn gives_way(&self) -> bool {
        match &self.kind {
            Kind::Voice(_) | Kind::Redacted => true,
            Kind::Call { arguments, .. } => arguments.complete(),
            Kind::Own(_) => false,
        }
    }

    pub(super) fn push(&mut self, piece: Cow<'_, str>) {
        if let Kind::Call { arguments, .. } = &mut self.kind {
            arguments.push(&piece);
        }
        if self.text.is_empty() {
            self.text = piece.into_owned();
        } else {
            self.text.push_str(&piece);
        }
    }

    /// The signature is told with the end: whatever else is thought, it comes last.
    pub(super) fn sign(&mut self, signature: &str) {
        self.signature.push_str(signature);
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Tells what is known of it, as the part `index`. Returns how many bytes of that had waited.
    pub(super) fn tell(&mut self, index: u32, out: &mut Out) -> usize {
        if !self.told {
            let kind = match &self.kind {
                Kind::Voice(Voice::Text) => PartKind::Text,
                Kind::Voice(Voice::Thinking) => PartKind::Reasoning,
                Kind::Redacted => PartKind::Redacted,
                Kind::Call { id, name, .. } => {
                    PartKind::ToolCall { id: id.clone(), name: name.clone(), custom: false }
                }
                Kind::Own(_) => return 0,
            };
            out.events.push(Event::PartStart { choice: 0, index, kind });
            self.told = true;
        }
        let told = self.text.len();
        if told > 0 {
            let text = std::mem::take(&mut self.text);
            let delta = match &self.kind {
                Kind::Voice(Voice::Thinking) => Delta::Reasoning(text),
                Kind::Call { .. } => Delta::Arguments(text),
                _ => Delta::Text(text),
            };
            out.events.push(Event::PartDelta { choice: 0, index, delta });
        }
        if !self.citations.is_empty() {
            cite(std::mem::take(&mut self.citations), out);
        }
        told
    }

    /// Ends the part. `cut`: the answer was cut off, so that what is missing stays missing.
    pub(super) fn close(&mut self, index: u32, cut: bool, out: &mut Out) {
        let mut last = None;
        match &mut self.kind {
            Kind::Voice(Voice::Thinking) | Kind::Redacted if !self.signature.is_empty() => {
                let proof = std::mem::take(&mut self.signature);
                last = Some(Delta::Signature(Signature::new(Dialect::Anthropic, proof)));
            }
            // The input of a tool that takes nothing is an empty object, which comes as no delta at all.
            Kind::Call { arguments, .. } if arguments.blank() && (self.stopped || !cut) => {
                let input = Value::Object(std::mem::take(&mut self.input));
                last = Some(Delta::Arguments(input.to_string()));
            }
            Kind::Own(block) => {
                let mut block = std::mem::take(block);
                if let Ok(input @ Value::Object(_)) = serde_json::from_str(&self.text) {
                    block.insert("input".into(), input);
                }
                let kind =
                    PartKind::Other { dialect: Dialect::Anthropic, value: Value::Object(block) };
                out.events.push(Event::PartStart { choice: 0, index, kind });
            }
            _ => {}
        }
        if let Some(delta) = last {
            out.events.push(Event::PartDelta { choice: 0, index, delta });
        }
        out.events.push(Event::PartEnd { choice: 0, index });
    }
}

/// Takes a field if it is a text.
fn text(from: &mut Map<String, Value>, field: &str) -> String {
    match from.get_mut(field) {
        Some(Value::String(text)) => std::mem::take(text),
        _ => String::new(),
    }
}
