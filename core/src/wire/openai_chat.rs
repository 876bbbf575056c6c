//! The OpenAI chat completions format (`POST /v1/chat/completions`).
//!
//! | served                                   | called                                    |
//! |------------------------------------------|-------------------------------------------|
//! | [`decode_request`]                       | [`encode_request`]                        |
//! | [`AnswerEncoder`], [`encode_answer`]     | [`AnswerDecoder`], [`decode_answer`]      |
//! | [`error_body`]                           | [`decode_error`], [`decode_usage`]        |
//!
//! Field names and limits are those of OpenAI's published API description; what model servers do
//! beside it (reasoning as `reasoning_content`, prompt progress, timings) is named where it is read.

mod answer;
mod arguments;
mod assembly;
mod call;
mod chunk;
mod encoder;
mod error;
mod fields;
mod format;
mod message;
mod outgoing;
mod part;
mod request;
mod tool;
mod turn;
mod usage;
mod whole;

pub use answer::{AnswerDecoder, Verbatim, decode_answer};
pub use encoder::{AnswerEncoder, EncoderOptions};
pub use error::{decode_error, error_body};
pub use outgoing::{MaxTokensField, Outgoing, encode_request};
pub use request::decode_request;
pub use usage::decode_usage;
pub use whole::encode_answer;

/// The caller's or provider's field for thoughts. DeepSeek's word, which llama.cpp and vLLM took over.
const REASONING: &str = "reasoning_content";
/// The signature under thoughts. This format has no word for it; the field is the gateway's own, so
/// that a caller can send it back.
const SIGNATURE: &str = "reasoning_signature";
/// Under which extension fields of a message (or of a streamed `delta`) are carried.
const MESSAGE: &str = "message";
