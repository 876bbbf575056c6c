//! What a call of a provider is for.

use serde::{Deserialize, Serialize};

/// What a call of a provider is for, by its name in the OpenTelemetry GenAI conventions
/// (`gen_ai.operation.name`). In receipts, spans and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An answer to a conversation.
    #[default]
    Chat,
    /// The continuation of a text.
    TextCompletion,
    /// Texts as vectors.
    Embeddings,
    /// Whether something harmful is said. The conventions have no name for it; this is the gateway's own.
    Moderation,
}

impl Operation {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Moderation => "moderation",
        }
    }
}
