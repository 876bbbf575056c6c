//! Tokens used by one operation.

use serde::{Deserialize, Serialize};

/// Tokens used by one operation. The counts add up the same way whatever the dialect:
/// `input` includes `cached_input` and `cache_write`, `output` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens read.
    pub input: u64,
    /// Of `input`, those read from the provider's prompt cache.
    #[serde(default)]
    pub cached_input: u64,
    /// Of `input`, those written to the provider's prompt cache.
    #[serde(default)]
    pub cache_write: u64,
    /// All tokens written.
    pub output: u64,
    /// Of `output`, those spent on reasoning.
    #[serde(default)]
    pub reasoning: u64,
    /// How the counts are known.
    #[serde(default)]
    pub source: Source,
}

impl Usage {
    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// How token counts are known; the surest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The provider reported them.
    #[default]
    Reported,
    /// The model's own tokenizer counted them.
    Counted,
    /// They were derived from the number of bytes.
    Estimated,
}
