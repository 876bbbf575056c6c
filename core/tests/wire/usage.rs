//! From every provider's token counts to ours.

use dormouse_core::{
    chat::{Source, Usage},
    wire::openai_chat::decode_usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn reported(input: u64, cached_input: u64, cache_write: u64, output: u64, reasoning: u64) -> Usage {
    Usage { input, cached_input, cache_write, output, reasoning, source: Source::Reported }
}

#[test]
fn every_provider_is_understood() {
    let cases = [
        // OpenAI: counts include their details.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
                    "prompt_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 3 },
                    "completion_tokens_details": { "reasoning_tokens": 2 } }),
            reported(9, 4, 3, 5, 2),
        ),
        // DeepSeek.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 5,
                    "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5 }),
            reported(9, 4, 0, 5, 0),
        ),
        // Moonshot.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4 }),
            reported(9, 4, 0, 5, 0),
        ),
        // Anthropic's models behind a gateway.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 5,
                    "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2 }),
            reported(9, 4, 2, 5, 0),
        ),
        // xAI: thoughts are no completion there, as the total shows.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 21,
                    "completion_tokens_details": { "reasoning_tokens": 7 } }),
            reported(9, 0, 0, 12, 7),
        ),
        // Floats, nulls, and one count alone.
        (
            json!({ "prompt_tokens": 9.0, "completion_tokens": null, "prompt_tokens_details": null }),
            reported(9, 0, 0, 0, 0),
        ),
        // Details that exceed what they are part of.
        (
            json!({ "prompt_tokens": 3, "completion_tokens": 2,
                    "prompt_tokens_details": { "cached_tokens": 9, "cache_write_tokens": 9 },
                    "completion_tokens_details": { "reasoning_tokens": 9 } }),
            reported(3, 3, 0, 2, 2),
        ),
    ];
    for (usage, expected) in cases {
        assert_eq!(decode_usage(&usage), Some(expected), "{usage}");
        assert_eq!(decode_usage(&json!({ "usage": usage })), Some(expected), "{usage}");
        assert_eq!(
            decode_usage(&json!({ "x_groq": { "usage": usage } })),
            Some(expected),
            "{usage}"
        );
    }
}

#[test]
fn timings_are_counts_where_there_are_no_others() {
    let timings = json!({ "cache_n": 40, "prompt_n": 1, "predicted_n": 12, "predicted_ms": 6.8 });
    let counted = Usage {
        input: 41,
        cached_input: 40,
        output: 12,
        source: Source::Counted,
        ..Usage::default()
    };
    assert_eq!(decode_usage(&json!({ "timings": timings })), Some(counted));
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 2 });
    let both = json!({ "timings": timings, "usage": usage });
    assert_eq!(decode_usage(&both), Some(reported(1, 0, 0, 2, 0)));
}

#[test]
fn what_is_no_count_is_none() {
    for value in
        [json!(null), json!({}), json!({ "usage": null }), json!({ "usage": {} }), json!([1])]
    {
        assert_eq!(decode_usage(&value), None, "{value}");
    }
    assert_eq!(decode_usage(&json!({ "prompt_tokens": -1, "completion_tokens": "2" })), None);
}

proptest! {
    /// Parts never exceed the whole, whatever a provider claims, and nothing overflows.
    #[test]
    fn counts_add_up(counts in prop::array::uniform6(any::<u64>())) {
        let [prompt, completion, total, cached, written, reasoning] = counts.map(Value::from);
        let usage = decode_usage(&json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "prompt_tokens_details": { "cached_tokens": cached, "cache_write_tokens": written },
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        }));
        let usage = usage.expect("counts");
        prop_assert!(usage.input - usage.cached_input >= usage.cache_write);
        prop_assert!(usage.reasoning <= usage.output);
    }
}
