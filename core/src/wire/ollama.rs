//! Ollama's own API, which we only call: `POST /api/chat`, `POST /api/embed`, `GET /api/tags`.
//!
//! Names and meanings are those of its API reference (<https://docs.ollama.com/api/chat>,
//! <https://github.com/ollama/ollama/blob/main/docs/api.md>). Its `/v1` speaks the OpenAI format instead;
//! this one also says how long a model stays loaded, how large its context is, and whether it thinks.
//!
//! Nobody speaks this dialect to us, so no bytes pass through: [`Verbatim`] and `pass` mean nothing here.
//!
//! Ignored, since it changes no answer: the end user, metadata, cache hints (a server's own cache finds
//! prefixes), how closely to look at a picture, and a tool's `strict`, which Ollama cannot promise for any
//! tool; who of several users speaks (`name`) and how many words to make (`verbosity`), which leave an
//! answer's meaning alone. That only one tool may be called is kept by whoever reads the answer. A budget
//! of thoughts only says that the model is to think: what bounds thoughts is the limit of
//! output tokens, of which they are part.

mod answer;
mod embed;
mod message;
mod request;

use std::time::Duration;

use bytes::Bytes;
pub use embed::OllamaEmbeddings;

use super::{Call, Called, Decode, ModelList, Outgoing, Verbatim, failure};
use crate::{
    Error, Result,
    chat::{Chunk, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Ollama;

impl Called for Ollama {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        request::encode(request, outgoing)
    }

    fn limits_calls(&self) -> bool {
        false
    }

    fn forces_tools(&self) -> bool {
        false
    }

    fn is_stream(&self, content_type: &str) -> bool {
        content_type.trim_start().starts_with("application/x-ndjson")
    }

    fn decoder(&self, _: Verbatim) -> Box<dyn Decode> {
        Box::new(answer::AnswerDecoder::default())
    }

    fn decode_answer(&self, body: Bytes, _: bool) -> Result<Chunk> {
        answer::decode(&body)
    }

    /// `{"error": "…"}`, which is one of the forms that servers of the OpenAI format use.
    fn decode_error(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
        failure::decode_error(status, retry_after, body)
    }

    fn models(&self) -> ModelList {
        ModelList { path: "api/tags", items: "models", id: "name", prefix: "" }
    }
}
