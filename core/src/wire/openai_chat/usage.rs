//! Token counts, both ways.

use serde_json::{Map, Value, json};

use crate::chat::{Source, Usage};

/// Reads the token counts of an answer or of one of its chunks, or a `usage` object by itself.
///
/// Where there is no `usage`, llama.cpp's `timings` do: its own tokenizer counted them.
pub fn decode_usage(value: &Value) -> Option<Usage> {
    of(value.as_object()?)
}

/// The same, of an object.
pub(super) fn of(object: &Map<String, Value>) -> Option<Usage> {
    [Some(object), object.get("usage").and_then(Value::as_object), groq(object)]
        .into_iter()
        .flatten()
        .find_map(reported)
        .or_else(|| counted(object.get("timings")?.as_object()?))
}

/// Groq's streams put the counts under a name of their own.
fn groq(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    object.get("x_groq")?.get("usage")?.as_object()
}

/// What a `usage` object reports.
pub(super) fn reported(usage: &Map<String, Value>) -> Option<Usage> {
    let (prompt, completion) = (count(usage, "prompt_tokens"), count(usage, "completion_tokens"));
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let (input, mut output) = (prompt.unwrap_or_default(), completion.unwrap_or_default());
    let detail = |details: &str, field: &str| count(usage.get(details)?.as_object()?, field);
    let cached_input = detail("prompt_tokens_details", "cached_tokens")
        .or_else(|| count(usage, "prompt_cache_hit_tokens"))
        .or_else(|| count(usage, "cached_tokens"))
        .or_else(|| count(usage, "cache_read_input_tokens"))
        .unwrap_or_default()
        .min(input);
    let cache_write = detail("prompt_tokens_details", "cache_write_tokens")
        .or_else(|| count(usage, "cache_creation_input_tokens"))
        .unwrap_or_default()
        .min(input - cached_input);
    let reasoning = detail("completion_tokens_details", "reasoning_tokens").unwrap_or_default();
    // Some providers do not count thoughts as completion; their totals tell.
    let apart = input.saturating_add(output).saturating_add(reasoning);
    if reasoning > 0 && count(usage, "total_tokens") == Some(apart) {
        output = output.saturating_add(reasoning);
    }
    let reasoning = reasoning.min(output);
    Some(Usage { input, cached_input, cache_write, output, reasoning, source: Source::Reported })
}

fn counted(timings: &Map<String, Value>) -> Option<Usage> {
    let output = count(timings, "predicted_n")?;
    let cached_input = count(timings, "cache_n").unwrap_or_default();
    let input = count(timings, "prompt_n")?.saturating_add(cached_input);
    Some(Usage { input, cached_input, output, source: Source::Counted, ..Usage::default() })
}

/// Reads a whole number. Some servers write them as floats.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
}

fn count(object: &Map<String, Value>, field: &str) -> Option<u64> {
    object.get(field).and_then(whole_number)
}

/// Writes token counts as a `usage` object.
pub(in crate::wire) fn encode(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total(),
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning },
    })
}
