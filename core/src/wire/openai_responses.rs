//! The OpenAI responses format (`POST /v1/responses`).
//!
//! | served                                   | called                                    |
//! |------------------------------------------|-------------------------------------------|
//! | [`decode_request`]                       | [`encode_request`]                        |
//! | [`AnswerEncoder`]                        | [`AnswerDecoder`], [`decode_answer`]      |
//!
//! Errors have the same shape as in the [chat format](super::openai_chat). Field names, events and limits
//! are those of OpenAI's published API description; the order of events is the one that OpenAI's own SDKs
//! insist on.

mod answer;
mod assembly;
mod content;
mod encoder;
mod failing;
mod format;
mod input;
mod item;
mod keeping;
mod name;
mod outgoing;
mod own;
mod piece;
mod reader;
mod request;
mod response;
mod tool;
mod turn;
mod usage;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub use answer::{AnswerDecoder, decode_answer};
pub use encoder::{AnswerEncoder, Told};
pub use keeping::{Keeping, continued, done_item, input_items, passed_response, reference, show};
pub use outgoing::encode_request;
pub use request::decode_request;

use super::{
    Call, Called, Decode, Encode, Opening, Outgoing, Served, Verbatim, failure::decode_error,
    fields, openai_chat,
};
use crate::{
    Error, Result,
    chat::{Chunk, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiResponses;

impl Served for OpenAiResponses {
    fn decode_request(&self, _: &HeaderMap, body: &Bytes) -> Result<Request> {
        decode_request(body)
    }

    fn encoder(&self, request: &Request, opening: Opening) -> Box<dyn Encode> {
        Box::new(AnswerEncoder::new(request, &opening))
    }

    fn error_body(&self, error: &Error, _: &str) -> Value {
        openai_chat::error_body(error)
    }
}

impl Called for OpenAiResponses {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        Ok(Call::new("responses", encode_request(request, outgoing)?))
    }

    fn free_text_tools(&self) -> bool {
        true
    }

    fn stops_at(&self, _: &str) -> bool {
        false
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

/// What `include` says to see encrypted thoughts.
const ENCRYPTED: &str = "reasoning.encrypted_content";
/// What `include` says to see log probabilities.
const LOGPROBS: &str = "message.output_text.logprobs";
