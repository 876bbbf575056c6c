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
pub struct AnswerDecoder {
    /// Whether the provider's bytes pass. `None`: that depends on the first of them.
    pass: Option<bool>,
    sse: sse::Decoder,
    reader: Reader,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading,
    /// The provider said that it was done.
    Done,
    /// An error came after chunks that had to be returned first.
    Failed(Option<Error>),
}

impl AnswerDecoder {
    /// A decoder for one answer.
    pub fn new(verbatim: Verbatim) -> Self {
        Self {
            pass: (!verbatim.pass).then_some(false),
            sse: sse::Decoder::default(),
            reader: Reader::default(),
            state: State::Reading,
        }
    }

    fn frame(&mut self, frame: Frame, chunks: &mut Vec<Chunk>) -> Result<()> {
        let data = frame.data.trim();
        if data.is_empty() {
            chunks.push(Event::Ping.into());
            return Ok(());
        }
        if data == DONE {
            self.state = State::Done;
            return Ok(());
        }
        let event: Map<String, Value> = serde_json::from_str(data).map_err(unreadable)?;
        // Servers that do not number their events leave out more that strict clients want.
        let pass = *self.pass.get_or_insert_with(|| {
            event.contains_key("sequence_number") && event.contains_key("response")
        });
        let mut events = Vec::new();
        let read = self.reader.event(event, &mut events);
        if self.reader.finished {
            self.state = State::Done;
        }
        // The bytes of a failure are not passed on: the error is.
        let verbatim = (pass && read.is_ok()).then_some(frame.raw);
        if !events.is_empty() || verbatim.is_some() {
            chunks.push(Chunk { events, verbatim });
        }
        read
    }
}

impl Decode for AnswerDecoder {
    fn is_done(&self) -> bool {
        !matches!(self.state, State::Reading)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if self.is_done() {
            return Ok(chunks);
        }
        for frame in self.sse.push(bytes)? {
            if let Err(error) = self.frame(frame, &mut chunks) {
                if chunks.is_empty() {
                    self.state = State::Failed(None);
                    return Err(error);
                }
                self.state = State::Failed(Some(error));
            }
            if self.is_done() {
                break;
            }
        }
        Ok(chunks)
    }

    fn finish(&mut self) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if let State::Reading = self.state
            && let Some(frame) = self.sse.finish()
            && serde_json::from_str::<Value>(&frame.data).is_ok()
            && let Err(error) = self.frame(frame, &mut chunks)
        {
            self.state = State::Failed(Some(error));
        }
        if let State::Failed(error) = &mut self.state
            && let Some(error) = error.take()
        {
            return Err(error);
        }
        if self.reader.finished {
            return Ok(chunks);
        }
        Err(Error::new(Code::UpstreamFailed, "the provider's answer broke off"))
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
