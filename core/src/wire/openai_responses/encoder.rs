//! Writing an answer to a caller, streamed or whole.
//!
//! Every part of the answer is one item of the response. Its events come in one order: the item is added,
//! then its pieces, then it is done, with all it has become. One event ends the response, on every path.

mod own;
mod told;

use std::mem;

use bytes::{Bytes, BytesMut};
use own::OwnCalls;
use serde_json::{Map, Value, json};

pub use told::Told;

use super::{
    failing,
    item::{self, Notes, Style},
    keeping::Keeping,
    name::Names,
    piece::{Open, closing, item_place, noted, notes, place, probable},
    response::{Response, State},
};
use crate::{
    Code, Error,
    chat::{
        Chunk, Delta, Dialect, Event, FinishReason, Part, PartKind, Request, Usage, Whole,
        own_calls,
    },
    wire::{
        Encode, Opening,
        object::{self, Object},
        sse,
    },
};

/// Writes one answer.
#[derive(Debug)]
pub struct AnswerEncoder {
    response: Response,
    style: Style,
    /// What ids of items end with, before their number.
    id: String,
    /// How many events were written.
    sequence: u64,
    begun: bool,
    /// How many items another process has begun.
    before: u64,
    /// The items that are done.
    output: Vec<Value>,
    open: Option<Open>,
    /// Calls that the gateway answers itself.
    own: OwnCalls,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    /// The last event, in the provider's own bytes. It waits until nothing can fail any more.
    held: Option<Bytes>,
    /// Whether the last event was written.
    ended: bool,
}

impl AnswerEncoder {
    /// An encoder of the answer to `request`.
    pub fn new(request: &Request, opening: &Opening) -> Self {
        let shows_encrypted = Keeping::of(request).is_none_or(|keeping| keeping.shows_encrypted);
        Self {
            response: Response::new(request, opening),
            style: Style { names: Names::of(&request.tools), shows_encrypted },
            id: opening.id.clone(),
            sequence: 0,
            begun: false,
            before: 0,
            output: Vec::new(),
            open: None,
            own: OwnCalls::default(),
            usage: None,
            finish: None,
            held: None,
            ended: false,
        }
    }

    /// The response to a whole answer.
    pub fn respond(&mut self, whole: &Whole) -> Value {
        let reason = whole.choices.get(&0).and_then(|choice| choice.finish_reason.as_ref());
        self.object(whole, State::ended(reason))
    }

    /// The response to an answer that failed when so much of it had come.
    pub fn respond_failed(&mut self, whole: &Whole, error: &Error) -> Value {
        let error = Some(failing::encode(error));
        self.object(whole, State { status: "failed", error, ..State::default() })
    }

    fn object(&mut self, whole: &Whole, ending: State<'static>) -> Value {
        self.response.started(&whole.model);
        self.response.about(&whole.extensions);
        let choice = whole.choices.get(&0);
        let parts = choice.map_or(&[] as &[Part], |choice| &choice.parts);
        let last = if ending.status == "completed" { "completed" } else { "incomplete" };
        let own = own_calls(parts);
        for (index, part) in parts.iter().enumerate() {
            if let Some(item) = self.own_item(part, parts, &own) {
                self.output.push(item);
                continue;
            }
            let status = if index + 1 == parts.len() { last } else { "completed" };
            let notes = choice.map(|choice| notes(&choice.extensions.0, index)).unwrap_or_default();
            let id = self.item_id(part);
            let item = self.style.item(part, &id, status, &notes);
            self.output.extend(item.map(Value::from));
        }
        let usage = whole.usage.as_ref();
        self.response.object(State { output: &self.output, usage, ..ending })
    }

    fn item_id(&self, part: &Part) -> String {
        format!("{}_{}_{}", item::prefix(part), self.id, self.index())
    }

    /// Keeps up with bytes that are passed on, so that the end fits to them if the provider fails.
    fn passed(&mut self, event: &Event) {
        match event {
            Event::Start { id, model, created } => {
                self.begun = true;
                self.response.passed(id, model, *created);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Ping => out.extend_from_slice(sse::KEEP_ALIVE),
            Event::Progress { percent } => {
                let note = format!("prompt {percent} %");
                out.extend_from_slice(&self.keep_alive(Some(&note)));
            }
            Event::Start { model, .. } => {
                self.response.started(model);
                self.begin(out);
            }
            Event::PartStart { choice: 0, kind, .. } => self.own_part(kind, out),
            Event::PartDelta { choice: 0, delta, .. } if self.own.is_open() => {
                self.own_delta(delta, out);
            }
            Event::PartDelta { choice: 0, delta, .. } => self.delta(delta, out),
            Event::PartEnd { choice: 0, .. } if self.own.is_open() => self.own_end(out),
            Event::PartEnd { choice: 0, .. } => {
                if let Some(open) = &mut self.open {
                    open.complete = true;
                }
            }
            Event::Finish { choice: 0, reason } => {
                self.close(State::ended(Some(reason)).status, out);
                self.finish = Some(reason.clone());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { dialect, choice: Some(0), fields } => {
                self.note(*dialect, &fields.0, out);
            }
            Event::Extension { choice: None, fields, .. } => self.response.about(fields),
            // Callers of this format cannot ask for more than one choice.
            Event::PartStart { .. }
            | Event::PartDelta { .. }
            | Event::PartEnd { .. }
            | Event::Finish { .. }
            | Event::Extension { .. } => {}
        }
    }

    /// Writes the events that every response begins with.
    fn begin(&mut self, out: &mut BytesMut) {
        if !mem::replace(&mut self.begun, true) {
            for kind in ["response.created", "response.in_progress"] {
                let state = State { status: "in_progress", ..State::default() };
                self.write(kind, out, |event, response| response.write(event, state));
            }
        }
    }

    fn part(&mut self, kind: &PartKind, out: &mut BytesMut) {
        self.begin(out);
        self.close("completed", out);
        let part = Part::begun(kind.clone());
        let id = self.item_id(&part);
        let Some(mut item) = self.style.item(&part, &id, "in_progress", &Notes::default()) else {
            return;
        };
        let said = item::content(&part, &Notes::default());
        if said.is_some() {
            item.insert("content".into(), json!([]));
        }
        let index = self.index();
        self.write("response.output_item.added", out, |event, _| {
            event.number("output_index", index);
            event.value("item", &item.into());
        });
        if let Some(said) = said {
            self.write("response.content_part.added", out, |event, _| {
                place(event, &id, index, "content_index");
                event.value("part", &said);
            });
        }
        self.open =
            Some(Open { id, part, notes: Notes::default(), probable: Vec::new(), complete: false });
    }

    fn delta(&mut self, delta: &Delta, out: &mut BytesMut) {
        let Some(mut open) = self.open.take() else { return };
        let first = matches!(&open.part, Part::Reasoning { text, .. } if text.is_empty());
        let probable = mem::take(&mut open.probable);
        open.notes.logprobs.extend(probable.iter().cloned());
        let custom = matches!(open.part, Part::ToolCall { custom: true, .. });
        open.part.extend(delta);
        let (kind, piece) = match delta {
            Delta::Text(_) => ("response.output_text.delta", Some("content_index")),
            Delta::Refusal(_) => ("response.refusal.delta", Some("content_index")),
            Delta::Reasoning(_) => ("response.reasoning_summary_text.delta", Some("summary_index")),
            Delta::Arguments(_) if custom => ("response.custom_tool_call_input.delta", None),
            Delta::Arguments(_) => ("response.function_call_arguments.delta", None),
            Delta::Signature(_) => {
                self.open = Some(open);
                return;
            }
        };
        let (id, index) = (open.id.as_str(), self.index());
        if first {
            self.write("response.reasoning_summary_part.added", out, |event, _| {
                place(event, id, index, "summary_index");
                event.value("part", &item::summary(""));
            });
        }
        self.write(kind, out, |event, _| {
            match piece {
                Some(piece) => place(event, id, index, piece),
                None => item_place(event, id, index),
            }
            event.text("delta", delta.text());
            match delta {
                Delta::Text(_) if probable.is_empty() => event.list("logprobs", |_| {}),
                Delta::Text(_) => event.value("logprobs", &probable.into()),
                _ => {}
            }
        });
        self.open = Some(open);
    }

    /// Ends the open item.
    fn close(&mut self, status: &str, out: &mut BytesMut) {
        let Some(mut open) = self.open.take() else { return };
        let (id, index) = (open.id.clone(), self.index());
        let status = if open.complete { status } else { "incomplete" };
        if let Part::ToolCall { arguments, custom: false, .. } = &open.part
            && arguments.trim().is_empty()
            && status == "completed"
        {
            // A tool that takes nothing is given an empty object: clients fail to parse nothing.
            self.open = Some(open);
            self.delta(&Delta::Arguments("{}".into()), out);
            let Some(again) = self.open.take() else { return };
            open = again;
        }
        for (kind, fields) in closing(&open, &self.style.names) {
            self.write(kind, out, |event, _| {
                item_place(event, &id, index);
                event.rest(&fields, &[]);
            });
        }
        if let Some(item) = self.style.item(&open.part, &id, status, &open.notes) {
            let item = Value::from(item);
            self.write("response.output_item.done", out, |event, _| {
                event.number("output_index", index);
                event.value("item", &item);
            });
            self.output.push(item);
        }
    }

    fn note(&mut self, dialect: Dialect, fields: &Map<String, Value>, out: &mut BytesMut) {
        let index = self.index();
        let Some(open) = self.open.as_mut().filter(|open| matches!(open.part, Part::Text { .. }))
        else {
            return;
        };
        let Notes { annotations, logprobs } = match dialect {
            Dialect::OpenAiResponses => fields.values().map(noted).next().unwrap_or_default(),
            Dialect::OpenAiChat => Notes { logprobs: probable(fields), ..Notes::default() },
            _ => return,
        };
        open.probable.extend(logprobs);
        let first = length(open.notes.annotations.len());
        open.notes.annotations.extend(annotations.iter().cloned());
        let id = open.id.clone();
        for (number, annotation) in (first..).zip(annotations) {
            self.write("response.output_text.annotation.added", out, |event, _| {
                place(event, &id, index, "content_index");
                event.number("annotation_index", number);
                event.value("annotation", &annotation);
            });
        }
    }

    /// Writes the last event.
    fn end(&mut self, state: State<'static>, out: &mut BytesMut) {
        if mem::replace(&mut self.ended, true) {
            return;
        }
        self.begin(out);
        self.give_up(out);
        let kind = match state.status {
            "completed" => "response.completed",
            "incomplete" => "response.incomplete",
            _ => "response.failed",
        };
        let (output, usage) = (mem::take(&mut self.output), self.usage.take());
        let state = State { output: &output, usage: usage.as_ref(), ..state };
        self.write(kind, out, |event, response| response.write(event, state));
    }

    fn fail(&mut self, error: &Error) -> Bytes {
        let mut out = BytesMut::new();
        self.held = None;
        // What is not complete is not called done: clients run calls that are.
        if self.open.take_if(|open| !open.complete).is_none() {
            self.close("completed", &mut out);
        }
        let error = Some(failing::encode(error));
        self.end(State { status: "failed", error, ..State::default() }, &mut out);
        out.freeze()
    }

    /// The place of the item to come, or of the open one.
    fn index(&self) -> u64 {
        self.before.saturating_add(length(self.output.len()))
    }

    /// Writes an event: its type and number, and then its own fields.
    fn write(
        &mut self,
        kind: &'static str,
        out: &mut BytesMut,
        fields: impl FnOnce(&mut Object<'_>, &mut Response),
    ) {
        object::event(out, kind, |event| {
            event.number("sequence_number", self.sequence);
            fields(event, &mut self.response);
        });
        self.sequence += 1;
    }
}

impl Encode for AnswerEncoder {
    fn whole(&mut self, whole: &Whole) -> Bytes {
        Bytes::from(self.respond(whole).to_string())
    }

    fn chunk(&mut self, chunk: &Chunk) -> Bytes {
        let Some(verbatim) = &chunk.verbatim else {
            let mut out = BytesMut::new();
            for event in &chunk.events {
                self.event(event, &mut out);
            }
            return out.freeze();
        };
        chunk.events.iter().for_each(|event| self.passed(event));
        if chunk.events.iter().any(|event| matches!(event, Event::Finish { .. })) {
            self.held = Some(verbatim.clone());
            return Bytes::new();
        }
        self.sequence += u64::from(!verbatim.is_empty());
        verbatim.clone()
    }

    fn error(&mut self, error: &Error) -> Bytes {
        self.fail(error)
    }

    fn done(&mut self) -> Bytes {
        if let Some(held) = self.held.take() {
            self.ended = true;
            return held;
        }
        if self.ended {
            return Bytes::new();
        }
        let Some(reason) = self.finish.take() else {
            return self.fail(&Error::new(Code::UpstreamFailed, "the answer broke off"));
        };
        let mut out = BytesMut::new();
        self.end(State::ended(Some(&reason)), &mut out);
        out.freeze()
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
