//! JSON objects, one a line (`application/x-ndjson`), as Ollama streams them.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::{sse::MAX_FRAME_BYTES, stream::Frames};
use crate::{Code, Error, Result};

/// Splits a byte stream into lines, wherever the network cuts it. Blank lines are left out.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    held: BytesMut,
    /// Up to where no line is known to end.
    seen: usize,
}

impl Frames for Decoder {
    /// # Errors
    ///
    /// [`Code::UpstreamInvalid`] when a line exceeds [`MAX_FRAME_BYTES`].
    fn push(&mut self, bytes: &[u8], lines: &mut Vec<Bytes>) -> Result<()> {
        self.held.extend_from_slice(bytes);
        while let Some(found) = self.held.get(self.seen..).and_then(|rest| memchr(b'\n', rest)) {
            let line = self.held.split_to(self.seen + found + 1).freeze();
            self.seen = 0;
            within_limit(line.len())?;
            if !line.trim_ascii().is_empty() {
                lines.push(line);
            }
        }
        self.seen = self.held.len();
        within_limit(self.held.len())
    }

    fn finish(&mut self) -> Option<Bytes> {
        self.seen = 0;
        Some(self.held.split().freeze()).filter(|line| !line.trim_ascii().is_empty())
    }

    fn object(line: &[u8]) -> Option<&str> {
        std::str::from_utf8(line).ok()
    }
}

fn within_limit(bytes: usize) -> Result<()> {
    if bytes > MAX_FRAME_BYTES {
        return Err(Error::new(Code::UpstreamInvalid, "the provider sent a line without end"));
    }
    Ok(())
}
