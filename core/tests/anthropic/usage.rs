//! Token counts: whatever is cached counts as input, totals never add up twice.

use dormouse_core::{
    chat::{Source, Usage},
    wire::anthropic::{decode_usage, estimate_input},
};
use serde_json::{Value, json};

use crate::{
    provider::{opened_text, read, start, stream},
    request_reading::decode,
};

fn usage(input: u64, cached_input: u64, cache_write: u64, output: u64) -> Usage {
    let source = Source::Reported;
    Usage { input, cached_input, cache_write, output, reasoning: 0, source }
}

#[test]
fn t_22_input_includes_what_the_cache_gave_and_took() {
    let table = [
        (json!({ "input_tokens": 3, "output_tokens": 2 }), usage(3, 0, 0, 2)),
        (
            json!({ "input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 2 }),
            usage(18, 10, 5, 2),
        ),
        (
            json!({ "cache_read_input_tokens": 475, "input_tokens": 1, "output_tokens": 0 }),
            usage(476, 475, 0, 0),
        ),
    ];
    for (counts, expected) in table {
        assert_eq!(decode_usage(&counts), Some(expected), "{counts}");
        assert_eq!(decode_usage(&json!({ "usage": counts })), Some(expected), "{counts}");
        assert_eq!(decode_usage(&json!({ "message": { "usage": counts } })), Some(expected));
    }
    let thought = json!({ "input_tokens": 1, "output_tokens": 9, "output_tokens_details": { "thinking_tokens": 4 } });
    assert_eq!(decode_usage(&thought).map(|usage| usage.reasoning), Some(4));
}

#[test]
fn what_is_no_count_is_none() {
    for value in [json!(null), json!({}), json!({ "usage": null }), json!({ "input_tokens": "3" })]
    {
        assert_eq!(decode_usage(&value), None, "{value}");
    }
}

fn counted(usages: &[Value]) -> Option<Usage> {
    let mut events = vec![start(), opened_text(0)];
    for usage in usages {
        let delta = json!({ "stop_reason": null });
        events.push(json!({ "type": "message_delta", "delta": delta, "usage": usage }));
    }
    let delta = json!({ "stop_reason": "end_turn" });
    events.push(json!({ "type": "message_delta", "delta": delta }));
    read(&stream(&events)).whole().usage
}

#[test]
fn t_23_counts_are_totals_of_which_the_last_wins() {
    let last = json!({ "input_tokens": 12, "cache_read_input_tokens": 4, "output_tokens": 30 });
    assert_eq!(counted(&[json!({ "output_tokens": 5 }), last]), Some(usage(16, 4, 0, 30)));
    assert_eq!(counted(&[]), Some(usage(9, 0, 0, 1)));
    let silent = json!({ "input_tokens": 0, "output_tokens": 5 });
    assert_eq!(counted(&[silent]), Some(usage(9, 0, 0, 5)));
}

#[test]
fn an_estimate_counts_everything_that_is_read() {
    let least = decode(&json!({ "messages": [{ "role": "user", "content": "" }] }));
    assert_eq!(estimate_input(&least), 1);
    let text = "x".repeat(400);
    let call = json!({ "type": "tool_use", "id": "t", "name": "f", "input": { "a": text } });
    let result = json!({ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text", "text": text }] });
    let source =
        json!({ "type": "base64", "media_type": "image/png", "data": "x".repeat(100_000) });
    let image = json!({ "type": "image", "source": source });
    let mut request = json!({ "messages": [{ "role": "user", "content": text }] });
    assert_eq!(estimate_input(&decode(&request)), 100);
    for (field, value) in [
        ("system", json!([{ "type": "text", "text": text }])),
        ("tools", json!([{ "name": "f", "description": text, "input_schema": {} }])),
        (
            "messages",
            json!([{ "role": "assistant", "content": [call] }, { "role": "user", "content": [result, image] }]),
        ),
    ] {
        let before = estimate_input(&decode(&request));
        request[field] = value;
        let grown = estimate_input(&decode(&request)) - before;
        assert!((100..2_000).contains(&grown), "{field}: {grown}");
    }
}
