//! From what a provider says to a legal sequence of events, for dialects that say one part after the
//! other and call tools whole.

use sha2::{Digest, Sha256};

use crate::chat::{Delta, Dialect, Event, FinishReason, PartKind, Signature};

/// What is said rather than called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Text,
    Reasoning,
    Refusal,
}

/// A tool call, complete.
#[derive(Debug)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
}

/// One choice in the making.
#[derive(Debug)]
pub(super) struct Sequence {
    choice: u32,
    /// The index of the open part, or of the next one.
    index: u32,
    open: Option<Voice>,
    called: bool,
}

impl Sequence {
    pub(super) fn new(choice: u32) -> Self {
        Self { choice, index: 0, open: None, called: false }
    }

    /// Whether a tool was called.
    pub(super) fn has_calls(&self) -> bool {
        self.called
    }

    /// Whether the open part is of `voice`.
    pub(super) fn speaks(&self, voice: Voice) -> bool {
        self.open == Some(voice)
    }

    /// Something is said. Nothing said is no part.
    pub(super) fn say(&mut self, voice: Voice, text: String, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if !self.speaks(voice) {
            let kind = match voice {
                Voice::Text => PartKind::Text,
                Voice::Reasoning => PartKind::Reasoning,
                Voice::Refusal => PartKind::Refusal,
            };
            self.start(kind, events);
            self.open = Some(voice);
        }
        let delta = match voice {
            Voice::Text => Delta::Text(text),
            Voice::Reasoning => Delta::Reasoning(text),
            Voice::Refusal => Delta::Refusal(text),
        };
        self.add(delta, events);
    }

    /// The thoughts so far are signed: those that are open, or else some that were not told.
    pub(super) fn sign(&mut self, signature: Signature, events: &mut Vec<Event>) {
        if !self.speaks(Voice::Reasoning) {
            self.start(PartKind::Redacted, events);
        }
        self.add(Delta::Signature(signature), events);
        self.end(events);
    }

    /// A tool is called.
    pub(super) fn call(&mut self, call: ToolCall, events: &mut Vec<Event>) {
        let ToolCall { id, name, arguments } = call;
        self.called = true;
        self.start(PartKind::ToolCall { id, name, custom: false }, events);
        self.add(Delta::Arguments(arguments), events);
        self.end(events);
    }

    /// A part comes that only `dialect` has.
    pub(super) fn other(
        &mut self,
        dialect: Dialect,
        value: serde_json::Value,
        events: &mut Vec<Event>,
    ) {
        self.start(PartKind::Other { dialect, value }, events);
        self.end(events);
    }

    /// Everything is said.
    pub(super) fn finish(mut self, reason: FinishReason, events: &mut Vec<Event>) {
        self.close(events);
        events.push(Event::Finish { choice: self.choice, reason });
    }

    fn start(&mut self, kind: PartKind, events: &mut Vec<Event>) {
        self.close(events);
        events.push(Event::PartStart { choice: self.choice, index: self.index, kind });
    }

    fn add(&self, delta: Delta, events: &mut Vec<Event>) {
        events.push(Event::PartDelta { choice: self.choice, index: self.index, delta });
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if self.open.is_some() {
            self.end(events);
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        events.push(Event::PartEnd { choice: self.choice, index: self.index });
        self.open = None;
        self.index += 1;
    }
}

/// Ids for the calls of one answer, for providers that give them none. The same answer gets the same
/// ids, another answer gets others.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// What tells this answer from others.
    answer: String,
    given: u32,
}

impl CallIds {
    /// The calls belong to the answer that `answer` names. The first name counts.
    pub(super) fn of(&mut self, answer: &str) {
        if self.answer.is_empty() {
            answer.clone_into(&mut self.answer);
        }
    }

    /// An id for the next call.
    pub(super) fn next(&mut self, name: &str, arguments: &str) -> String {
        let count = self.given.to_string();
        self.given += 1;
        let mut hash = Sha256::new();
        for text in [&self.answer, &count, name, arguments] {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
        let hex = hash.finalize().into_iter().take(12).map(|byte| format!("{byte:02x}"));
        format!("call_{}", hex.collect::<String>())
    }
}
