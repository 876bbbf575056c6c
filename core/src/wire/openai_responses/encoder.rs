//! Writing an answer to a caller, streamed or whole.
//!
//! Every part of the answer is one item of the response. Its events come in one order: the item is added,
//! then its pieces, then it is done, with all it has become. One event ends the response, on every path.

use std::mem;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::{
    failing,
    item::{self, Notes, Style},
    keeping::Keeping,
    name::Names,
    piece::{Open, closing, item_place, noted, notes, place, probable, with},
    response::{Response, State},
};
use crate::{
    Code, Error,
    chat::{Chunk, Delta, Dialect, Event, FinishReason, Part, PartKind, Request, Usage, Whole},
    wire::{Encode, Opening, sse},
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
    /// The items that are done.
    output: Vec<Value>,
    open: Option<Open>,
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
            output: Vec::new(),
            open: None,
            usage: None,
            finish: None,
            held: None,
            ended: false,
        }
    }

    /// Shows encrypted thoughts even to a caller who did not ask for them.
    #[must_use]
    pub fn showing_all(mut self) -> Self {
        self.style.shows_encrypted = true;
        self
    }

    /// The response to a whole answer.
    pub fn respond(&mut self, whole: &Whole) -> Value {
        let reason = whole.choices.get(&0).and_then(|choice| choice.finish_reason.as_ref());
        self.object(whole, ending(reason))
    }

    /// The response to an answer that failed when so much of it had come.
    pub fn respond_failed(&mut self, whole: &Whole, error: &Error) -> Value {
        let error = Some(failing::encode(error));
        self.object(whole, State { status: "failed", error, ..State::default() })
    }

    fn object(&mut self, whole: &Whole, ending: State<'static>) -> Value {
        self.response.started(&whole.model);
        let choice = whole.choices.get(&0);
        let parts = choice.map_or(&[] as &[Part], |choice| &choice.parts);
        let last = if ending.status == "completed" { "completed" } else { "incomplete" };
        for (index, part) in parts.iter().enumerate() {
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
        format!("{}_{}_{}", item::prefix(part), self.id, self.output.len())
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
            Event::PartStart { choice: 0, kind, .. } => self.part(kind, out),
            Event::PartDelta { choice: 0, delta, .. } => self.delta(delta, out),
            Event::PartEnd { choice: 0, .. } => {
                if let Some(open) = &mut self.open {
                    open.complete = true;
                }
            }
            Event::Finish { choice: 0, reason } => {
                self.close(ending(Some(reason)).status, out);
                self.finish = Some(reason.clone());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { dialect, choice: Some(0), fields } => {
                self.note(*dialect, &fields.0, out);
            }
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
            let state = State { status: "in_progress", ..State::default() };
            let mut event = Map::new();
            event.insert("response".into(), self.response.object(state));
            let event = Value::Object(event);
            for kind in ["response.created", "response.in_progress"] {
                self.write(kind, &event, out);
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
        let index = self.output.len();
        let added = json!({ "output_index": index, "item": item });
        self.write("response.output_item.added", &added, out);
        if let Some(said) = said {
            let at = place(&id, index, "content_index");
            self.write("response.content_part.added", &with(at, "part", said), out);
        }
        self.open =
            Some(Open { id, part, notes: Notes::default(), probable: Vec::new(), complete: false });
    }

    fn delta(&mut self, delta: &Delta, out: &mut BytesMut) {
        let index = self.output.len();
        let Some(open) = &mut self.open else { return };
        let first = matches!(&open.part, Part::Reasoning { text, .. } if text.is_empty());
        let probable = mem::take(&mut open.probable);
        open.notes.logprobs.extend(probable.iter().cloned());
        let id = open.id.clone();
        let custom = matches!(open.part, Part::ToolCall { custom: true, .. });
        open.part.extend(delta.clone());
        let (kind, mut event) = match delta {
            Delta::Text(_) => ("output_text", place(&id, index, "content_index")),
            Delta::Refusal(_) => ("refusal", place(&id, index, "content_index")),
            Delta::Reasoning(_) => ("reasoning_summary_text", place(&id, index, "summary_index")),
            Delta::Arguments(_) if custom => ("custom_tool_call_input", item_place(&id, index)),
            Delta::Arguments(_) => ("function_call_arguments", item_place(&id, index)),
            Delta::Signature(_) => return,
        };
        if first {
            let at = place(&id, index, "summary_index");
            let part = item::summary("");
            self.write("response.reasoning_summary_part.added", &with(at, "part", part), out);
        }
        event.insert("delta".into(), delta.text().into());
        if let Delta::Text(_) = delta {
            event.insert("logprobs".into(), probable.into());
        }
        self.write(&format!("response.{kind}.delta"), &event.into(), out);
    }

    /// Ends the open item.
    fn close(&mut self, status: &str, out: &mut BytesMut) {
        let Some(mut open) = self.open.take() else { return };
        let (id, index) = (open.id.clone(), self.output.len());
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
        for (kind, event) in closing(&open, &self.style.names, index) {
            self.write(kind, &event, out);
        }
        if let Some(item) = self.style.item(&open.part, &id, status, &open.notes) {
            let item = Value::from(item);
            let done = json!({ "output_index": index, "item": item });
            self.write("response.output_item.done", &done, out);
            self.output.push(item);
        }
    }

    fn note(&mut self, dialect: Dialect, fields: &Map<String, Value>, out: &mut BytesMut) {
        let index = self.output.len();
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
        let first = open.notes.annotations.len();
        open.notes.annotations.extend(annotations.iter().cloned());
        let id = open.id.clone();
        for (number, annotation) in (first..).zip(annotations) {
            let mut event = place(&id, index, "content_index");
            event.insert("annotation_index".into(), number.into());
            event.insert("annotation".into(), annotation);
            self.write("response.output_text.annotation.added", &event.into(), out);
        }
    }

    /// Writes the last event.
    fn end(&mut self, state: State<'static>, out: &mut BytesMut) {
        if mem::replace(&mut self.ended, true) {
            return;
        }
        self.begin(out);
        let kind = format!("response.{}", state.status);
        let state = State { output: &self.output, usage: self.usage.as_ref(), ..state };
        let response = self.response.object(state);
        let mut event = Map::new();
        event.insert("response".into(), response);
        self.write(&kind, &event.into(), out);
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

    /// Writes an event. Its type and number are put in front of its own fields, of which it has some.
    fn write(&mut self, kind: &str, event: &Value, out: &mut BytesMut) {
        let (number, event) = (self.sequence.to_string(), event.to_string());
        let fields = event.strip_prefix('{').unwrap_or(&event);
        for piece in [
            "event: ",
            kind,
            "\ndata: {\"type\":\"",
            kind,
            "\",\"sequence_number\":",
            &number,
            ",",
            // JSON on one line: there are no line breaks that would need a `data:` of their own.
            fields,
            "\n\n",
        ] {
            out.extend_from_slice(piece.as_bytes());
        }
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
        self.end(ending(Some(&reason)), &mut out);
        out.freeze()
    }
}

/// How a response ends that a model has finished.
fn ending(reason: Option<&FinishReason>) -> State<'static> {
    let (status, incomplete) = match reason {
        Some(FinishReason::Length) => ("incomplete", Some("max_output_tokens")),
        Some(FinishReason::ContentFilter) => ("incomplete", Some("content_filter")),
        _ => ("completed", None),
    };
    State { status, incomplete, ..State::default() }
}
