//! The OpenAI chat completions format (`POST /v1/chat/completions`).
//!
//! | served                                   | called                                    |
//! |------------------------------------------|-------------------------------------------|
//! | [`decode_request`]                       | [`encode_request`]                        |
//! | [`AnswerEncoder`]                        | [`AnswerDecoder`], [`decode_answer`]      |
//! | [`error_body`]                           | [`decode_error`], [`decode_usage`]        |
//!
//! Field names and limits are those of OpenAI's published API description; what model servers do
//! beside it (reasoning as `reasoning_content`, prompt progress, timings) is named where it is read.

mod answer;
mod assembly;
mod call;
mod chunk;
mod encoder;
mod error;
mod format;
mod message;
mod outgoing;
mod part;
mod request;
mod step;
mod template;
mod tool;
mod turn;
mod usage;
mod whole;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub use answer::{AnswerDecoder, decode_answer};
pub(super) use answer::{DONE, decode_whole};
pub(super) use encoder::finish_reason;
pub use encoder::{AnswerEncoder, EncoderOptions};
pub use error::error_body;
pub use outgoing::encode_request;
pub(super) use outgoing::{from_vocabulary, patched};
pub use request::decode_request;
pub(super) use request::{Stop, n_predict, stream_options, within};
pub use template::{decode_tokens, encode_template, encode_tokens};
pub use turn::encode_messages;
pub use usage::decode_usage;
pub(super) use usage::encode as encode_usage;

pub use super::failure::decode_error;
use super::{Call, Called, Decode, Encode, Opening, Outgoing, Served, Verbatim, anthropic};
use crate::{
    Error, Result,
    chat::{Chunk, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiChat;

impl Served for OpenAiChat {
    fn decode_request(&self, _: &HeaderMap, body: &Bytes) -> Result<Request> {
        decode_request(body)
    }

    fn encoder(&self, request: &Request, opening: Opening) -> Box<dyn Encode> {
        Box::new(AnswerEncoder::new(EncoderOptions {
            id: format!("chatcmpl-{}", opening.id),
            model: request.model.clone(),
            created: opening.created,
            include_usage: request.stream.is_some_and(|options| options.include_usage),
            show_progress: request.extensions.0.get(PROGRESS) == Some(&Value::Bool(true)),
            show_steps: request.agent.steps,
        }))
    }

    fn error_body(&self, error: &Error, _: &str) -> Value {
        error_body(error)
    }
}

impl Called for OpenAiChat {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        Ok(Call::new("chat/completions", encode_request(request, outgoing)?))
    }

    /// Both calls are llama.cpp's; the newer one takes the very body that is to be answered.
    fn encode_count(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Vec<Call>> {
        let newer = Call::new("chat/completions/input_tokens", encode_request(request, outgoing)?);
        let older = anthropic::foreign_count(request, outgoing);
        Ok([newer].into_iter().chain(older.ok()).collect())
    }

    fn decoder(&self, verbatim: Verbatim) -> Box<dyn Decode> {
        Box::new(AnswerDecoder::new(verbatim))
    }

    fn decode_answer(&self, body: Bytes, pass: bool) -> Result<Chunk> {
        decode_answer(body, pass)
    }

    fn decode_error(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
        decode_error(status, retry_after, body)
    }
}

/// The caller's or provider's field for thoughts. DeepSeek's word, which llama.cpp and vLLM took over.
const REASONING: &str = "reasoning_content";
/// The signature under thoughts. This format has no word for it; the field is the gateway's own, so
/// that a caller can send it back.
const SIGNATURE: &str = "reasoning_signature";
/// What asks llama.cpp's server to tell in a stream how far it has read the prompt.
pub(super) const PROGRESS: &str = "return_progress";
/// Under which extension fields of a message (or of a streamed `delta`) are carried.
const MESSAGE: &str = "message";
