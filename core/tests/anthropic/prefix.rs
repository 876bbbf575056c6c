//! Prompts stay stable: what a client says about itself spoils nobody's prompt cache.

use dormouse_core::{
    chat::{Dialect, Part},
    wire::{self, MaxTokensField, Outgoing},
};
use serde_json::{Value, json};

use crate::request_reading::decode;

const OUTGOING: Outgoing<'_> = Outgoing {
    model: "m",
    max_output_tokens: None,
    max_tokens_field: MaxTokensField::MaxTokens,
    openai: false,
    stream: true,
    slot: None,
};

/// A turn as Claude Code sends it: a volatile line of attribution first, the mark for the cache at the
/// newest block, instructions among the messages.
fn turn(version: &str, exchanges: usize) -> Value {
    let block = |text: String| json!({ "type": "text", "text": text });
    let cached = |mut block: Value| {
        block["cache_control"] = json!({ "type": "ephemeral" });
        block
    };
    let mut messages = vec![
        json!({ "role": "user", "content": [block("Please fix the nest. ".repeat(40))] }),
        json!({ "role": "system", "content": "You are in a wood. ".repeat(400) }),
    ];
    for number in 0..exchanges {
        let id = format!("toolu_{number}");
        let call =
            json!({ "type": "tool_use", "id": id, "name": "Bash", "input": { "command": "ls" } });
        let result = json!({ "type": "tool_result", "tool_use_id": id, "content": "twig" });
        messages.push(json!({ "role": "assistant", "content": [call] }));
        messages.push(json!({ "role": "user", "content": [result] }));
    }
    let last = messages.last_mut().expect("messages");
    if let Some(block) = last["content"].as_array_mut().and_then(|content| content.last_mut()) {
        *block = cached(block.take());
    }
    json!({
        "model": "claude-x", "max_tokens": 100, "stream": true, "messages": messages,
        "system": [
            block(format!("x-anthropic-billing-header: cc_version={version}; cch={version};")),
            cached(block("You are an agent.".into())),
            cached(block("Work with care. ".repeat(400))),
        ],
        "tools": [{ "name": "Bash", "description": "Runs.", "input_schema": { "type": "object" } }],
    })
}

/// The messages and tools that a provider of `dialect` reads, as their bytes.
fn rendered(turn: &Value, dialect: Dialect) -> (String, String) {
    let format = wire::called(dialect).expect("the format is called");
    let request = decode(turn);
    let call = format.encode_request(&request, &OUTGOING).expect("a body");
    let body: Value = serde_json::from_slice(&call.body).expect("JSON");
    (body["messages"].to_string(), body["tools"].to_string())
}

#[test]
fn t_30_two_turns_share_their_prefix() {
    let (one, tools) = rendered(&turn("2.1.329.a1b", 2), Dialect::OpenAiChat);
    let (two, again) = rendered(&turn("2.1.329.0c6", 3), Dialect::OpenAiChat);
    assert_eq!(tools, again);
    let shared = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    assert!(shared * 100 >= one.len() * 99, "{shared} of {} bytes", one.len());
    assert!(!two.contains("x-anthropic-billing-header"));
}

#[test]
fn t_31_attribution_and_cache_marks_reach_anthropic_where_they_stood() {
    let turn = turn("2.1.329.a1b", 2);
    let mut request = decode(&turn);
    assert!(matches!(request.messages[0].parts[0], Part::Other { .. }));
    let format = wire::called(Dialect::Anthropic).expect("the format is called");
    for changed in [false, true] {
        if changed {
            request.original = None;
        }
        let call = format.encode_request(&request, &OUTGOING).expect("a body");
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(body["system"], turn["system"]);
        assert_eq!(body["tools"], turn["tools"]);
        assert_eq!(body["messages"][5], turn["messages"][5]);
    }
}

#[test]
fn instructions_of_nothing_but_attribution_are_none() {
    let block = json!({ "type": "text", "text": "x-anthropic-billing-header: cc_version=1;" });
    let body = json!({ "system": [block], "messages": [{ "role": "user", "content": "Hi" }] });
    let (messages, _) = rendered(&body, Dialect::OpenAiChat);
    assert_eq!(messages, r#"[{"role":"user","content":"Hi"}]"#);
}
