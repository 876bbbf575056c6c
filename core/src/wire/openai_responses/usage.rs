//! Token counts, both ways.

use serde_json::{Map, Value, json};

use crate::chat::{Source, Usage};

/// Reads a `usage` object.
pub(super) fn decode(usage: &Value) -> Option<Usage> {
    let usage = usage.as_object()?;
    let (input, output) = (count(usage, "input_tokens"), count(usage, "output_tokens"));
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    let detail = |details: &str, field: &str| count(usage.get(details)?.as_object()?, field);
    let cached_input =
        detail("input_tokens_details", "cached_tokens").unwrap_or_default().min(input);
    let cache_write = detail("input_tokens_details", "cache_write_tokens")
        .unwrap_or_default()
        .min(input - cached_input);
    let reasoning =
        detail("output_tokens_details", "reasoning_tokens").unwrap_or_default().min(output);
    Some(Usage { input, cached_input, cache_write, output, reasoning, source: Source::Reported })
}

fn count(object: &Map<String, Value>, field: &str) -> Option<u64> {
    object.get(field)?.as_u64()
}

/// Writes token counts as a `usage` object.
pub(super) fn encode(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.total(),
    })
}
