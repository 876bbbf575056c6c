//! OpenAI's older text completions format (`POST /v1/completions`): a text, and how it goes on.
//!
//! It is served, and called where a provider offers OpenAI's chat: such servers have both. Its answers
//! differ from those of chat in where the words stand, so one reader reads both. Other providers are
//! asked in their own dialect, with the text as what the user says, as far as that can say it
//! ([`check_translatable`]); thoughts that they answer have no place in this format and are left out.

mod encoder;
mod request;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub use encoder::CompletionEncoder;
pub use request::decode_request;

use super::{
    Call, Called, Decode, Encode, MaxTokensField, Opening, Outgoing, Served, Verbatim,
    openai_chat::{self, AnswerDecoder, EncoderOptions},
    patch::to_bytes,
};
use crate::{
    Error, Result,
    chat::{Chunk, Dialect, Part, Request},
};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiCompletions;

impl Served for OpenAiCompletions {
    fn decode_request(&self, _: &HeaderMap, body: &Bytes) -> Result<Request> {
        decode_request(body)
    }

    fn encoder(&self, request: &Request, opening: Opening) -> Box<dyn Encode> {
        Box::new(CompletionEncoder::new(EncoderOptions {
            id: format!("cmpl-{}", opening.id),
            model: request.model.clone(),
            created: opening.created,
            include_usage: request.stream.is_some_and(|options| options.include_usage),
            show_progress: request.extensions.0.get(openai_chat::PROGRESS)
                == Some(&Value::Bool(true)),
            show_steps: false,
        }))
    }

    fn error_body(&self, error: &Error, _: &str) -> Value {
        openai_chat::error_body(error)
    }
}

impl Called for OpenAiCompletions {
    fn encode_request(&self, request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
        // The newer word for the limit never came to this format.
        let outgoing = Outgoing { max_tokens_field: MaxTokensField::MaxTokens, ..*outgoing };
        let body = match &request.original {
            Some(original) if original.dialect == Dialect::OpenAiCompletions => {
                openai_chat::patched(&original.body, request, &outgoing)?
            }
            _ => to_bytes(&from_vocabulary(request, &outgoing))?,
        };
        Ok(Call::new("completions", body))
    }

    fn decoder(&self, verbatim: Verbatim) -> Box<dyn Decode> {
        Box::new(AnswerDecoder::of(Dialect::OpenAiCompletions, verbatim))
    }

    fn decode_answer(&self, body: Bytes, pass: bool) -> Result<Chunk> {
        openai_chat::decode_whole(Dialect::OpenAiCompletions, body, pass)
    }

    fn decode_error(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
        openai_chat::decode_error(status, retry_after, body)
    }
}

/// Everything but the texts is said as in chat.
fn from_vocabulary(request: &Request, outgoing: &Outgoing<'_>) -> serde_json::Map<String, Value> {
    let mut body = openai_chat::from_vocabulary(request, outgoing);
    body.shift_remove("messages");
    let part = |part: &Part| match part {
        Part::Text { text, .. } => Some(Value::from(text.as_str())),
        Part::Other { dialect: Dialect::OpenAiCompletions, value } => Some(value.clone()),
        _ => None,
    };
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let mut prompts: Vec<Value> = parts.filter_map(part).collect();
    let prompt = if prompts.len() == 1 { prompts.remove(0) } else { prompts.into() };
    body.insert("prompt".into(), prompt);
    if request.dialect == Dialect::OpenAiCompletions {
        for (field, value) in &request.extensions.0 {
            body.entry(field.as_str()).or_insert_with(|| value.clone());
        }
    }
    body
}

/// Whether a provider that only knows conversations can be asked this.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) that names the first field that it has no word
/// for.
pub fn check_translatable(request: &Request) -> Result<()> {
    let refuse = |field: &str| {
        let message = format!(
            "`{field}`: the provider of this model has no text completions, and a conversation has nothing like it"
        );
        Err(Error::invalid(field, message))
    };
    let text = |message: &crate::chat::Message| matches!(*message.parts, [Part::Text { .. }]);
    if request.messages.len() != 1 || !request.messages.iter().all(text) {
        return refuse("prompt");
    }
    if request.max_output_tokens == Some(0) {
        return refuse("max_tokens");
    }
    let unset = |field: &str, value: &Value| match (field, value) {
        (_, Value::Null) | ("echo", Value::Bool(false)) => true,
        ("suffix", Value::String(text)) => text.is_empty(),
        ("best_of", value) => value.as_u64() == Some(request.sampling.n.unwrap_or(1).into()),
        _ => false,
    };
    for field in ["suffix", "echo", "best_of", "logprobs", "logit_bias"] {
        if request.extensions.0.get(field).is_some_and(|value| !unset(field, value)) {
            return refuse(field);
        }
    }
    Ok(())
}
