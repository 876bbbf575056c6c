//! Reading an answer, streamed or whole: objects with a piece of the message, the last of which says
//! `done`.
//!
//! How long each step took is left out, for only callers of this dialect would understand it. Log
//! probabilities are those of the OpenAI chat format, and are told as such.

mod plain;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    Code, Error, Result,
    chat::{Chunk, Dialect, Event, Extensions, FinishReason, Source, Usage},
    wire::{
        failure, ndjson,
        sequence::{CallIds, Sequence, ToolCall, Voice},
        stream::{ReadFrame, Reading},
    },
};

/// Reads a streamed answer: one object a line.
pub(super) type AnswerDecoder = Reading<Reader>;

impl ReadFrame for Reader {
    type Frames = ndjson::Decoder;

    fn frame(&mut self, line: Bytes, chunks: &mut Vec<Chunk>) -> Result<bool> {
        let object = serde_json::from_slice(&line).map_err(unreadable)?;
        let mut events = Vec::new();
        self.read(object, &mut events)?;
        chunks.push(Chunk { events, verbatim: None });
        Ok(self.sequence.is_none())
    }

    fn plain(&mut self, object: &str, _: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        let mut events = Vec::new();
        self.plain(object, &mut events)?;
        chunks.push(Chunk { events, verbatim: None });
        Some(Ok(()))
    }

    fn is_whole(line: &[u8]) -> bool {
        serde_json::from_slice::<Map<String, Value>>(line).is_ok()
    }

    fn end(&mut self, _: bool, _: &mut Vec<Chunk>) -> Result<bool> {
        Ok(self.sequence.is_none())
    }
}

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Chunk> {
    let object = serde_json::from_slice(body).map_err(unreadable)?;
    let mut reader = Reader::default();
    let mut events = Vec::new();
    reader.read(object, &mut events)?;
    if reader.sequence.is_some() {
        return Err(Error::new(Code::UpstreamInvalid, "the provider's answer has no end"));
    }
    Ok(Chunk { events, verbatim: None })
}

/// Reads the objects of one answer.
#[derive(Debug)]
pub(super) struct Reader {
    started: bool,
    /// `None` once the answer is complete.
    sequence: Option<Sequence>,
    ids: CallIds,
}

impl Default for Reader {
    fn default() -> Self {
        Self { started: false, sequence: Some(Sequence::new(0)), ids: CallIds::default() }
    }
}

impl Reader {
    fn read(&mut self, mut object: Map<String, Value>, events: &mut Vec<Event>) -> Result<()> {
        if object.get("error").is_some_and(|error| !error.is_null()) {
            return Err(failure::decode_streamed(object));
        }
        let Some(mut sequence) = self.sequence.take() else { return Ok(()) };
        if !self.started {
            self.started = true;
            // There are no ids; answers begin at different nanoseconds.
            self.ids.of(&text(&mut object, "created_at"));
            let model = text(&mut object, "model");
            events.push(Event::Start { id: String::new(), model, created: None });
        }
        if let Some(Value::Object(message)) = object.get_mut("message") {
            self.message(message, &mut sequence, events);
        }
        if let Some(Value::Array(tokens)) = object.shift_remove("logprobs") {
            let fields = [("logprobs".to_owned(), json!({ "content": tokens }))];
            events.push(Event::Extension {
                dialect: Dialect::OpenAiChat,
                choice: Some(0),
                fields: Extensions(Map::from_iter(fields)),
            });
        }
        if object.get("done") != Some(&Value::Bool(true)) {
            self.sequence = Some(sequence);
            return Ok(());
        }
        events.extend(usage(&object).map(Event::Usage));
        let reason = match text(&mut object, "done_reason").as_str() {
            // Ollama has no word of its own for calls; older servers give no reason at all.
            "stop" | "" if sequence.has_calls() => FinishReason::ToolCalls,
            "stop" | "" => FinishReason::Stop,
            "length" => FinishReason::Length,
            // The model was only loaded, or unloaded.
            other => FinishReason::Other(other.to_owned()),
        };
        sequence.finish(reason, events);
        Ok(())
    }

    fn message(
        &mut self,
        message: &mut Map<String, Value>,
        sequence: &mut Sequence,
        events: &mut Vec<Event>,
    ) {
        sequence.say(Voice::Reasoning, text(message, "thinking"), events);
        sequence.say(Voice::Text, text(message, "content"), events);
        let Some(Value::Array(calls)) = message.shift_remove("tool_calls") else { return };
        for mut call in calls {
            let id = call.as_object_mut().map(|call| text(call, "id")).unwrap_or_default();
            let Some(Value::Object(function)) = call.get_mut("function") else { continue };
            let name = text(function, "name");
            let arguments = match function.shift_remove("arguments") {
                None | Some(Value::Null) => "{}".to_owned(),
                Some(Value::String(arguments)) => arguments,
                Some(arguments) => arguments.to_string(),
            };
            let id = if id.is_empty() { self.ids.next(&name, &arguments) } else { id };
            sequence.call(ToolCall { id, name, arguments }, events);
        }
    }
}

/// The counts of the last object. A prompt that was all in the cache is not counted by older servers.
pub(super) fn usage(object: &Map<String, Value>) -> Option<Usage> {
    let count = |field: &str| object.get(field).and_then(Value::as_u64);
    let (input, output) = (count("prompt_eval_count"), count("eval_count"));
    (input.is_some() || output.is_some()).then(|| Usage {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        source: Source::Reported,
        ..Usage::default()
    })
}

/// Takes a text; anything else is none.
fn text(from: &mut Map<String, Value>, field: &str) -> String {
    match from.get_mut(field) {
        Some(Value::String(text)) => std::mem::take(text),
        _ => String::new(),
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
}
