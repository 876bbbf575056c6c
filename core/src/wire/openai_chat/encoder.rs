//! Writing a streamed answer to a caller.

use std::{collections::BTreeMap, mem};

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::{DONE, MESSAGE, REASONING, SIGNATURE, error::error_body, usage};
use crate::{
    Error,
    chat::{Chunk, Delta, Dialect, Event, FinishReason, PartKind, Signature, Usage, Whole},
    wire::{Encode, sse},
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
}

/// Writes an answer: whole, or as chunks, each as one server-sent event, and `[DONE]`.
///
/// Fields about the whole answer go into the next chunk that is written. Those that come behind the
/// last one are for callers who asked for token counts, and go with these.
#[derive(Debug)]
pub struct AnswerEncoder {
    options: EncoderOptions,
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
}

impl AnswerEncoder {
    /// An encoder for one answer.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
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
                let delta = self.delta(*choice, delta);
                self.write(*choice, delta, None, written);
            }
            Event::Finish { choice, reason } => {
                self.introduce(*choice, Some(""), written);
                self.write(*choice, json!({}), Some(reason), written);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { dialect: Dialect::OpenAiChat, choice, fields } => {
                let there = match choice {
                    None => &mut self.extensions,
                    Some(choice) => &mut self.choices.entry(*choice).or_default().extensions,
                };
                there.extend(fields.0.clone());
            }
            Event::Start { .. } | Event::PartEnd { .. } | Event::Extension { .. } => {}
        }
    }

    fn part(&mut self, choice: u32, kind: &PartKind, written: &mut BytesMut) {
        let content = (*kind == PartKind::Text).then_some("");
        self.introduce(choice, content, written);
        let PartKind::ToolCall { id, name, .. } = kind else { return };
        let spoken = self.choices.entry(choice).or_default();
        spoken.legacy = id.is_empty();
        let function = json!({ "name": name, "arguments": "" });
        let delta = if spoken.legacy {
            json!({ "function_call": function })
        } else {
            spoken.calls += 1;
            let index = spoken.calls - 1;
            let call =
                json!({ "index": index, "id": id, "type": "function", "function": function });
            json!({ "tool_calls": [call] })
        };
        self.write(choice, delta, None, written);
    }

    fn delta(&self, choice: u32, delta: &Delta) -> Value {
        match delta {
            Delta::Text(text) => json!({ "content": text }),
            Delta::Reasoning(text) => json!({ REASONING: text }),
            Delta::Signature(Signature { text, .. }) => json!({ SIGNATURE: text }),
            Delta::Refusal(text) => json!({ "refusal": text }),
            Delta::Arguments(text) => {
                let function = json!({ "arguments": text });
                match self.choices.get(&choice) {
                    Some(spoken) if !spoken.legacy => {
                        let index = spoken.calls.saturating_sub(1);
                        json!({ "tool_calls": [{ "index": index, "function": function }] })
                    }
                    _ => json!({ "function_call": function }),
                }
            }
        }
    }

    /// The first chunk of a choice says who speaks.
    fn introduce(&mut self, choice: u32, content: Option<&str>, written: &mut BytesMut) {
        let spoken = self.choices.entry(choice).or_default();
        if !mem::replace(&mut spoken.introduced, true) && !self.passed {
            let delta = json!({ "role": "assistant", "content": content });
            let object = self.object(vec![one(choice, delta, None)]);
            write(object, written);
        }
    }

    fn write(
        &mut self,
        choice: u32,
        mut delta: Value,
        reason: Option<&FinishReason>,
        written: &mut BytesMut,
    ) {
        let mut more = self.choices.get_mut(&choice).map(|it| mem::take(&mut it.extensions));
        let message = more.as_mut().and_then(|more| more.shift_remove(MESSAGE));
        if let (Some(delta), Some(Value::Object(message))) = (delta.as_object_mut(), message) {
            add(delta, message);
        }
        let mut one = one(choice, delta, reason);
        let mut more = more.unwrap_or_default();
        if let Some(logprobs) = more.shift_remove("logprobs") {
            one.insert("logprobs".into(), logprobs);
        }
        add(&mut one, more);
        let object = self.object(vec![one]);
        write(object, written);
    }

    fn object(&mut self, choices: Vec<Map<String, Value>>) -> Map<String, Value> {
        let EncoderOptions { id, model, created, include_usage, .. } = &self.options;
        let mut object = Map::new();
        object.insert("id".into(), id.as_str().into());
        object.insert("object".into(), "chat.completion.chunk".into());
        object.insert("created".into(), (*created).into());
        object.insert("model".into(), model.as_str().into());
        object.insert("choices".into(), choices.into_iter().map(Value::Object).collect());
        if *include_usage {
            object.insert("usage".into(), Value::Null);
        }
        add(&mut object, mem::take(&mut self.extensions));
        object
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
        if let Some(usage) = usage {
            let mut object = self.object(Vec::new());
            object.insert("usage".into(), usage::encode(&usage));
            write(object, &mut written);
        }
        written.extend_from_slice(&sse::encode(DONE));
        written.freeze()
    }
}

/// Adds fields that are not there yet.
fn add(object: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (field, value) in fields {
        object.entry(field).or_insert(value);
    }
}

fn one(choice: u32, delta: Value, reason: Option<&FinishReason>) -> Map<String, Value> {
    let mut one = Map::new();
    one.insert("index".into(), choice.into());
    one.insert("delta".into(), delta);
    one.insert("logprobs".into(), Value::Null);
    one.insert("finish_reason".into(), reason.map(finish_reason).into());
    one
}

fn write(object: Map<String, Value>, written: &mut BytesMut) {
    written.extend_from_slice(&sse::encode(&Value::Object(object).to_string()));
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
