//! Google's Gemini API, which we only call: `models/{model}:generateContent`,
//! `:streamGenerateContent` and `:batchEmbedContents`.
//!
//! Names and meanings are those of the API reference (<https://ai.google.dev/api/generate-content>,
//! <https://ai.google.dev/api/caching> for contents, parts and tools); what its guides add is named where
//! it is used. Vertex AI speaks the same below `…/publishers/google`.
//!
//! Nobody speaks this dialect to us, so no bytes pass through: [`Verbatim`] and `pass` mean nothing here.
//!
//! **Thought signatures.** Gemini signs a part with what it thought before it, and wants the signature
//! back on that part. Here the signature ends the thoughts in front of the part, be they told or not:
//! it belongs to the first part behind it, and where none follows, to an empty text, which is how Gemini
//! itself sends it at the end of a stream.
//!
//! Ignored, since it changes no answer: the end user, metadata, cache hints (Gemini finds prefixes by
//! itself), and a tool's `strict`, for Gemini keeps to a schema as well as it can in any case. So are two
//! wishes that it has no word for and that leave an answer's meaning alone: who of several users speaks
//! (`name`), and how many words to make (`verbosity`). That only one tool may be called is not ignored,
//! but kept by whoever reads the answer.

mod answer;
mod contents;
mod embed;
mod error;
mod file;
mod reader;
mod request;
mod thinking;
mod tool;
mod usage;

use std::time::Duration;

use bytes::Bytes;
pub use embed::GeminiEmbeddings;

use super::{Call, Called, Decode, ModelList, Outgoing, Verbatim};
use crate::{
    Error, Result,
    chat::{Chunk, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl Called for Gemini {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        request::encode(request, outgoing)
    }

    fn limits_calls(&self) -> bool {
        false
    }

    fn tells_failed_tools(&self) -> bool {
        true
    }

    fn decoder(&self, _: Verbatim) -> Box<dyn Decode> {
        Box::new(answer::AnswerDecoder::default())
    }

    fn decode_answer(&self, body: Bytes, _: bool) -> Result<Chunk> {
        answer::decode(&body)
    }

    fn decode_error(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
        error::decode(status, retry_after, body)
    }

    fn models(&self) -> ModelList {
        ModelList { path: "models", items: "models", id: "name", prefix: "models/" }
    }
}

/// The field of a part that holds its thought signature.
const SIGNATURE: &str = "thoughtSignature";

/// Whether `model` is older than Gemini 3, which brought levels of thinking and insists on signatures
/// (<https://ai.google.dev/gemini-api/docs/gemini-3>).
fn before_gemini_3(model: &str) -> bool {
    ["gemini-1", "gemini-2"].iter().any(|generation| model.contains(generation))
}
