//! Reading a provider's answer, streamed or whole.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::chunk::{Reader, Shape};
use crate::{
    Code, Error, Result,
    chat::{Chunk, Dialect, Event, Source},
    wire::{
        Decode, Verbatim,
        out::Out,
        sse::{self, Frame},
        stream::{ReadFrame, Reading},
    },
};

/// Reads a streamed answer. Whatever the provider sends, what comes out is a sequence that
/// [`Grammar`](crate::chat::Grammar) accepts, or an error.
#[derive(Debug)]
pub struct AnswerDecoder(Reading<FrameReader>);

impl AnswerDecoder {
    /// A decoder for one answer.
    pub fn new(verbatim: Verbatim) -> Self {
        Self::of(Dialect::OpenAiChat, verbatim)
    }

    /// A decoder for a chat answer or a text completion.
    pub(in crate::wire) fn of(dialect: Dialect, verbatim: Verbatim) -> Self {
        Self(Reading::new(FrameReader { verbatim, reader: Reader::of(dialect) }))
    }
}

impl Decode for AnswerDecoder {
    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>> {
        self.0.push(bytes)
    }

    fn finish(&mut self) -> Result<Vec<Chunk>> {
        self.0.finish()
    }
}

/// Reads the frames of one answer.
#[derive(Debug)]
struct FrameReader {
    verbatim: Verbatim,
    reader: Reader,
}

impl ReadFrame for FrameReader {
    type Frames = sse::Decoder;

    fn frame(&mut self, raw: Bytes, chunks: &mut Vec<Chunk>) -> Result<bool> {
        let frame = Frame::read(&raw);
        let data = frame.data.trim();
        if data.is_empty() {
            chunks.push(Event::Ping.into());
            return Ok(false);
        }
        if data == DONE {
            return Ok(true);
        }
        let object: Map<String, Value> = serde_json::from_str(data).map_err(unreadable)?;
        let silent = object.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty);
        let shows_usage = object.get("usage").is_some_and(|usage| !usage.is_null());
        let mut out = Out::default();
        self.reader.read(object, Shape::Chunk, &mut out)?;
        let hidden = shows_usage && self.verbatim.hide_usage;
        let verbatim = match (hidden, silent) {
            _ if !self.passes(&out) => None,
            (false, _) => Some(raw.clone()),
            (true, true) => Some(Bytes::new()),
            (true, false) => None,
        };
        // Counts that are not in the bytes must reach a caller who asked for them some other way.
        let counted =
            |event: &mut Event| matches!(event, Event::Usage(it) if it.source != Source::Reported);
        let counts: Vec<Event> = out.events.extract_if(.., counted).collect();
        if !out.events.is_empty() || verbatim.is_some() {
            chunks.push(Chunk { events: out.events, verbatim });
        }
        chunks.extend(counts.into_iter().map(Chunk::from));
        Ok(false)
    }

    fn plain(&mut self, object: &str, raw: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        let mut out = Out::default();
        let read = self.reader.plain(object, &mut out)?;
        Some(read.map(|()| {
            let verbatim = self.passes(&out).then(|| raw.clone());
            if !out.events.is_empty() || verbatim.is_some() {
                chunks.push(Chunk { events: out.events, verbatim });
            }
        }))
    }

    fn is_whole(raw: &[u8]) -> bool {
        let data = Frame::read(raw).data;
        data.trim() == DONE || serde_json::from_str::<Value>(&data).is_ok()
    }

    fn end(&mut self, done: bool, chunks: &mut Vec<Chunk>) -> Result<bool> {
        if done && self.reader.has_choices() && !self.reader.finished() {
            let mut out = Out::default();
            self.reader.finish(&mut out)?;
            chunks.push(Chunk { events: out.events, verbatim: None });
        }
        Ok(self.reader.finished())
    }
}

impl FrameReader {
    /// Whether the bytes pass that say what is in `out`.
    fn passes(&mut self, out: &Out) -> bool {
        // Once events and bytes differ, they cannot be brought together again.
        self.verbatim.pass &= !out.inexact;
        self.verbatim.pass
    }
}

/// What ends a stream. It is written anew for every caller, so it is no part of a chunk.
pub(in crate::wire) const DONE: &str = "[DONE]";

/// Reads a whole answer. `pass`: the caller speaks this format too.
///
/// # Errors
///
/// The provider's own error if it sent one with a success status, [`Code::UpstreamInvalid`] if the body
/// is no answer.
pub fn decode_answer(body: Bytes, pass: bool) -> Result<Chunk> {
    decode_whole(Dialect::OpenAiChat, body, pass)
}

/// The same, of a chat answer or a text completion.
pub(in crate::wire) fn decode_whole(dialect: Dialect, body: Bytes, pass: bool) -> Result<Chunk> {
    let mut reader = Reader::of(dialect);
    let mut out = Out::default();
    match reader.whole(&body, &mut out) {
        Some(read) => read?,
        None => {
            let object = serde_json::from_slice(&body).map_err(unreadable)?;
            reader.read(object, Shape::Whole, &mut out)?;
        }
    }
    if !reader.has_choices() {
        return Err(Error::new(Code::UpstreamInvalid, "the provider's answer has no choices"));
    }
    Ok(Chunk { events: out.events, verbatim: (pass && !out.inexact).then_some(body) })
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
}
