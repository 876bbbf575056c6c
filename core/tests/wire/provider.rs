//! A provider's stream, written as its chunks, and what is read of it.

use dormouse_core::{
    Error,
    chat::{Chunk, Event, Grammar, Part, Whole},
    wire::{Decode, Verbatim, openai_chat::AnswerDecoder},
};
use serde_json::{Value, json};

/// What was read of a stream: chunks, and the error that ended it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) error: Option<Error>,
}

/// One chunk with one choice.
pub(crate) fn delta(delta: &Value) -> Value {
    choice(&json!({ "index": 0, "delta": delta, "finish_reason": null }))
}

/// The chunk that finishes the only choice.
pub(crate) fn finish(reason: &str) -> Value {
    choice(&json!({ "index": 0, "delta": {}, "finish_reason": reason }))
}

/// One chunk with this choice.
pub(crate) fn choice(choice: &Value) -> Value {
    json!({
        "id": "chatcmpl-9",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "tiny",
        "choices": [choice],
    })
}

/// A piece of a tool call.
pub(crate) fn call(piece: &Value) -> Value {
    delta(&json!({ "tool_calls": [piece] }))
}

/// The bytes of a stream, with its end.
pub(crate) fn stream(chunks: &[Value]) -> String {
    let chunks: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    format!("{chunks}data: [DONE]\n\n")
}

/// Reads a stream that comes in these pieces.
pub(crate) fn read_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    verbatim: Verbatim,
) -> Read {
    let mut decoder = AnswerDecoder::new(verbatim);
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
    read_pieces([sent.as_bytes()], Verbatim::default())
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

    /// The parts of the only choice.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.whole().choices.remove(&0).expect("a choice").parts
    }
}

/// The parts of the only choice in a stream of these chunks.
pub(crate) fn parts(chunks: &[Value]) -> Vec<Part> {
    read(&stream(chunks)).parts()
}

/// A part of text.
pub(crate) fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

/// A part of reasoning.
pub(crate) fn reasoning(text: &str) -> Part {
    Part::Reasoning { text: text.into(), signature: None, redacted: false }
}

/// A tool call.
pub(crate) fn tool_call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false }
}
