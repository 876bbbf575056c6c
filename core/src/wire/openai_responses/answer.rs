//! Reading a provider's answer, streamed or whole.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::reader::Reader;
use crate::{
    Code, Error, Result,
    chat::{Chunk, Event},
    wire::{
        Decode, Verbatim,
        sse::{self, Frame},
        stream::{ReadFrame, Reading},
    },
};

/// What some servers end their streams with, although the last event has said so already.
const DONE: &str = "[DONE]";

/// The fields of a response that strict clients want.
const WANTED: [&str; 7] =
    ["id", "created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools"];

/// Reads a streamed answer. Whatever the provider sends, what comes out is a sequence that
/// [`Grammar`](crate::chat::Grammar) accepts, or an error.
#[derive(Debug)]
pub struct AnswerDecoder(Reading<FrameReader>);

impl AnswerDecoder {
    /// A decoder for one answer.
    pub fn new(verbatim: Verbatim) -> Self {
        let pass = (!verbatim.pass).then_some(false);
        Self(Reading::new(FrameReader { pass, reader: Reader::default() }))
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
    /// Whether the provider's bytes pass. `None`: that depends on the first of them.
    pass: Option<bool>,
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
        let event: Map<String, Value> = serde_json::from_str(data).map_err(unreadable)?;
        // Servers that do not number their events leave out more that strict clients want.
        self.pass.get_or_insert_with(|| {
            event.contains_key("sequence_number") && event.contains_key("response")
        });
        let mut events = Vec::new();
        let read = self.reader.event(event, &mut events);
        self.tell(events, read, &raw, chunks)?;
        Ok(self.reader.finished)
    }

    fn plain(&mut self, object: &str, raw: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        let mut events = Vec::new();
        let read = self.reader.plain(object, &mut events)?;
        Some(self.tell(events, read, raw, chunks))
    }

    fn is_whole(raw: &[u8]) -> bool {
        serde_json::from_str::<Value>(&Frame::read(raw).data).is_ok()
    }

    fn end(&mut self, _: bool, _: &mut Vec<Chunk>) -> Result<bool> {
        Ok(self.reader.finished)
    }
}

impl FrameReader {
    fn tell(
        &self,
        events: Vec<Event>,
        read: Result<()>,
        raw: &Bytes,
        chunks: &mut Vec<Chunk>,
    ) -> Result<()> {
        // The bytes of a failure are not passed on: the error is.
        let verbatim = (self.pass == Some(true) && read.is_ok()).then(|| raw.clone());
        if !events.is_empty() || verbatim.is_some() {
            chunks.push(Chunk { events, verbatim });
        }
        read
    }
}

/// Reads a whole answer. `pass`: the caller speaks this format too.
///
/// # Errors
///
/// The provider's own error if it sent one with a success status, [`Code::UpstreamInvalid`] if the body
/// is no answer.
pub fn decode_answer(body: Bytes, pass: bool) -> Result<Chunk> {
    let response: Map<String, Value> = serde_json::from_slice(&body).map_err(unreadable)?;
    let failed = response.get("error").is_some_and(|error| !error.is_null());
    if !failed && !response.get("output").is_some_and(Value::is_array) {
        return Err(Error::new(Code::UpstreamInvalid, "the provider's answer has no output"));
    }
    let pass = pass && WANTED.iter().all(|field| response.contains_key(*field));
    let status = match response.get("status").and_then(Value::as_str) {
        _ if failed => "failed",
        Some("incomplete") => "incomplete",
        Some("failed") => "failed",
        Some("cancelled") => "cancelled",
        _ => "completed",
    };
    let mut events = Vec::new();
    Reader::default().end(response, status, &mut events)?;
    Ok(Chunk { events, verbatim: pass.then_some(body) })
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
}
