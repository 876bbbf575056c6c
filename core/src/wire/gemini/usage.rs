//! Token counts (`usageMetadata`). In a stream they are those so far: the last ones count.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    chat::{Source, Usage},
    wire::plain::Skipped,
};

/// The counts. The prompt includes what was cached, but not what the provider's own tools read; thoughts
/// are not among the candidates' tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Counts {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    #[serde(rename = "totalTokenCount")]
    _total: Option<Skipped>,
    #[serde(rename = "promptTokensDetails")]
    _prompt: Option<Skipped>,
    #[serde(rename = "candidatesTokensDetails")]
    _candidates: Option<Skipped>,
    #[serde(rename = "cacheTokensDetails")]
    _cache: Option<Skipped>,
    #[serde(rename = "toolUsePromptTokensDetails")]
    _tool_use: Option<Skipped>,
    #[serde(rename = "trafficType")]
    _traffic: Option<Skipped>,
    #[serde(rename = "serviceTier")]
    _tier: Option<Skipped>,
}

impl Counts {
    /// Those of any object, whatever else it holds.
    pub(super) fn of(metadata: &Map<String, Value>) -> Self {
        let count = |field: &str| metadata.get(field).and_then(Value::as_u64);
        Self {
            prompt_token_count: count("promptTokenCount"),
            candidates_token_count: count("candidatesTokenCount"),
            thoughts_token_count: count("thoughtsTokenCount"),
            tool_use_prompt_token_count: count("toolUsePromptTokenCount"),
            cached_content_token_count: count("cachedContentTokenCount"),
            ..Self::default()
        }
    }

    /// What they mean; nothing without a count of the prompt.
    pub(super) fn usage(&self) -> Option<Usage> {
        let prompt = self.prompt_token_count?;
        let reasoning = self.thoughts_token_count.unwrap_or_default();
        let said = self.candidates_token_count.unwrap_or_default();
        let read = self.tool_use_prompt_token_count.unwrap_or_default();
        Some(Usage {
            input: prompt.saturating_add(read),
            cached_input: self.cached_content_token_count.unwrap_or_default().min(prompt),
            cache_write: 0,
            output: said.saturating_add(reasoning),
            reasoning,
            source: Source::Reported,
        })
    }
}
