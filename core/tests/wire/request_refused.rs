//! What is refused of a caller's request, and how the refusal says where.

use bytes::Bytes;
use dormouse_core::{Code, wire::openai_chat::decode_request};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::request_reading::{decode, with};

/// Checks that a request with `fields` is refused, and that the refusal names `param`.
fn refused(fields: &Value, param: &str) {
    let error = decode(&with(fields)).expect_err("a refusal");
    let message = error.message();
    assert_eq!(error.code(), Code::InvalidRequest);
    assert_eq!(error.param(), Some(param), "{fields}: {message}");
    assert!(message.contains(param.rsplit('.').next().unwrap_or(param)), "{message}");
}

#[test]
fn a_refused_message_is_named() {
    let cases = [
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "Hi" }), "messages"),
        (json!({ "messages": ["Hi"] }), "messages[0]"),
        (json!({ "messages": [{ "content": "Hi" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "robot", "content": "Hi" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": null }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": 5 }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": ["Hi"] }] }), "messages[0].content[0]"),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }] }),
            "messages[0].content[0].type",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text" }] }] }),
            "messages[0].content[0].text",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }] }),
            "messages[0].content[0].image_url.url",
        ),
        (json!({ "messages": [{ "role": "tool", "content": "x" }] }), "messages[0].tool_call_id"),
        (
            json!({ "messages": [{ "role": "assistant", "tool_calls": [{ "type": "function" }] }] }),
            "messages[0].tool_calls[0].id",
        ),
        (
            json!({ "messages": [{ "role": "assistant", "tool_calls": [
                { "id": "a", "function": { "name": "f", "arguments": {} } }] }] }),
            "messages[0].tool_calls[0].function.arguments",
        ),
    ];
    for (fields, param) in cases {
        refused(&fields, param);
    }
}

#[test]
fn a_refused_limit_is_named() {
    let cases = [
        (json!({ "model": 5 }), "model"),
        (json!({ "temperature": 2.1 }), "temperature"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "top_p": -0.1 }), "top_p"),
        (json!({ "presence_penalty": 3 }), "presence_penalty"),
        (json!({ "frequency_penalty": -3 }), "frequency_penalty"),
        (json!({ "n": 0 }), "n"),
        (json!({ "n": 129 }), "n"),
        (json!({ "n": -1 }), "n"),
        (json!({ "top_logprobs": 21 }), "top_logprobs"),
        (json!({ "stop": 5 }), "stop"),
        (json!({ "stop": ["a", 5] }), "stop[1]"),
        (json!({ "stop": vec!["a"; 17] }), "stop"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": -1 }), "max_tokens"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "max_tokens": "ten" }), "max_tokens"),
        (json!({ "max_completion_tokens": 0, "max_tokens": 5 }), "max_completion_tokens"),
        (json!({ "n_predict": 0 }), "n_predict"),
        (json!({ "stream": "yes" }), "stream"),
        (
            json!({ "stream": true, "stream_options": { "include_usage": 1 } }),
            "stream_options.include_usage",
        ),
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "logit_bias": [] }), "logit_bias"),
        (json!({ "store": "yes" }), "store"),
    ];
    for (fields, param) in cases {
        refused(&fields, param);
    }
}

#[test]
fn a_refused_tool_or_format_is_named() {
    let cases = [
        (json!({ "tools": {} }), "tools"),
        (json!({ "tools": [{}] }), "tools[0].type"),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].function"),
        (json!({ "tools": [{ "type": "function", "function": {} }] }), "tools[0].function.name"),
        (
            json!({ "tools": [{ "type": "function", "function": { "name": "" } }] }),
            "tools[0].function.name",
        ),
        (
            json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": [] } }] }),
            "tools[0].function.parameters",
        ),
        (
            json!({ "tools": vec![json!({ "type": "function", "function": { "name": "f" } }); 2] }),
            "tools[1].function.name",
        ),
        (json!({ "tool_choice": "any" }), "tool_choice"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (
            json!({ "tool_choice": { "type": "function", "function": { "name": "g" } } }),
            "tool_choice.function.name",
        ),
        (json!({ "response_format": "json" }), "response_format"),
        (json!({ "response_format": {} }), "response_format.type"),
        (json!({ "response_format": { "type": "json_schema" } }), "response_format.json_schema"),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "n" } } }),
            "response_format.json_schema.schema",
        ),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": {} } } }),
            "response_format.json_schema.name",
        ),
    ];
    for (fields, param) in cases {
        refused(&fields, param);
    }
}

#[test]
fn what_is_not_json_has_no_field_to_name() {
    let deep = format!("{{\"odd\":{}", "[".repeat(10_000));
    for body in ["", "null", "[]", "\"Hi\"", "{\"messages\": [", "{} {}", "{\"a\":1}}", &deep] {
        let error = decode_request(&Bytes::from(body.to_owned())).expect_err("a refusal");
        assert_eq!(error.code(), Code::InvalidRequest);
        assert_eq!(error.param(), None, "{}", error.message());
    }
    let malformed = decode_request(&Bytes::from("{\"messages\": [{]")).expect_err("a refusal");
    assert_eq!(malformed.param(), None);
    assert!(
        malformed.message().starts_with("the body is not valid JSON"),
        "{}",
        malformed.message()
    );
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":5,\"max_tokens\":9}";
    let error = decode_request(&Bytes::from(body)).expect_err("a refusal");
    assert!(error.message().contains("duplicate field `max_tokens`"), "{}", error.message());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..128),
        prefix in prop::sample::select(vec!["", "{", "{\"messages\":[{\"role\":\"user\",\"content\":"]),
    ) {
        let body = [prefix.as_bytes(), &bytes].concat();
        prop_assert!(decode_request(&body.into()).is_err());
    }
}
