//! What a provider sent, kept in files, and what is read of it.

use dormouse_core::wire::{Called, Verbatim, gemini::Gemini};
use dormouse_testkit::reading::{self, Read};

/// The bytes of a file in `transcripts`.
macro_rules! transcript {
    ($name:literal) => {
        include_bytes!(concat!("transcripts/", $name)).as_slice()
    };
}
pub(crate) use transcript;

/// Reads a stream that comes in these pieces.
pub(crate) fn streamed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    reading::streamed(Gemini.decoder(Verbatim::default()), pieces)
}

/// Reads a whole answer.
pub(crate) fn whole(body: &'static [u8]) -> Read {
    reading::whole(Gemini.decode_answer(body.into(), false))
}
