//! What the gateway decides about a request on its way out.

use bytes::Bytes;
use http::HeaderMap;

use crate::chat::Request;

/// What the gateway decides about a request on its way out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// The model, by the provider's name. Empty: the provider chooses.
    pub model: &'a str,
    /// A cap on output tokens: lowers the request's own limit, or sets one.
    pub max_output_tokens: Option<u32>,
    /// What the provider calls that limit, where its dialect has several words for it.
    pub max_tokens_field: MaxTokensField,
    /// Whether the provider is OpenAI itself, which knows words that other servers of its formats may
    /// refuse.
    pub openai: bool,
    /// Whether the provider is to stream.
    pub stream: bool,
    /// The slot of the server that is to answer (llama.cpp's `id_slot`): it has the conversation's
    /// prefix in its cache.
    pub slot: Option<u32>,
}

impl Outgoing<'_> {
    /// The limit of output tokens to send: the request's own, lowered to the cap.
    pub fn limit(&self, request: &Request) -> Option<u32> {
        match (request.max_output_tokens, self.max_output_tokens) {
            (Some(wanted), Some(cap)) => Some(wanted.min(cap)),
            (wanted, cap) => wanted.or(cap),
        }
    }
}

/// A provider's word for the limit of output tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`: what every server understands.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's newer models insist on.
    MaxCompletionTokens,
}

impl MaxTokensField {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// A request, written for a provider.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Below the provider's base URL, without a slash in front; with one, below what stands before `/v1`
    /// there. With a query if there is one.
    pub path: String,
    /// Headers of the dialect (`anthropic-version`), beside those that every call has.
    pub headers: HeaderMap,
    /// The body: JSON.
    pub body: Bytes,
}

impl Call {
    /// A call without headers of its own.
    pub fn new(path: impl Into<String>, body: Bytes) -> Self {
        Self { path: path.into(), headers: HeaderMap::new(), body }
    }
}

/// Which of the provider's bytes the caller may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbatim {
    /// The caller speaks the provider's dialect: bytes may pass through.
    pub pass: bool,
    /// The caller did not ask for token counts.
    pub hide_usage: bool,
}

/// Where a provider lists its models: `{items: [{id: …}]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelList {
    /// Below the base URL.
    pub path: &'static str,
    /// The field that holds the list.
    pub items: &'static str,
    /// The field of a model that is its name.
    pub id: &'static str,
    /// What stands in front of each name there, but is no part of it.
    pub prefix: &'static str,
}

impl Default for ModelList {
    /// OpenAI's, which Anthropic and most servers share.
    fn default() -> Self {
        Self { path: "models", items: "data", id: "id", prefix: "" }
    }
}
