//! A provider's stream, written as its events, and what is read of it.

use dormouse_core::{
    Error,
    chat::{Chunk, Event, Grammar, Part, Whole},
    wire::{Decode, Verbatim, anthropic::AnswerDecoder},
};
use serde_json::{Value, json};

/// What was read of a stream: chunks, and the error that ended it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) error: Option<Error>,
}

/// The bytes of these events, each named by its type.
pub(crate) fn stream(events: &[Value]) -> String {
    let frame = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
    };
    events.iter().map(frame).collect()
}

/// The first event.
pub(crate) fn start() -> Value {
    let usage = json!({ "input_tokens": 9, "output_tokens": 1 });
    let message = json!({
        "id": "msg_up", "type": "message", "role": "assistant", "model": "claude-up",
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage,
    });
    json!({ "type": "message_start", "message": message })
}

/// A block starts.
pub(crate) fn opened(index: u32, block: &Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

/// A block of text starts.
pub(crate) fn opened_text(index: u32) -> Value {
    opened(index, &json!({ "type": "text", "text": "" }))
}

/// A call starts.
pub(crate) fn opened_call(index: u32, id: &str, name: &str) -> Value {
    opened(index, &json!({ "type": "tool_use", "id": id, "name": name, "input": {} }))
}

/// A block goes on.
pub(crate) fn delta(index: u32, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

/// A text goes on.
pub(crate) fn said(index: u32, text: &str) -> Value {
    delta(index, &json!({ "type": "text_delta", "text": text }))
}

/// The input of a call goes on.
pub(crate) fn input(index: u32, piece: &str) -> Value {
    delta(index, &json!({ "type": "input_json_delta", "partial_json": piece }))
}

/// A block is complete.
pub(crate) fn closed(index: u32) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

/// The last two events.
pub(crate) fn end(reason: &str) -> Vec<Value> {
    let delta = json!({ "stop_reason": reason, "stop_sequence": null });
    let usage = json!({ "output_tokens": 7 });
    vec![
        json!({ "type": "message_delta", "delta": delta, "usage": usage }),
        json!({ "type": "message_stop" }),
    ]
}

/// A complete stream with this content.
pub(crate) fn answer(content: &[Value], reason: &str) -> String {
    let mut events = vec![start()];
    events.extend_from_slice(content);
    events.extend(end(reason));
    stream(&events)
}

/// Reads a stream that comes in these pieces.
pub(crate) fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, pass: bool) -> Read {
    let mut decoder = AnswerDecoder::new(Verbatim { pass, hide_usage: false });
    let mut chunks = Vec::new();
    for piece in pieces {
        match decoder.push(piece) {
            Ok(more) => chunks.extend(more),
            Err(error) => return Read { chunks, error: Some(error) },
        }
        if decoder.is_done() {
            break;
        }
    }
    let error = match decoder.finish() {
        Ok(more) => {
            chunks.extend(more);
            None
        }
        Err(error) => Some(error),
    };
    Read { chunks, error }
}

/// Reads a stream without passing its bytes on.
pub(crate) fn read(sent: &str) -> Read {
    read_pieces([sent.as_bytes()], false)
}

impl Read {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.chunks.iter().flat_map(|chunk| chunk.events.clone()).collect()
    }

    /// The collected answer of a stream that must be complete and legal.
    pub(crate) fn whole(&self) -> Whole {
        assert!(self.error.is_none(), "{:?}", self.error);
        let mut grammar = Grammar::default();
        let mut whole = Whole::default();
        for event in self.events() {
            grammar.check(&event).unwrap_or_else(|rule| panic!("{rule}: {event:?}"));
            whole.push(event).expect("a legal sequence");
        }
        grammar.complete().expect("a complete sequence");
        whole
    }

    /// What was said.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.whole().choices.remove(&0).expect("a choice").parts
    }
}

/// A part of text.
pub(crate) fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

/// A tool call.
pub(crate) fn tool_call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false }
}
