//! What is refused, and the field that is named.

use dormouse_core::{Code, wire::openai_responses::decode_request};
use serde_json::{Value, json};

fn field(fields: &Value) -> Option<String> {
    let mut body = json!({ "model": "m", "input": "hi" });
    for (field, value) in fields.as_object().expect("an object") {
        body[field] = value.clone();
    }
    let error = decode_request(&body.to_string().into()).expect_err(&body.to_string());
    assert_eq!(error.code(), Code::InvalidRequest);
    error.param().map(str::to_owned)
}

#[test]
fn a_refusal_names_the_field() {
    let cases = [
        (json!({ "background": true, "store": false }), "background"),
        (json!({ "conversation": "conv_1" }), "conversation"),
        (json!({ "max_output_tokens": 0 }), "max_output_tokens"),
        (json!({ "temperature": 3 }), "temperature"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "top_logprobs": 21 }), "top_logprobs"),
        (json!({ "store": "yes" }), "store"),
        (json!({ "include": [1] }), "include"),
        (json!({ "previous_response_id": 7 }), "previous_response_id"),
        (json!({ "input": null }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": 7 }), "input"),
        (json!({ "input": [7] }), "input[0]"),
        (json!({ "input": [{}] }), "input[0].type"),
        (json!({ "input": [{ "role": "nobody", "content": "x" }] }), "input[0].role"),
        (json!({ "input": [{ "role": "user" }] }), "input[0].content"),
        (
            json!({ "input": [{ "role": "user", "content": [{ "text": "x" }] }] }),
            "input[0].content[0].type",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image" }] }] }),
            "input[0].content[0].image_url",
        ),
        (
            json!({ "input": [{ "type": "function_call", "name": "f", "arguments": "{}" }] }),
            "input[0].call_id",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "c" }] }),
            "input[0].output",
        ),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].name"),
        (json!({ "tools": [{ "name": "f" }] }), "tools[0].type"),
        (
            json!({ "tools": [{ "type": "namespace", "name": "n", "tools": [{ "type": "function", "name": "" }] }] }),
            "tools[0].tools[0].name",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "f" }, { "type": "custom", "name": "f" }] }),
            "tools",
        ),
        (json!({ "tool_choice": "maybe" }), "tool_choice"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "function", "name": "f" } }), "tool_choice.name"),
        (
            json!({ "text": { "format": { "type": "json_schema", "schema": {} } } }),
            "text.format.name",
        ),
        (json!({ "reasoning": { "effort": 3 } }), "reasoning.effort"),
    ];
    for (fields, expected) in cases {
        assert_eq!(field(&fields).as_deref(), Some(expected), "{fields}");
    }
}

#[test]
fn what_is_not_json_is_refused_without_a_field() {
    for body in ["", "{", "[]", "{} x"] {
        let error = decode_request(&body.to_owned().into()).expect_err(body);
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, None), "{body}");
    }
}
