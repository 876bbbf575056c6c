//! Reading an answer, streamed or whole.

use serde_json::{Map, Value};

use super::reader::Reader;
use crate::{
    Code, Error, Result,
    chat::{Chunk, Event},
    wire::{
        Decode,
        sse::{self, Frame},
    },
};

/// Reads a streamed answer: server-sent events, each a `GenerateContentResponse`. Its end is the end of
/// the body.
#[derive(Debug, Default)]
pub(super) struct AnswerDecoder {
    sse: sse::Decoder,
    reader: Reader,
    failed: Option<Error>,
    done: bool,
}

impl AnswerDecoder {
    /// Takes a frame. What it says before its error is kept.
    fn frame(&mut self, frame: &Frame, chunks: &mut Vec<Chunk>) -> Result<()> {
        let data = frame.data.trim();
        if data.is_empty() {
            chunks.push(Event::Ping.into());
            return Ok(());
        }
        let object = serde_json::from_str(data).map_err(unreadable)?;
        let mut events = Vec::new();
        let read = self.reader.read(object, &mut events);
        if !events.is_empty() {
            chunks.push(Chunk { events, verbatim: None });
        }
        read
    }
}

impl Decode for AnswerDecoder {
    fn is_done(&self) -> bool {
        self.done
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if self.done {
            return Ok(chunks);
        }
        for frame in self.sse.push(bytes)? {
            if let Err(error) = self.frame(&frame, &mut chunks) {
                self.done = true;
                if chunks.is_empty() {
                    return Err(error);
                }
                self.failed = Some(error);
                break;
            }
        }
        Ok(chunks)
    }

    fn finish(&mut self) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if !self.done
            && let Some(frame) = self.sse.finish()
            && serde_json::from_str::<Map<String, Value>>(&frame.data).is_ok()
        {
            self.frame(&frame, &mut chunks)?;
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut events = Vec::new();
        if self.done || !self.reader.finish(&mut events) {
            return Err(Error::new(Code::UpstreamFailed, "the provider's answer broke off"));
        }
        chunks.push(Chunk { events, verbatim: None });
        Ok(chunks)
    }
}

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Chunk> {
    let object = serde_json::from_slice(body).map_err(unreadable)?;
    let mut reader = Reader::default();
    let mut events = Vec::new();
    reader.read(object, &mut events)?;
    if !reader.finish(&mut events) {
        return Err(Error::new(Code::UpstreamInvalid, "the provider's answer has no end"));
    }
    Ok(Chunk { events, verbatim: None })
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
}
