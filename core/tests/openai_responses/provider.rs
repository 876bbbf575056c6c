//! A provider's stream, written as its events, and what is read of it.

use dormouse_core::{
    Error,
    chat::{Chunk, Event, Grammar, Part, Whole},
    wire::{Decode, Verbatim, openai_responses::AnswerDecoder},
};
use serde_json::Value;

/// What was read of a stream: chunks, and the error that ended it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) error: Option<Error>,
}

/// The bytes of a stream of these events.
pub(crate) fn stream(events: &[Value]) -> String {
    let frame = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(frame).collect()
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

    /// Whether what was read keeps to the grammar, as far as it goes.
    pub(crate) fn legal(&self) -> Grammar {
        let mut grammar = Grammar::default();
        for event in self.events() {
            grammar.check(&event).unwrap_or_else(|rule| panic!("{rule}: {event:?}"));
        }
        grammar
    }

    /// The collected answer of a stream that must be complete and legal.
    pub(crate) fn whole(&self) -> Whole {
        assert!(self.error.is_none(), "{:?}", self.error);
        self.legal().complete().expect("a complete sequence");
        let mut whole = Whole::default();
        for event in self.events() {
            whole.push(event).expect("a legal sequence");
        }
        whole
    }

    /// The parts of the answer.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.whole().choices.remove(&0).expect("a choice").parts
    }
}
