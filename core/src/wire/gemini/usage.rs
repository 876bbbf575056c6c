//! Token counts (`usageMetadata`). In a stream they are those so far: the last ones count.

use serde_json::{Map, Value};

use crate::chat::{Source, Usage};

/// Reads the counts. The prompt includes what was cached, but not what the provider's own tools read;
/// thoughts are not among the candidates' tokens.
pub(super) fn decode(metadata: &Map<String, Value>) -> Option<Usage> {
    let count = |field: &str| metadata.get(field).and_then(Value::as_u64);
    let prompt = count("promptTokenCount")?;
    let reasoning = count("thoughtsTokenCount").unwrap_or_default();
    let said = count("candidatesTokenCount").unwrap_or_default();
    Some(Usage {
        input: prompt.saturating_add(count("toolUsePromptTokenCount").unwrap_or_default()),
        cached_input: count("cachedContentTokenCount").unwrap_or_default().min(prompt),
        cache_write: 0,
        output: said.saturating_add(reasoning),
        reasoning,
        source: Source::Reported,
    })
}
