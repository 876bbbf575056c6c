//! Writing an answer to a caller.

mod open;

use bytes::{Bytes, BytesMut};
use open::Open;
use serde_json::{Map, Value, json};

use super::{error::error_body, stop, usage};
use crate::{
    Error,
    agent::FIELD,
    chat::{Chunk, Delta, Dialect, Event, FinishReason, PartKind, Usage, Whole},
    wire::{Encode, object, sse},
};

/// What an answer says about itself where its provider does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncoderOptions {
    /// The answer's id.
    pub id: String,
    /// The model, by the name that the caller used.
    pub model: String,
    /// Names the request in errors.
    pub request_id: String,
    /// Input tokens, for an answer that must begin before anyone has counted them.
    pub input_estimate: u64,
}

/// Writes an answer: whole, or as named events.
///
/// What ends a streamed answer, its stop reason and its token counts, is written with
/// [`done`](Encode::done), since other formats count behind their last word. Where no one counted, a
/// quarter of the bytes stands for the tokens. Of several choices only the first is told: this format
/// has no more.
#[derive(Debug)]
pub struct AnswerEncoder {
    options: EncoderOptions,
    /// The provider's id of the answer, once it has begun.
    begun: Option<String>,
    /// `message_start` was written.
    started: bool,
    open: Option<Open>,
    /// The index of the next block.
    next: u32,
    said: stop::Said,
    reason: Option<FinishReason>,
    /// The provider's own `message_delta` went out.
    passed_end: bool,
    usage: Option<Usage>,
    output_bytes: u64,
    extensions: Map<String, Value>,
    failed: bool,
}

impl AnswerEncoder {
    /// An encoder for one answer.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            options,
            begun: None,
            started: false,
            open: None,
            next: 0,
            said: stop::Said::default(),
            reason: None,
            passed_end: false,
            usage: None,
            output_bytes: 0,
            extensions: Map::new(),
            failed: false,
        }
    }

    /// Keeps up with bytes that are passed on, so that events of our own fit between them.
    fn passed(&mut self, event: &Event) {
        match event {
            Event::Start { id, .. } => (self.begun, self.started) = (Some(id.clone()), true),
            Event::PartStart { kind, .. } => {
                self.notice(kind);
                self.open = Open::passed(kind, self.next);
            }
            Event::PartDelta { delta, .. } => {
                self.output_bytes += length(delta.text());
                if let Some(open) = &mut self.open {
                    open.heard(delta);
                }
            }
            Event::PartEnd { .. } => self.next += u32::from(self.open.take().is_some()),
            Event::Finish { .. } => self.passed_end = true,
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { .. } | Event::Ping | Event::Progress { .. } => {}
        }
    }

    fn event(&mut self, event: &Event, written: &mut BytesMut) {
        match event {
            Event::Ping | Event::Progress { .. } => written.extend_from_slice(&ping()),
            Event::Start { id, .. } => self.begun = Some(id.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::PartStart { choice: 0, kind, .. } => {
                self.start(written);
                self.notice(kind);
                self.open = Open::new(kind, self.next, &self.options.request_id);
                self.open_at_once(written);
            }
            Event::PartDelta { choice: 0, delta, .. } => self.delta(delta, written),
            Event::PartEnd { choice: 0, .. } => {
                if let Some(mut open) = self.open.take() {
                    open.end(written);
                    self.next += u32::from(open.is_told());
                }
            }
            Event::Finish { choice: 0, reason } => self.reason = Some(reason.clone()),
            Event::Extension { dialect: Dialect::Anthropic, choice, fields } => {
                self.extend(*choice, &fields.0, written);
            }
            Event::PartStart { .. }
            | Event::PartDelta { .. }
            | Event::PartEnd { .. }
            | Event::Finish { .. }
            | Event::Extension { .. } => {}
        }
    }

    fn notice(&mut self, kind: &PartKind) {
        self.said.call |= matches!(kind, PartKind::ToolCall { .. });
        self.said.refusal |= matches!(kind, PartKind::Refusal);
    }

    fn open_at_once(&mut self, written: &mut BytesMut) {
        if let Some(open) = &mut self.open {
            open.begin(written);
        }
    }

    fn delta(&mut self, delta: &Delta, written: &mut BytesMut) {
        self.output_bytes += length(delta.text());
        if let Some(open) = &mut self.open {
            open.delta(delta, written);
        }
    }

    /// Fields about the whole answer go into the next event that has room for them. Citations belong to
    /// the text that is open.
    fn extend(&mut self, choice: Option<u32>, fields: &Map<String, Value>, written: &mut BytesMut) {
        if choice.is_none() {
            for (field, value) in fields {
                match (self.extensions.get_mut(field), value) {
                    (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
                    _ => {
                        self.extensions.insert(field.clone(), value.clone());
                    }
                }
            }
        }
        let citations = fields.get("citations").and_then(Value::as_array);
        if let (Some(0), Some(citations), Some(open)) = (choice, citations, &mut self.open) {
            citations.iter().for_each(|citation| open.cite(citation, written));
        }
    }

    /// Writes `message_start`, if it is due.
    fn start(&mut self, written: &mut BytesMut) {
        if self.started || self.begun.is_none() {
            return;
        }
        self.started = true;
        let counted = self.usage.filter(|usage| usage.input > 0);
        let usage = counted.unwrap_or_else(|| Usage {
            input: self.options.input_estimate.max(1),
            ..Usage::default()
        });
        let mut message = self.message();
        message.insert("content".into(), json!([]));
        message.insert("stop_reason".into(), Value::Null);
        message.insert("stop_sequence".into(), Value::Null);
        message.insert("usage".into(), self.usage(&usage).into());
        for (field, value) in std::mem::take(&mut self.extensions) {
            message.entry(field).or_insert(value);
        }
        object::event(written, "message_start", |event| event.value("message", &message.into()));
    }

    /// What every message says about itself.
    fn message(&self) -> Map<String, Value> {
        let theirs = self.begun.as_deref().filter(|id| id.starts_with("msg_"));
        let mut message = Map::new();
        message.insert("id".into(), theirs.unwrap_or(&self.options.id).into());
        message.insert("type".into(), "message".into());
        message.insert("role".into(), "assistant".into());
        message.insert("model".into(), self.options.model.as_str().into());
        message
    }

    /// Token counts, and what the provider says beside them.
    fn usage(&mut self, usage: &Usage) -> Map<String, Value> {
        let mut written = usage::encode(usage);
        if let Some(Value::Object(more)) = self.extensions.shift_remove("usage") {
            for (field, value) in more {
                written.entry(field).or_insert(value);
            }
        }
        written
    }

    fn last_usage(&self) -> Usage {
        self.usage.unwrap_or_else(|| Usage {
            input: self.options.input_estimate.max(1),
            output: usage::tokens(self.output_bytes),
            ..Usage::default()
        })
    }

    /// Writes `message_delta`.
    fn end(&mut self, written: &mut BytesMut) {
        let usage = self.last_usage();
        let usage = self.usage(&usage);
        let reason = self.reason.take().unwrap_or(FinishReason::Stop);
        let (reason, sequence) = stop::encode(&reason, self.said);
        let mut delta = json!({ "stop_reason": reason, "stop_sequence": sequence });
        let mut event = Map::new();
        let mut rest = std::mem::take(&mut self.extensions);
        let managed = rest.shift_remove("context_management");
        let about = rest.shift_remove(FIELD);
        if let Some(delta) = delta.as_object_mut() {
            delta.extend(rest);
        }
        event.insert("delta".into(), delta);
        event.insert("usage".into(), usage.into());
        event.extend(managed.map(|it| ("context_management".to_owned(), it)));
        event.extend(about.map(|it| (FIELD.to_owned(), it)));
        object::event(written, "message_delta", |message| message.rest(&event, &[]));
    }
}

impl Encode for AnswerEncoder {
    fn whole(&mut self, whole: &Whole) -> Bytes {
        self.begun = Some(whole.id.clone());
        if self.options.model.is_empty() {
            self.options.model.clone_from(&whole.model);
        }
        let message = self.message();
        let blank = Usage { input: self.options.input_estimate.max(1), ..Usage::default() };
        super::whole::encode(whole, message, blank)
    }

    fn chunk(&mut self, chunk: &Chunk) -> Bytes {
        for event in &chunk.events {
            if let Event::Start { model, .. } = event
                && self.options.model.is_empty()
            {
                self.options.model.clone_from(model);
            }
        }
        if let Some(verbatim) = &chunk.verbatim {
            chunk.events.iter().for_each(|event| self.passed(event));
            return verbatim.clone();
        }
        let mut written = BytesMut::new();
        for event in &chunk.events {
            self.event(event, &mut written);
        }
        self.start(&mut written);
        written.freeze()
    }

    fn error(&mut self, error: &Error) -> Bytes {
        self.failed = true;
        let body = error_body(error, &self.options.request_id);
        sse::encode_event("error", &body.to_string())
    }

    fn done(&mut self) -> Bytes {
        let mut written = BytesMut::new();
        if self.started && !self.failed {
            if !self.passed_end {
                self.end(&mut written);
            }
            object::event(&mut written, "message_stop", |_| {});
        }
        written.freeze()
    }

    fn keep_alive(&mut self, note: Option<&str>) -> Bytes {
        match note {
            Some(note) => [format!(": {note}\n").as_bytes(), &ping()].concat().into(),
            None => ping(),
        }
    }
}

fn ping() -> Bytes {
    Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n")
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}
