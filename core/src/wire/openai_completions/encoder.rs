//! Writing answers to callers.

use std::{collections::BTreeMap, mem};

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use crate::{
    Error,
    chat::{Choice, Chunk, Delta, Dialect, Event, FinishReason, Part, Usage, Whole},
    wire::{
        Encode,
        openai_chat::{self, EncoderOptions},
        sse,
    },
};

/// Writes an answer: whole, or as chunks, each as one server-sent event, and `[DONE]`.
#[derive(Debug)]
pub struct CompletionEncoder {
    options: EncoderOptions,
    /// What is to go into the next chunk, about the whole answer and about each choice.
    extensions: Map<String, Value>,
    choices: BTreeMap<u32, Map<String, Value>>,
    usage: Option<Usage>,
    failed: bool,
}

impl CompletionEncoder {
    /// An encoder for one answer.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            options,
            extensions: Map::new(),
            choices: BTreeMap::new(),
            usage: None,
            failed: false,
        }
    }

    /// Keeps up with bytes that are passed on, so that chunks of our own fit between them.
    fn passed(&mut self, event: &Event) {
        match event {
            Event::Start { id, model, created } if !id.is_empty() => {
                self.options.id.clone_from(id);
                self.options.model.clone_from(model);
                self.options.created = created.unwrap_or(self.options.created);
            }
            Event::Usage(_) => self.usage = None,
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, written: &mut BytesMut) {
        match event {
            Event::Ping | Event::Progress { .. } => written.extend_from_slice(sse::KEEP_ALIVE),
            Event::PartDelta {
                choice, delta: Delta::Text(text) | Delta::Refusal(text), ..
            } => {
                self.write(*choice, text, None, written);
            }
            Event::Finish { choice, reason } => self.write(*choice, "", Some(reason), written),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Extension { dialect: Dialect::OpenAiCompletions, choice, fields } => {
                let there = match choice {
                    None => &mut self.extensions,
                    Some(choice) => self.choices.entry(*choice).or_default(),
                };
                there.extend(fields.0.clone());
            }
            _ => {}
        }
    }

    fn write(
        &mut self,
        choice: u32,
        text: &str,
        reason: Option<&FinishReason>,
        written: &mut BytesMut,
    ) {
        let more = self.choices.get_mut(&choice).map(mem::take).unwrap_or_default();
        let one = one(choice, text, reason, more);
        let object = self.object(json!([one]));
        written.extend_from_slice(&sse::encode(&object.to_string()));
    }

    fn object(&mut self, choices: Value) -> Value {
        let EncoderOptions { id, model, created, include_usage, .. } = &self.options;
        let mut object = head(id, *created, model, choices);
        if *include_usage {
            object.insert("usage".into(), Value::Null);
        }
        add(&mut object, mem::take(&mut self.extensions));
        object.into()
    }
}

impl Encode for CompletionEncoder {
    fn whole(&mut self, whole: &Whole) -> Bytes {
        let own = whole.dialect == Some(Dialect::OpenAiCompletions);
        let choices = whole.choices.iter().map(|(index, choice)| {
            let more = if own { choice.extensions.0.clone() } else { Map::new() };
            Value::from(one(*index, &text(choice), choice.finish_reason.as_ref(), more))
        });
        let id = if whole.id.is_empty() { &self.options.id } else { &whole.id };
        let created = whole.created.unwrap_or(self.options.created);
        let mut object = head(id, created, &whole.model, choices.collect());
        if let Some(usage) = &whole.usage {
            object.insert("usage".into(), openai_chat::encode_usage(usage));
        }
        if own {
            add(&mut object, whole.extensions.0.clone());
        }
        Bytes::from(Value::Object(object).to_string())
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
        sse::encode(&openai_chat::error_body(error).to_string())
    }

    fn done(&mut self) -> Bytes {
        let mut written = BytesMut::new();
        let usage = self.usage.take().filter(|_| self.options.include_usage && !self.failed);
        if let Some(usage) = usage {
            let mut object = self.object(json!([]));
            if let Some(object) = object.as_object_mut() {
                object.insert("usage".into(), openai_chat::encode_usage(&usage));
            }
            written.extend_from_slice(&sse::encode(&object.to_string()));
        }
        written.extend_from_slice(&sse::encode(openai_chat::DONE));
        written.freeze()
    }
}

fn head(id: &str, created: u64, model: &str, choices: Value) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".into(), id.into());
    object.insert("object".into(), "text_completion".into());
    object.insert("created".into(), created.into());
    object.insert("model".into(), model.into());
    object.insert("choices".into(), choices);
    object
}

fn one(
    choice: u32,
    text: &str,
    reason: Option<&FinishReason>,
    mut more: Map<String, Value>,
) -> Map<String, Value> {
    let mut one = Map::new();
    one.insert("text".into(), text.into());
    one.insert("index".into(), choice.into());
    one.insert("logprobs".into(), more.shift_remove("logprobs").into());
    one.insert("finish_reason".into(), reason.map(finish_reason).into());
    add(&mut one, more);
    one
}

/// The format has no tools, so nobody waits for their results.
fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::ToolCalls => "stop",
        reason => openai_chat::finish_reason(reason),
    }
}

/// What a choice says aloud.
fn text(choice: &Choice) -> String {
    let aloud = choice.parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } | Part::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    aloud.collect()
}

/// Adds fields that are not there yet.
fn add(object: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (field, value) in fields {
        object.entry(field).or_insert(value);
    }
}
