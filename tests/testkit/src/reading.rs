//! Reads a provider's answer as the gateway does, and checks that what comes out is legal.
#![expect(clippy::expect_used, clippy::panic, reason = "a test whose tools fail fails")]

use dormouse_core::{
    Error, Result,
    chat::{Chunk, Event, Grammar, Part, Whole},
    wire::Decode,
};

/// What was read of an answer: its events, and the error that ended it.
#[derive(Debug)]
pub struct Read {
    /// The events.
    pub events: Vec<Event>,
    /// The error.
    pub error: Option<Error>,
}

/// Reads a stream that comes in these pieces. Every event must be legal, and the answer complete or
/// ended by an error.
pub fn streamed<'a>(
    mut decoder: Box<dyn Decode>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Read {
    let mut chunks = Vec::new();
    for piece in pieces {
        match decoder.push(piece) {
            Ok(more) => chunks.extend(more),
            Err(error) => return read(chunks, Some(error)),
        }
        if decoder.is_done() {
            break;
        }
    }
    match decoder.finish() {
        Ok(more) => {
            chunks.extend(more);
            read(chunks, None)
        }
        Err(error) => read(chunks, Some(error)),
    }
}

/// The same of an answer that came whole.
pub fn whole(answer: Result<Chunk>) -> Read {
    match answer {
        Ok(chunk) => read(vec![chunk], None),
        Err(error) => read(Vec::new(), Some(error)),
    }
}

fn read(chunks: Vec<Chunk>, error: Option<Error>) -> Read {
    let events: Vec<Event> = chunks.into_iter().flat_map(|chunk| chunk.events).collect();
    let mut grammar = Grammar::default();
    for event in &events {
        grammar.check(event).unwrap_or_else(|rule| panic!("{rule}: {event:?}"));
    }
    if error.is_none() {
        grammar.complete().unwrap_or_else(|rule| panic!("{rule}: {events:?}"));
    }
    Read { events, error }
}

impl Read {
    /// The collected answer of a stream that did not fail.
    pub fn whole(&self) -> Whole {
        assert!(self.error.is_none(), "{:?}", self.error);
        let mut whole = Whole::default();
        for event in &self.events {
            whole.push(event.clone()).expect("a legal sequence");
        }
        whole
    }

    /// The parts of the only choice.
    pub fn parts(&self) -> Vec<Part> {
        self.whole().choices.remove(&0).expect("a choice").parts
    }
}

/// `bytes`, cut at these places, which may be anywhere and in any order.
pub fn cut<'a>(bytes: &'a [u8], at: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = at.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let ranges = places.windows(2).filter_map(|pair| bytes.get(*pair.first()?..*pair.last()?));
    ranges.collect()
}
