//! The Anthropic messages format (`POST /v1/messages`).
//!
//! | served                                   | called                                    |
//! |------------------------------------------|-------------------------------------------|
//! | [`decode_request`]                       | [`encode_request`]                        |
//! | [`AnswerEncoder`]                        | [`AnswerDecoder`], [`decode_answer`]      |
//! | [`error_body`]                           | [`decode_error`], [`decode_usage`]        |
//!
//! Field names, events and limits are those of Anthropic's published API reference (version 2023-06-01)
//! and of its SDKs; what other servers of this format do (llama.cpp's, for one, leaves blocks open) is
//! named where it is read.

mod answer;
mod block;
mod blocks;
mod count;
mod encoder;
mod error;
mod message;
mod outgoing;
mod own;
mod reader;
mod request;
mod stop;
mod thinking;
mod tool;
mod turn;
mod usage;
mod whole;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub use answer::{AnswerDecoder, decode_answer};
pub(super) use count::encode_foreign as foreign_count;
pub use encoder::{AnswerEncoder, EncoderOptions};
pub use error::error_body;
pub use outgoing::{DEFAULT_MAX_TOKENS, VERSION, encode_request};
pub use request::decode_request;
pub use usage::{decode_usage, estimate_input};

pub use super::failure::decode_error;
use super::{Call, Called, Decode, Encode, Opening, Outgoing, Served, Verbatim};
use crate::{
    Error, Result,
    chat::{Chunk, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Anthropic;

impl Served for Anthropic {
    fn decode_request(&self, headers: &HeaderMap, body: &Bytes) -> Result<Request> {
        decode_request(headers, body)
    }

    fn encoder(&self, request: &Request, opening: Opening) -> Box<dyn Encode> {
        Box::new(AnswerEncoder::new(EncoderOptions {
            id: format!("msg_{}", opening.id),
            model: request.model.clone(),
            request_id: opening.id,
            input_estimate: estimate_input(request),
        }))
    }

    fn error_body(&self, error: &Error, correlation_id: &str) -> Value {
        error_body(error, correlation_id)
    }
}

impl Called for Anthropic {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        encode_request(request, outgoing)
    }

    fn tells_failed_tools(&self) -> bool {
        true
    }

    /// Anthropic refuses texts of nothing but white space.
    fn stops_at(&self, text: &str) -> bool {
        !text.trim().is_empty()
    }

    fn encode_count(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Vec<Call>> {
        Ok(vec![count::encode(request, outgoing)?])
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

/// How the text of Claude Code's first system block begins. The block names the client's version, changes
/// between requests, and means something to Anthropic alone.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";
/// The field of the one input of a tool that takes free text: here, every tool takes an object.
const FREE_INPUT: &str = "input";
/// The field that arguments go into which are no JSON object.
const UNPARSED_INPUT: &str = "unparsed_arguments";
