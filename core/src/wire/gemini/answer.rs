//! Reading an answer, streamed or whole.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::reader::Reader;
use crate::{
    Code, Error, Result,
    chat::{Chunk, Event},
    wire::{
        sse::{self, Frame},
        stream::{ReadFrame, Reading},
    },
};

/// Reads a streamed answer: server-sent events, each a `GenerateContentResponse`. Its end is the end of
/// the body.
pub(super) type AnswerDecoder = Reading<Reader>;

impl ReadFrame for Reader {
    type Frames = sse::Decoder;

    fn frame(&mut self, raw: Bytes, chunks: &mut Vec<Chunk>) -> Result<bool> {
        let frame = Frame::read(&raw);
        let data = frame.data.trim();
        if data.is_empty() {
            chunks.push(Event::Ping.into());
            return Ok(false);
        }
        let object = serde_json::from_str(data).map_err(unreadable)?;
        let mut events = Vec::new();
        let read = self.read(object, &mut events);
        if !events.is_empty() {
            chunks.push(Chunk { events, verbatim: None });
        }
        read.map(|()| false)
    }

    fn plain(&mut self, object: &str, _: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        let mut events = Vec::new();
        self.plain(object, &mut events)?;
        if !events.is_empty() {
            chunks.push(Chunk { events, verbatim: None });
        }
        Some(Ok(()))
    }

    fn is_whole(raw: &[u8]) -> bool {
        serde_json::from_str::<Map<String, Value>>(&Frame::read(raw).data).is_ok()
    }

    fn end(&mut self, _: bool, chunks: &mut Vec<Chunk>) -> Result<bool> {
        let mut events = Vec::new();
        let complete = self.finish(&mut events);
        chunks.push(Chunk { events, verbatim: None });
        Ok(complete)
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
