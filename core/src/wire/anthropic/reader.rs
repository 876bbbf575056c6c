//! Reading the JSON objects that an answer consists of: its events, or the whole of it.
//!
//! Nothing is taken for granted. An event of an unknown type says nothing, and its bytes may pass.

mod plain;

use serde_json::{Map, Value};

use super::{blocks::Blocks, stop, usage};
use crate::{
    Result,
    chat::{Dialect, Event, Extensions, FinishReason},
    wire::{failure, out::Out},
};

/// What the vocabulary counts of a `usage` object; anything else in it is carried.
const COUNTED: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens_details",
];

/// Reads the objects of one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    finished: bool,
    blocks: Blocks,
    /// The token counts, as they were last told.
    usage: Map<String, Value>,
}

impl Reader {
    /// Takes the next event of a stream. Says whether it was the last.
    pub(super) fn event(
        &mut self,
        kind: &str,
        mut event: Map<String, Value>,
        out: &mut Out,
    ) -> Result<bool> {
        if kind == "error" || event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(failure::decode_streamed(event));
        }
        let at = event.get("index").and_then(Value::as_u64);
        match kind {
            "ping" => out.events.push(Event::Ping),
            "message_start" => self.start(object(&mut event, "message"), out),
            "content_block_start" if self.expects_more(out) => {
                let block = object(&mut event, "content_block");
                self.blocks.start(at.unwrap_or_default(), block, out)?;
            }
            "content_block_delta" if self.expects_more(out) => {
                let delta = object(&mut event, "delta");
                self.blocks.delta(at.unwrap_or_default(), &delta, out)?;
            }
            "content_block_stop" if self.expects_more(out) => {
                self.blocks.stop(at.unwrap_or_default(), out)?;
            }
            "message_delta" => self.end(event, out),
            "message_stop" => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    /// Takes a whole answer.
    pub(super) fn whole(&mut self, mut message: Map<String, Value>, out: &mut Out) -> Result<()> {
        let content = message.shift_remove("content");
        let mut delta = Map::new();
        for field in ["stop_reason", "stop_sequence"] {
            delta.extend(message.shift_remove(field).map(|value| (field.to_owned(), value)));
        }
        self.start(message, out);
        for (at, block) in
            (0..).zip(content.as_ref().and_then(Value::as_array).into_iter().flatten())
        {
            let Value::Object(block) = block else { continue };
            self.blocks.start(at, block.clone(), out)?;
            self.blocks.stop(at, out)?;
        }
        let mut event = Map::new();
        event.insert("delta".into(), delta.into());
        self.end(event, out);
        self.finish(out);
        Ok(())
    }

    /// Whether the answer has said why it ended.
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// Finishes what the provider left open although it said that it was done.
    pub(super) fn finish(&mut self, out: &mut Out) {
        if self.finished || !self.started {
            return;
        }
        let calls = self.blocks.has_calls();
        self.close(if calls { FinishReason::ToolCalls } else { FinishReason::Stop }, out);
    }

    fn start(&mut self, mut message: Map<String, Value>, out: &mut Out) {
        if std::mem::replace(&mut self.started, true) {
            out.inexact = true;
            return;
        }
        let mut text = |field| match message.shift_remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, model) = (text("id"), text("model"));
        out.events.push(Event::Start { id, model, created: None });
        let usage = message.shift_remove("usage");
        for known in ["type", "role", "content", "stop_reason", "stop_sequence"] {
            message.shift_remove(known);
        }
        carry(message, out);
        self.count(usage, out);
    }

    /// Whether content is still due; what comes behind the end is ignored.
    fn expects_more(&mut self, out: &mut Out) -> bool {
        if !self.started {
            self.start(Map::new(), out);
            out.inexact = true;
        }
        out.inexact |= self.finished;
        !self.finished
    }

    /// A `message_delta`: why the answer ended, and the counts.
    fn end(&mut self, mut event: Map<String, Value>, out: &mut Out) {
        if !self.started {
            self.start(Map::new(), out);
            out.inexact = true;
        }
        let usage = event.shift_remove("usage");
        let mut delta = object(&mut event, "delta");
        let reason = delta.shift_remove("stop_reason");
        let sequence = delta.shift_remove("stop_sequence");
        event.shift_remove("type");
        delta.extend(event);
        carry(delta, out);
        self.count(usage, out);
        let Some(Value::String(reason)) = reason else { return };
        if self.finished {
            out.inexact = true;
            return;
        }
        self.close(stop::decode(&reason, sequence.as_ref().and_then(Value::as_str)), out);
    }

    fn close(&mut self, reason: FinishReason, out: &mut Out) {
        let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
        self.blocks.finish(cut, out);
        out.events.push(Event::Finish { choice: 0, reason });
        self.finished = true;
    }

    fn count(&mut self, counts: Option<Value>, out: &mut Out) {
        let Some(Value::Object(counts)) = counts else { return };
        usage::merge(&mut self.usage, &counts);
        let mut more = counts;
        more.retain(|field, _| !COUNTED.contains(&field.as_str()));
        let mut fields = Map::new();
        fields.insert("usage".into(), without_nulls(more).into());
        if fields.values().any(|value| value.as_object().is_some_and(|it| !it.is_empty())) {
            carry(fields, out);
        }
        out.events.extend(usage::of(&self.usage).map(Event::Usage));
    }
}

fn carry(fields: Map<String, Value>, out: &mut Out) {
    let fields = without_nulls(fields);
    if !fields.is_empty() {
        let (dialect, choice) = (Dialect::Anthropic, None);
        out.events.push(Event::Extension { dialect, choice, fields: Extensions(fields) });
    }
}

fn without_nulls(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|_, value| !value.is_null());
    fields
}

fn object(from: &mut Map<String, Value>, field: &str) -> Map<String, Value> {
    match from.shift_remove(field) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
