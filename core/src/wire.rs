//! Wire formats: bytes to and from the vocabulary of [`chat`](crate::chat).
//!
//! Pure and incremental: bytes in, values out, wherever the network cuts them. Each dialect has both
//! directions, since it is served and called: [`Served`] is how callers speak it to us, [`Called`] how we
//! speak it to providers. There are N dialects and one vocabulary between them, never N×M translations.

pub mod anthropic;
mod arguments;
mod carried;
mod data_uri;
mod embedding;
mod failure;
mod fields;
pub mod gemini;
mod instruction;
mod ndjson;
mod object;
pub mod ollama;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_embeddings;
pub mod openai_moderations;
pub mod openai_responses;
mod out;
mod outgoing;
mod overflow;
mod patch;
mod plain;
mod sequence;
pub mod sse;
mod stream;
mod unsaid;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
pub use outgoing::{Call, MaxTokensField, ModelList, Outgoing, Verbatim};
pub use overflow::overflows;
use serde_json::Value;

use crate::{
    Error, Result,
    chat::{Chunk, Dialect, Request, Whole},
    embeddings::{self, Embeddings},
};

/// A dialect as it is spoken to us.
pub trait Served: fmt::Debug + Sync {
    /// Reads and checks a request.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault
    /// (`messages[0].role`), or without one if the body is not JSON at all.
    fn decode_request(&self, headers: &HeaderMap, body: &Bytes) -> Result<Request>;

    /// What writes the answer to `request`.
    fn encoder(&self, request: &Request, opening: Opening) -> Box<dyn Encode>;

    /// Writes an error. `correlation_id` names the request in the gateway's log.
    fn error_body(&self, error: &Error, correlation_id: &str) -> Value;
}

/// What an answer says about itself where its provider does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// An id that no other answer has: letters and digits.
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
}

/// Writes one answer in a caller's dialect: whole, or chunk by chunk.
pub trait Encode: fmt::Debug + Send {
    /// Writes a whole answer; nothing else is called then.
    fn whole(&mut self, whole: &Whole) -> Bytes;

    /// Writes a chunk: its own bytes if it has them. May be empty.
    fn chunk(&mut self, chunk: &Chunk) -> Bytes;

    /// Writes that the answer failed. Only [`done`](Self::done) may follow.
    fn error(&mut self, error: &Error) -> Bytes;

    /// Writes what is left, and the end of the stream.
    fn done(&mut self) -> Bytes;

    /// A sign of life that changes nothing, with a `note` of one line for people where the dialect has
    /// room for it.
    fn keep_alive(&mut self, note: Option<&str>) -> Bytes {
        match note {
            Some(note) => Bytes::from(format!(": {note}\n\n")),
            None => Bytes::from_static(sse::KEEP_ALIVE),
        }
    }
}

/// A dialect as we speak it to providers.
pub trait Called: fmt::Debug + Sync {
    /// Writes `request` for a provider. Whoever changes a request beyond what [`Outgoing`] names must
    /// take away its [`original`](Request::original), or the change is not sent.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if the dialect cannot say what the request
    /// says, [`Code::Internal`](crate::Code::Internal) if the original is not what it was when decoded.
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call>;

    /// Whether the dialect has tools that take free text. Where it has none, such a tool is sent as a
    /// function with one field.
    fn free_text_tools(&self) -> bool {
        false
    }

    /// Whether the dialect can say that an answer may call only one tool. Where it cannot, the first call
    /// of an answer is all that its caller is told of them.
    fn limits_calls(&self) -> bool {
        true
    }

    /// Whether the dialect can say that a tool failed. Where it cannot, the words of the result say so.
    fn tells_failed_tools(&self) -> bool {
        false
    }

    /// Whether a provider can be told to call a tool, or a certain one. Where it cannot, such a request
    /// is asked in words, with an answer that must have the form of a call.
    fn forces_tools(&self) -> bool {
        true
    }

    /// Whether a provider can be told that an answer ends at `text`. Where it cannot, the gateway ends
    /// it.
    fn stops_at(&self, text: &str) -> bool {
        let _ = text;
        true
    }

    /// Whether a body of this content type is a streamed answer.
    fn is_stream(&self, content_type: &str) -> bool {
        content_type.trim_start().starts_with("text/event-stream")
    }

    /// What reads a streamed answer.
    fn decoder(&self, verbatim: Verbatim) -> Box<dyn Decode>;

    /// Reads a whole answer. `pass`: the caller speaks this dialect too, so its bytes may pass.
    ///
    /// # Errors
    ///
    /// The provider's own error if it sent one with a success status,
    /// [`Code::UpstreamInvalid`](crate::Code::UpstreamInvalid) if the body is no answer.
    fn decode_answer(&self, body: Bytes, pass: bool) -> Result<Chunk>;

    /// Reads an answer with an error status. The provider's message is kept word for word.
    fn decode_error(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error;

    /// The calls that may tell how many input tokens `request` is, best first. None: the dialect has no
    /// such call.
    ///
    /// # Errors
    ///
    /// As those of [`encode_request`](Self::encode_request).
    fn encode_count(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Vec<Call>> {
        let (_, _) = (request, outgoing);
        Ok(Vec::new())
    }

    /// Reads the answer to a call of [`encode_count`](Self::encode_count). `None`: it has no count.
    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?.get("input_tokens")?.as_u64()
    }

    /// Where a provider lists its models.
    fn models(&self) -> ModelList {
        ModelList::default()
    }
}

/// Reads one streamed answer of a provider. Whatever it sends, what comes out is a sequence that
/// [`Grammar`](crate::chat::Grammar) accepts, or an error.
pub trait Decode: fmt::Debug + Send {
    /// Whether nothing more is to be read: call [`finish`](Self::finish).
    fn is_done(&self) -> bool;

    /// Takes the next bytes of the body. An error that comes behind something worth having is kept for
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// The provider's own error if it sent one, [`Code::UpstreamInvalid`](crate::Code::UpstreamInvalid)
    /// if what it sent is no answer.
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>>;

    /// Ends the answer, at the end of the body or when [`is_done`](Self::is_done) says so.
    ///
    /// # Errors
    ///
    /// [`Code::UpstreamFailed`](crate::Code::UpstreamFailed) if the answer is incomplete, or the error
    /// that [`push`](Self::push) kept.
    fn finish(&mut self) -> Result<Vec<Chunk>>;
}

/// How providers are asked for vectors.
pub trait Embeds: fmt::Debug + Sync {
    /// Writes `request` for `model` of a provider.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if the format cannot say what the request
    /// says.
    fn encode_request(&self, request: &embeddings::Request, model: &str) -> Result<Call>;

    /// Reads the answer to `request`.
    ///
    /// # Errors
    ///
    /// [`Code::UpstreamInvalid`](crate::Code::UpstreamInvalid) if there is not one vector of finite
    /// numbers for each input.
    fn decode_answer(&self, body: Bytes, request: &embeddings::Request) -> Result<Embeddings>;
}

/// How a provider that speaks `dialect` is asked for vectors; `None` if there is no way.
pub fn embeds(dialect: Dialect) -> Option<&'static dyn Embeds> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_embeddings::OpenAiEmbeddings),
        Dialect::Gemini => Some(&gemini::GeminiEmbeddings),
        Dialect::Ollama => Some(&ollama::OllamaEmbeddings),
        Dialect::OpenAiCompletions | Dialect::OpenAiResponses | Dialect::Anthropic => None,
    }
}

/// How `dialect` is spoken to us; `None` if it is not served.
pub fn served(dialect: Dialect) -> Option<&'static dyn Served> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_chat::OpenAiChat),
        Dialect::OpenAiCompletions => Some(&openai_completions::OpenAiCompletions),
        Dialect::OpenAiResponses => Some(&openai_responses::OpenAiResponses),
        Dialect::Anthropic => Some(&anthropic::Anthropic),
        _ => None,
    }
}

/// How we speak `dialect` to providers; `None` if we do not. Text completions are no provider's only
/// dialect: [`openai_completions`] is spoken to those of OpenAI's chat.
pub fn called(dialect: Dialect) -> Option<&'static dyn Called> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_chat::OpenAiChat),
        Dialect::Gemini => Some(&gemini::Gemini),
        Dialect::Ollama => Some(&ollama::Ollama),
        Dialect::OpenAiResponses => Some(&openai_responses::OpenAiResponses),
        Dialect::Anthropic => Some(&anthropic::Anthropic),
        Dialect::OpenAiCompletions => None,
    }
}
