//! Reading a provider's answer, streamed or whole.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::reader::Reader;
use crate::{
    Code, Error, Result,
    chat::{Chunk, Event},
    wire::{
        Decode, Verbatim, failure,
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
    /// A decoder for one answer. Token counts are part of this format, so they are never hidden.
    pub fn new(verbatim: Verbatim) -> Self {
        Self(Reading::new(FrameReader { pass: verbatim.pass, reader: Reader::default() }))
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
    pass: bool,
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
        if data == "[DONE]" {
            // Not of this format, but harmless.
            return Ok(true);
        }
        let event: Map<String, Value> = serde_json::from_str(data).map_err(unreadable)?;
        let kind = event.get("type").and_then(Value::as_str).map(str::to_owned);
        let kind = kind.or(frame.event.map(Cow::into_owned)).unwrap_or_default();
        let mut out = Out::default();
        if self.reader.event(&kind, event, &mut out)? {
            // The end is written anew for every caller, so it is no part of a chunk.
            return Ok(true);
        }
        self.tell(out, &raw, chunks);
        Ok(false)
    }

    fn plain(&mut self, object: &str, raw: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        let mut out = Out::default();
        let read = self.reader.plain(object, &mut out)?;
        Some(read.map(|()| self.tell(out, raw, chunks)))
    }

    fn is_whole(raw: &[u8]) -> bool {
        serde_json::from_str::<Value>(&Frame::read(raw).data).is_ok()
    }

    fn end(&mut self, done: bool, chunks: &mut Vec<Chunk>) -> Result<bool> {
        if done {
            let mut out = Out::default();
            self.reader.finish(&mut out);
            if !out.events.is_empty() {
                chunks.push(Chunk { events: out.events, verbatim: None });
            }
        }
        // A body that ends behind the stop reason is complete.
        Ok(self.reader.finished())
    }
}

impl FrameReader {
    fn tell(&mut self, out: Out, raw: &Bytes, chunks: &mut Vec<Chunk>) {
        // Once events and bytes differ, they cannot be brought together again.
        self.pass &= !out.inexact;
        let verbatim = self.pass.then(|| raw.clone());
        if !out.events.is_empty() || verbatim.is_some() {
            chunks.push(Chunk { events: out.events, verbatim });
        }
    }
}

/// Reads a whole answer. `pass`: the caller speaks this format too.
///
/// # Errors
///
/// The provider's own error if it sent one with a success status, [`Code::UpstreamInvalid`] if the body
/// is no answer.
pub fn decode_answer(body: Bytes, pass: bool) -> Result<Chunk> {
    let object: Map<String, Value> = serde_json::from_slice(&body).map_err(unreadable)?;
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(failure::decode_streamed(object));
    }
    if !object.get("content").is_some_and(Value::is_array) {
        return Err(Error::new(Code::UpstreamInvalid, "the provider's answer has no content"));
    }
    let (mut reader, mut out) = (Reader::default(), Out::default());
    reader.whole(object, &mut out)?;
    Ok(Chunk { events: out.events, verbatim: (pass && !out.inexact).then_some(body) })
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
}
