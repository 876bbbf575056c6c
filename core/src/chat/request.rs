//! One chat operation, as the pipeline sees it.

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CacheHint, Message};
use crate::{agent::Options, operation::Operation};

/// A wire format. Two parties that speak the same one can exchange bytes unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI's chat completions: `POST /v1/chat/completions`.
    #[default]
    OpenAiChat,
    /// OpenAI's older text completions: `POST /v1/completions`.
    OpenAiCompletions,
    /// OpenAI's responses: `POST /v1/responses`.
    OpenAiResponses,
    /// Anthropic's messages: `POST /v1/messages`.
    Anthropic,
    /// Google's `models/{model}:generateContent`.
    Gemini,
    /// Ollama's own `POST /api/chat`.
    Ollama,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::OpenAiChat,
        Self::OpenAiCompletions,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
    ];

    /// Its name in logs, metrics and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiCompletions => "openai-completions",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}

/// One chat operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The dialect it came in. Extensions anywhere in it are of this dialect.
    pub dialect: Dialect,
    /// The model the caller named; empty if the caller left it to the gateway.
    pub model: String,
    /// The messages, oldest first; of a text completion its prompts, each for an answer of its own. Never
    /// empty.
    pub messages: Vec<Message>,
    /// Tools the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it may or must call. `None`: the provider's default.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// What the answer must look like.
    pub output_format: OutputFormat,
    /// How the next token is picked.
    pub sampling: Sampling,
    /// The most output tokens, reasoning included. `None`: the provider's default, never zero. Zero is
    /// only for text completions, which may want the probabilities of the prompt alone.
    pub max_output_tokens: Option<u32>,
    /// Whether and how long to think before answering.
    pub reasoning: ReasoningOptions,
    /// `Some` if the answer is to be sent as it is written.
    pub stream: Option<StreamOptions>,
    /// The caller's name for its own user; passed on for abuse monitoring.
    pub end_user: Option<String>,
    /// Labels of the caller's own.
    pub metadata: Map<String, Value>,
    /// What it says of the gateway's own tools.
    pub agent: Options,
    /// Request fields that the vocabulary does not know.
    pub extensions: Extensions,
    /// Headers of the request that a provider of the same dialect is to see (`anthropic-beta`).
    pub headers: HeaderMap,
    /// The request as it was received, for a provider of the same dialect.
    pub original: Option<Original>,
}

impl Request {
    /// What it asks for.
    pub fn operation(&self) -> Operation {
        match self.dialect {
            Dialect::OpenAiCompletions => Operation::TextCompletion,
            _ => Operation::Chat,
        }
    }
}

/// Whether and how long a model thinks before it answers. `None` is the provider's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasoningOptions {
    /// Whether it thinks at all.
    pub enabled: Option<bool>,
    /// How hard: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// The most tokens to think. Part of the output tokens.
    pub budget_tokens: Option<u32>,
    /// What the caller wants to see of the thoughts, in the dialect's words (`auto`, `omitted`, …).
    pub summary: Option<String>,
}

/// How an answer is to be streamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// Whether the caller wants token counts at the end.
    pub include_usage: bool,
}

/// A request's bytes and the dialect they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The wire format of `body`.
    pub dialect: Dialect,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// A function the model may ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model to read.
    pub description: Option<String>,
    /// JSON Schema of its input.
    pub input_schema: Option<Value>,
    /// Whether the provider must keep to the schema.
    pub strict: Option<bool>,
    /// Its input is free text, not a JSON object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub custom: bool,
    /// Where the provider may end a cached prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheHint>,
    /// Fields that the vocabulary does not know. A tool of a kind that only one dialect has (web search,
    /// code interpreter) is held here whole, under an empty name.
    pub extensions: Extensions,
}

/// Which tools a model may or must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model sees fit.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// A choice that only the request's own dialect can express, as it was sent.
    Other(Value),
}

/// What an answer must look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// Anything.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema describes.
    JsonSchema {
        /// A name for the schema.
        name: String,
        /// What it is for, for the model to read.
        description: Option<String>,
        /// The JSON Schema.
        schema: Value,
        /// Whether the provider must keep to it exactly.
        strict: Option<bool>,
    },
}

/// How the next token is picked. `None` is the provider's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2; higher is more random.
    pub temperature: Option<f64>,
    /// Nucleus sampling: 0 to 1.
    pub top_p: Option<f64>,
    /// Only the k likeliest tokens.
    pub top_k: Option<u32>,
    /// −2 to 2: against any repetition.
    pub presence_penalty: Option<f64>,
    /// −2 to 2: against frequent repetition.
    pub frequency_penalty: Option<f64>,
    /// The same seed should give the same answer.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How many answers to give. `None` is one.
    pub n: Option<u32>,
    /// Whether to report the probability of each token.
    pub logprobs: Option<bool>,
    /// For how many alternatives per token.
    pub top_logprobs: Option<u32>,
}

/// Fields that one dialect has and the vocabulary does not know, carried to a party of that dialect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extensions(pub Map<String, Value>);

impl Extensions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
