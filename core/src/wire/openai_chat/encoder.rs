//! Writing a streamed answer to a caller.

mod said;

use std::{collections::BTreeMap, mem};

use bytes::{Bytes, BytesMut};
use said::{One, Said};
use serde_json::{Map, Value, json};

use super::{
    DONE, REASONING, SIGNATURE,
    error::error_body,
    step::{BETWEEN, Step},
    usage,
};
use crate::{
    Error,
    agent::FIELD,
    chat::{Chunk, Delta, Dialect, Event, FinishReason, PartKind, Signature, Usage, Whole},
    wire::{Encode, object, sse},
};

/// What every chunk of an answer says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncoderOptions {
    /// The answer's id.
    pub id: String,
    /// The model, by the name that the caller used.
    pub model: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
    /// Whether the caller asked for token counts.
    pub include_usage: bool,
    /// Whether the caller asked how far the prompt is read. Others are told in comments, which
    /// programs do not see.
    pub show_progress: bool,
    /// Whether the caller asked to be told of each step of a run.
    pub show_steps: bool,
}

/// Writes an answer: whole, or as chunks, each as one server-sent event, and `[DONE]`.
///
/// Fields about the whole answer go into the next chunk that is written. Those that come behind the
/// last one are for callers who asked for token counts, and go with these.
#[derive(Debug)]
pub struct AnswerEncoder {
    options: EncoderOptions,
    /// The fields that every chunk begins with, once one has been written: most are passed on.
    head: Option<Bytes>,
    choices: BTreeMap<u32, Spoken>,
    /// The provider's own chunks went out, and with them what roles there are.
    passed: bool,
    extensions: Map<String, Value>,
    usage: Option<Usage>,
    failed: bool,
}

/// What was written of a choice.
#[derive(Debug, Default)]
struct Spoken {
    introduced: bool,
    calls: u32,
    /// The open part is a call of the kind that has no id.
    legacy: bool,
    extensions: Map<String, Value>,
    /// The open part is a call that the gateway answers itself.
    own: Option<Step>,
    /// Text was said, and a tool has answered since.
    said: bool,
    paused: bool,
}

impl AnswerEncoder {
    /// An encoder for one answer.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            head: None,
            options,
            choices: BTreeMap::new(),
            passed: false,
            extensions: Map::new(),
            usage: None,
            failed: false,
        }
    }

    /// Keeps up with bytes that are passed on, so that chunks of our own fit between them.
    fn passed(&mut self, event: &Event) {
        match event {
            Event::Start { id, model, created } => {
                self.passed = true;
                if !id.is_empty() {
                    self.options.id.clone_from(id);
                    self.options.model.clone_from(model);
                    self.options.created = created.unwrap_or(self.options.created);
                    self.head = None;
                }
            }
            Event::PartStart { choice, kind: PartKind::ToolCall { id, .. }, .. } => {
                let spoken = self.choices.entry(*choice).or_default();
                spoken.legacy = id.is_empty();
                spoken.calls += u32::from(!spoken.legacy);
            }
            Event::Usage(_) => self.usage = None,
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, written: &mut BytesMut) {
        match event {
            Event::Ping => written.extend_from_slice(sse::KEEP_ALIVE),
            Event::Progress { percent } => {
                let note = format!("prompt {percent} %");
                written.extend_from_slice(&self.keep_alive(Some(&note)));
            }
            Event::PartStart { choice, kind, .. } => self.part(*choice, kind, written),
            Event::PartDelta { choice, delta, .. } => {
                let own = self.choices.get_mut(choice).and_then(|spoken| spoken.own.as_mut());
                if let Some(step) = own {
                    step.extend(delta);
                    return;
                }
                let said = self.said(*choice, delta);
                self.write(*choice, &said, None, written);
            }
            Event::Finish { choice, reason } => {
                self.introduce(*choice, Some(""), written);
                self.write(*choice, &Said::Nothing, Some(reason), written);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { dialect: Dialect::OpenAiChat, choice, fields } => {
                let there = match choice {
                    None => &mut self.extensions,
                    Some(choice) => &mut self.choices.entry(*choice).or_default().extensions,
                };
                there.extend(fields.0.clone());
            }
            Event::PartEnd { choice, .. } => {
                let own = self.choices.get_mut(choice).and_then(|spoken| spoken.own.take());
                self.step(own, written);
            }
            Event::Start { .. } | Event::Extension { .. } => {}
        }
    }

    fn part(&mut self, choice: u32, kind: &PartKind, written: &mut BytesMut) {
        let content = (*kind == PartKind::Text).then_some("");
        self.introduce(choice, content, written);
        let spoken = self.choices.entry(choice).or_default();
        let (id, name) = match kind {
            PartKind::ToolCall { id, name, .. } => (id, name),
            PartKind::OwnCall { id, name } => {
                spoken.own = Some(Step::call(id, name));
                return;
            }
            PartKind::ToolResult { call_id, parts, is_error } => {
                spoken.paused = spoken.said;
                self.step(Some(Step::result(call_id, parts, *is_error)), written);
                return;
            }
            PartKind::Text => {
                let resumes = mem::take(&mut spoken.paused);
                spoken.said = true;
                if resumes {
                    let said = Said::Words { field: "content", text: BETWEEN };
                    self.write(choice, &said, None, written);
                }
                return;
            }
            _ => return,
        };
        spoken.legacy = id.is_empty();
        spoken.calls += u32::from(!spoken.legacy);
        let said =
            Said::Call { index: spoken.call(), id: Some(id), name: Some(name), arguments: "" };
        self.write(choice, &said, None, written);
    }

    /// Tells a step of a run, in a chunk of its own.
    fn step(&mut self, step: Option<Step>, written: &mut BytesMut) {
        if let Some(step) = step.filter(|_| self.options.show_steps) {
            self.extensions.insert(FIELD.into(), json!({ "step": step.value() }));
            self.object(written, None, |_| {});
        }
    }

    fn said<'a>(&self, choice: u32, delta: &'a Delta) -> Said<'a> {
        let words = |field, text| Said::Words { field, text };
        match delta {
            Delta::Text(text) => words("content", text),
            Delta::Reasoning(text) => words(REASONING, text),
            Delta::Signature(Signature { text, .. }) => words(SIGNATURE, text),
            Delta::Refusal(text) => words("refusal", text),
            Delta::Arguments(arguments) => {
                let index = self.choices.get(&choice).and_then(Spoken::call);
                Said::Call { index, id: None, name: None, arguments }
            }
        }
    }

    /// The first chunk of a choice says who speaks.
    fn introduce(&mut self, choice: u32, content: Option<&str>, written: &mut BytesMut) {
        let spoken = self.choices.entry(choice).or_default();
        if !mem::replace(&mut spoken.introduced, true) && !self.passed {
            let one = One { choice, said: &Said::Role { content }, reason: None };
            self.object(written, None, |out| one.write(out, Map::new()));
        }
    }

    fn write(
        &mut self,
        choice: u32,
        said: &Said<'_>,
        reason: Option<&FinishReason>,
        written: &mut BytesMut,
    ) {
        let more = self.choices.get_mut(&choice).map(|it| mem::take(&mut it.extensions));
        let one = One { choice, said, reason };
        self.object(written, None, |out| one.write(out, more.unwrap_or_default()));
    }

    fn object(
        &mut self,
        written: &mut BytesMut,
        usage: Option<Usage>,
        choices: impl FnOnce(&mut BytesMut),
    ) {
        let extensions = mem::take(&mut self.extensions);
        let there = &["id", "object", "created", "model", "choices", "usage"][..];
        let shown = self.options.include_usage;
        let there = if shown { there } else { there.get(..5).unwrap_or(there) };
        let head = self.head.get_or_insert_with(|| head(&self.options));
        object::data(written, |object| {
            object.written(head);
            object.list("choices", choices);
            match usage {
                Some(usage) => object.value("usage", &usage::encode(&usage)),
                None if shown => object.null("usage"),
                None => {}
            }
            object.rest(&extensions, there);
        });
    }
}

impl Spoken {
    /// The number of the call that is open; none of the kind that has no id.
    fn call(&self) -> Option<u32> {
        (!self.legacy).then(|| self.calls.saturating_sub(1))
    }
}

impl Encode for AnswerEncoder {
    fn whole(&mut self, whole: &Whole) -> Bytes {
        super::whole::encode(whole, &self.options)
    }

    fn chunk(&mut self, chunk: &Chunk) -> Bytes {
        let hidden =
            !self.options.show_progress && matches!(&chunk.events[..], [Event::Progress { .. }]);
        if let Some(verbatim) = chunk.verbatim.as_ref().filter(|_| !hidden) {
            if !verbatim.is_empty() {
                chunk.events.iter().for_each(|event| self.passed(event));
            }
            return verbatim.clone();
        }
        let mut written = BytesMut::new();
        for event in &chunk.events {
            self.event(event, &mut written);
        }
        written.freeze()
    }

    fn error(&mut self, error: &Error) -> Bytes {
        self.failed = true;
        sse::encode(&error_body(error).to_string())
    }

    fn done(&mut self) -> Bytes {
        let mut written = BytesMut::new();
        let usage = self.usage.take().filter(|_| self.options.include_usage && !self.failed);
        if usage.is_some() {
            self.object(&mut written, usage, |_| {});
        }
        written.extend_from_slice(&sse::encode(DONE));
        written.freeze()
    }
}

fn head(options: &EncoderOptions) -> Bytes {
    object::fields(|object| {
        object.text("id", &options.id);
        object.word("object", "chat.completion.chunk");
        object.number("created", options.created);
        object.text("model", &options.model);
    })
}

/// The format's word for why a choice ended.
pub(in crate::wire) fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop | FinishReason::StopText(_) => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
    }
}
