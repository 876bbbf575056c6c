//! Token counts.

use dormouse_core::{
    chat::{Source, Usage},
    wire::{Called, gemini::Gemini},
};
use dormouse_testkit::reading::whole;
use serde_json::{Value, json};

/// Input, of it cached, output, of it thought.
fn counts(metadata: &Value) -> Option<[u64; 4]> {
    let candidate = json!({ "content": { "parts": [] }, "finishReason": "STOP" });
    let body = json!({ "candidates": [candidate], "usageMetadata": metadata }).to_string();
    let usage = whole(Gemini.decode_answer(body.into(), false)).whole().usage?;
    let Usage { input, cached_input, cache_write: 0, output, reasoning, source } = usage else {
        panic!("{usage:?}");
    };
    assert_eq!(source, Source::Reported);
    Some([input, cached_input, output, reasoning])
}

#[test]
fn every_token_is_counted_once() {
    let table = [
        (json!({ "promptTokenCount": 8, "candidatesTokenCount": 10 }), [8, 0, 10, 0]),
        // The prompt includes what was cached.
        (
            json!({ "promptTokenCount": 2_000, "cachedContentTokenCount": 1_500, "candidatesTokenCount": 7 }),
            [2_000, 1_500, 7, 0],
        ),
        // The candidates do not include thoughts.
        (
            json!({ "promptTokenCount": 88, "candidatesTokenCount": 36, "thoughtsTokenCount": 72, "totalTokenCount": 196 }),
            [88, 0, 108, 72],
        ),
        // The prompt does not include what the provider's tools read.
        (
            json!({ "promptTokenCount": 12, "cachedContentTokenCount": 4, "candidatesTokenCount": 71, "toolUsePromptTokenCount": 65, "thoughtsTokenCount": 89, "totalTokenCount": 237 }),
            [77, 4, 160, 89],
        ),
        (json!({ "promptTokenCount": 31 }), [31, 0, 0, 0]),
        (json!({ "promptTokenCount": 1, "cachedContentTokenCount": 9 }), [1, 1, 0, 0]),
    ];
    for (metadata, expected) in table {
        assert_eq!(counts(&metadata), Some(expected), "{metadata}");
    }
    assert_eq!(counts(&json!({})), None);
}
