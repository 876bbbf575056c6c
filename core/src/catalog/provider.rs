//! Providers: who serves models, where, and what they are shown.

use std::time::Duration;

use super::shape::words;
use crate::{
    chat::Dialect,
    money::Price,
    settings::{Headers, Secret},
    wire::MaxTokensField,
};

/// Who serves models. `Debug` shows no secrets.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What the catalog, metrics and receipts call it.
    pub name: String,
    /// The wire format it speaks.
    pub api: Api,
    /// Where it is, without a slash at the end. The path of an operation is added to it:
    /// `/chat/completions`, `/responses`, `/messages`.
    pub base_url: String,
    /// How it wants its credential.
    pub auth: AuthStyle,
    /// What it can be shown. None: it is called without.
    pub credentials: Vec<Credential>,
    /// Which of them is shown.
    pub credential_strategy: CredentialStrategy,
    /// Further headers of every call. Their values may be secrets.
    pub headers: Headers,
    /// How long it may take to begin its answer. `None`: as the settings say.
    pub first_byte_timeout: Option<Duration>,
    /// How long it may be silent within its answer. `None`: as the settings say.
    pub idle_timeout: Option<Duration>,
    /// Which field limits the output, where the API has two. `None`: told from the URL.
    pub max_tokens_field: Option<MaxTokensField>,
    /// What those of its models cost that have no price of their own.
    pub price: Option<Price>,
}

/// What a provider is shown. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What logs and metrics call it.
    pub name: String,
    /// What is sent.
    pub secret: Secret,
    /// How often it is used, in proportion to the others of its provider. At least 1.
    pub weight: u32,
}

words! {
    /// The wire format of a provider.
    Api {
        /// OpenAI's chat completions, which most servers speak.
        OpenAi = "openai",
        /// OpenAI's responses.
        OpenAiResponses = "openai-responses",
        /// Anthropic's messages.
        Anthropic = "anthropic",
        /// Google's generateContent.
        Gemini = "gemini",
        /// Ollama's own chat.
        Ollama = "ollama",
    }
}

impl Api {
    /// The wire format of its chat.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::OpenAiChat,
            Self::OpenAiResponses => Dialect::OpenAiResponses,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
            Self::Ollama => Dialect::Ollama,
        }
    }

    /// How a provider with this API wants its credential, if nothing else is said.
    ///
    /// Sources: the "Authentication" pages of OpenAI's, Anthropic's and Google's API references;
    /// Ollama itself wants none, its hosted service a bearer token.
    pub fn usual_auth(self) -> AuthStyle {
        match self {
            Self::OpenAi | Self::OpenAiResponses | Self::Ollama => AuthStyle::Bearer,
            Self::Anthropic => AuthStyle::XApiKey,
            Self::Gemini => AuthStyle::XGoogApiKey,
        }
    }
}

words! {
    /// How a provider wants its credential.
    AuthStyle {
        /// In the header `authorization: Bearer …` (RFC 6750).
        Bearer = "bearer",
        /// In the header `x-api-key`.
        XApiKey = "x-api-key",
        /// In the header `x-goog-api-key`.
        XGoogApiKey = "x-goog-api-key",
        /// In the query, as `?key=…`. Queries are logged along the way: prefer a header.
        QueryKey = "query-key",
        /// Not at all.
        None = "none",
    }
}

impl AuthStyle {
    /// The header that carries the credential.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Bearer => Some("authorization"),
            Self::XApiKey => Some("x-api-key"),
            Self::XGoogApiKey => Some("x-goog-api-key"),
            Self::QueryKey | Self::None => None,
        }
    }
}

words! {
    /// Which of several credentials is shown.
    CredentialStrategy {
        /// One after the other, each as often as its weight says.
        RoundRobin = "round_robin",
        /// The first, until the provider limits it; then the next.
        FillFirst = "fill_first",
    }
}
