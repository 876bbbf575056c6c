//! Reading a streamed answer, as far as all dialects do it alike: frame by frame up to the one that the
//! provider calls the last, with errors kept behind what is worth having, and a body that breaks off.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::{
    Decode,
    sse::{self, Frame},
};
use crate::{Code, Error, Result, chat::Chunk};

/// What a dialect's frames say.
pub(super) trait ReadFrame: fmt::Debug + Send {
    /// How the dialect cuts a body into frames.
    type Frames: Frames;

    /// Takes a frame. Says whether the provider is done with it. What comes before an error is worth
    /// having, so it is in `chunks` then.
    fn frame(&mut self, raw: Bytes, chunks: &mut Vec<Chunk>) -> Result<bool>;

    /// Takes a frame, just as [`frame`](Self::frame) would, if it says what nearly every frame says: one
    /// more piece of what is open, and nothing else that is new. `object` is its object as text, to be read
    /// without building a tree, by types that borrow from it. `None`: it says more, and nothing was taken.
    fn plain(&mut self, object: &str, raw: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>>;

    /// Whether a frame that the body ended in is all there.
    fn is_whole(raw: &[u8]) -> bool;

    /// Finishes the answer. `done`: the provider said that it was done. False: it is not complete.
    fn end(&mut self, done: bool, chunks: &mut Vec<Chunk>) -> Result<bool>;
}

/// Cuts a body into frames, wherever the network cuts it.
pub(super) trait Frames: fmt::Debug + Default + Send {
    /// Takes the next bytes and adds the frames that they complete, as they were sent.
    fn push(&mut self, bytes: &[u8], frames: &mut Vec<Bytes>) -> Result<()>;

    /// What remains at the end of the body.
    fn finish(&mut self) -> Option<Bytes>;

    /// The text of the object in a frame, if it is plain to see.
    fn object(raw: &[u8]) -> Option<&str>;
}

impl Frames for sse::Decoder {
    fn push(&mut self, bytes: &[u8], frames: &mut Vec<Bytes>) -> Result<()> {
        self.push(bytes, frames)
    }

    fn finish(&mut self) -> Option<Bytes> {
        self.finish()
    }

    fn object(raw: &[u8]) -> Option<&str> {
        match Frame::read(raw).data {
            Cow::Borrowed(data) => Some(data.trim()),
            Cow::Owned(_) => None,
        }
    }
}

/// Reads a streamed answer.
#[derive(Debug, Default)]
pub(super) struct Reading<R: ReadFrame> {
    frames: R::Frames,
    /// The frames that are still to be read of what was pushed.
    cut: Vec<Bytes>,
    reader: R,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Reading,
    /// The provider said that it was done.
    Done,
    /// Nothing more is read. An error that came after chunks that had to be returned first is still to
    /// be told.
    Failed(Option<Error>),
}

impl<R: ReadFrame> Reading<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { frames: R::Frames::default(), cut: Vec::new(), reader, state: State::Reading }
    }

    fn frame(&mut self, raw: Bytes, chunks: &mut Vec<Chunk>) {
        let read = match self.plain(&raw, chunks) {
            Some(read) => read.map(|()| false),
            None => self.reader.frame(raw, chunks),
        };
        match read {
            Ok(false) => {}
            Ok(true) => self.state = State::Done,
            Err(error) => self.state = State::Failed(Some(error)),
        }
    }

    fn plain(&mut self, raw: &Bytes, chunks: &mut Vec<Chunk>) -> Option<Result<()>> {
        self.reader.plain(R::Frames::object(raw)?, raw, chunks)
    }
}

impl<R: ReadFrame> Decode for Reading<R> {
    fn is_done(&self) -> bool {
        !matches!(self.state, State::Reading)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if self.is_done() {
            return Ok(chunks);
        }
        let mut cut = std::mem::take(&mut self.cut);
        let pushed = self.frames.push(bytes, &mut cut);
        for raw in cut.drain(..) {
            if pushed.is_ok() && !self.is_done() {
                self.frame(raw, &mut chunks);
            }
        }
        self.cut = cut;
        pushed?;
        match &mut self.state {
            State::Failed(error) if chunks.is_empty() => error.take().map_or(Ok(chunks), Err),
            _ => Ok(chunks),
        }
    }

    fn finish(&mut self) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if !self.is_done()
            && let Some(raw) = self.frames.finish()
            && R::is_whole(&raw)
        {
            self.frame(raw, &mut chunks);
        }
        let complete = match &mut self.state {
            State::Reading => self.reader.end(false, &mut chunks)?,
            State::Done => self.reader.end(true, &mut chunks)?,
            State::Failed(error) => return Err(error.take().unwrap_or_else(broken_off)),
        };
        if complete { Ok(chunks) } else { Err(broken_off()) }
    }
}

fn broken_off() -> Error {
    Error::new(Code::UpstreamFailed, "the provider's answer broke off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Event;

    /// Reads frames that say what becomes of them.
    #[derive(Debug, Default)]
    struct Script;

    impl ReadFrame for Script {
        type Frames = sse::Decoder;
        fn frame(&mut self, raw: Bytes, chunks: &mut Vec<Chunk>) -> Result<bool> {
            let frame = Frame::read(&raw);
            if frame.data.contains("chunk") {
                chunks.push(Event::Ping.into());
            }
            if frame.data.contains("error") {
                return Err(Error::new(Code::UpstreamRejected, "no"));
            }
            Ok(frame.data.contains("last"))
        }

        fn plain(
            &mut self,
            object: &str,
            _: &Bytes,
            chunks: &mut Vec<Chunk>,
        ) -> Option<Result<()>> {
            match object {
                "ping" => chunks.push(Event::Ping.into()),
                "fail" => return Some(Err(Error::new(Code::UpstreamRejected, "no"))),
                _ => return None,
            }
            Some(Ok(()))
        }

        fn is_whole(raw: &[u8]) -> bool {
            !Frame::read(raw).data.contains("half")
        }

        fn end(&mut self, done: bool, chunks: &mut Vec<Chunk>) -> Result<bool> {
            chunks.push(Event::Ping.into());
            Ok(done)
        }
    }

    /// How many chunks come of what was sent, and of the end.
    fn read(sent: &str) -> (Result<usize, Code>, Result<usize, Code>) {
        let mut reading = Reading::<Script>::default();
        let told = |read: Result<Vec<Chunk>>| {
            read.map(|chunks| chunks.len()).map_err(|error| error.code())
        };
        (told(reading.push(sent.as_bytes())), told(reading.finish()))
    }

    #[test]
    fn an_error_behind_chunks_is_kept_for_the_end() {
        let kept = (Ok(1), Err(Code::UpstreamRejected));
        assert_eq!(read("data: chunk\n\ndata: error\n\ndata: chunk\n\n"), kept);
        assert_eq!(read("data: chunk, then error\n\n"), kept);
    }

    #[test]
    fn an_error_with_nothing_before_it_is_told_at_once() {
        let told = (Err(Code::UpstreamRejected), Err(Code::UpstreamFailed));
        assert_eq!(read("data: error\n\ndata: last\n\n"), told);
    }

    #[test]
    fn a_frame_that_only_seems_plain_is_read_like_any_other() {
        assert_eq!(read("data: ping\n\ndata: last chunk\n\n"), (Ok(2), Ok(1)));
        let kept = (Ok(1), Err(Code::UpstreamRejected));
        assert_eq!(read("data: ping\n\ndata: fail\n\n"), kept);
        assert_eq!(read("data: chunk\n\ndata: error\n\n"), kept);
    }

    #[test]
    fn nothing_is_read_behind_the_last_frame() {
        assert_eq!(read("data: chunk\n\ndata: last\n\ndata: error\n\n"), (Ok(1), Ok(1)));
        assert_eq!(read("data: last\n\ndata: error"), (Ok(0), Ok(1)));
    }

    #[test]
    fn a_body_may_lack_the_end_of_its_last_frame_only() {
        assert_eq!(read("data: chunk\n\ndata: last chunk"), (Ok(1), Ok(2)));
        assert_eq!(read("data: chunk\n\ndata: error"), (Ok(1), Err(Code::UpstreamRejected)));
        assert_eq!(read("data: chunk\n\ndata: half the last"), (Ok(1), Err(Code::UpstreamFailed)));
        assert_eq!(read("data: chunk\n\n"), (Ok(1), Err(Code::UpstreamFailed)));
    }
}
