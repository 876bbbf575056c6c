//! Requests that are refused, and what they are told.

use dormouse_core::{
    Code, Error,
    wire::anthropic::{decode_request, error_body},
};
use http::HeaderMap;
use serde_json::{Value, json};

fn refused(body: &Value) -> Error {
    decode_request(&HeaderMap::new(), &body.to_string().into()).expect_err("a refusal")
}

fn with(field: &str, value: Value) -> Value {
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    body[field] = value;
    body
}

fn check(refusals: Vec<(Value, &str)>) {
    for (body, param) in refusals {
        let error = refused(&body);
        assert_eq!(error.code(), Code::InvalidRequest, "{body}");
        assert_eq!(error.param(), Some(param), "{body}: {error}");
    }
}

#[test]
fn a_refusal_names_the_field_of_a_message() {
    let said = |content: Value| with("messages", json!([{ "role": "user", "content": content }]));
    check(vec![
        (json!({}), "messages"),
        (with("messages", json!([])), "messages"),
        (with("messages", json!([{ "content": "Hi" }])), "messages[0].role"),
        (with("messages", json!([{ "role": "tool", "content": "Hi" }])), "messages[0].role"),
        (with("messages", json!([{ "role": "user" }])), "messages[0].content"),
        (said(json!(7)), "messages[0].content"),
        (said(json!([{ "text": "a" }])), "messages[0].content[0].type"),
        (
            said(json!([{ "type": "text", "text": "a" }, { "type": "text" }])),
            "messages[0].content[1].text",
        ),
        (said(json!([{ "type": "image" }])), "messages[0].content[0].source"),
        (
            said(json!([{ "type": "image", "source": { "type": "base64", "data": "" } }])),
            "messages[0].content[0].source.media_type",
        ),
        (said(json!([{ "type": "tool_result" }])), "messages[0].content[0].tool_use_id"),
        (
            said(
                json!([{ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text" }] }]),
            ),
            "messages[0].content[0].content[0].text",
        ),
        (
            said(json!([{ "type": "tool_use", "id": "t", "name": "f", "input": "x" }])),
            "messages[0].content[0].input",
        ),
        (
            with(
                "messages",
                json!([{ "role": "assistant", "content": [{ "type": "tool_result", "tool_use_id": "t" }] }]),
            ),
            "messages[0].content",
        ),
        (with("system", json!(7)), "system"),
        (with("system", json!([{ "type": "text" }])), "system[0].text"),
    ]);
}

#[test]
fn a_refusal_names_the_option() {
    let tool = json!({ "name": "f", "input_schema": {} });
    check(vec![
        (with("tools", json!([{ "input_schema": {} }])), "tools[0].name"),
        (with("tools", json!([{ "name": "f" }])), "tools[0].input_schema"),
        (with("tools", json!([tool, tool])), "tools[1].name"),
        (with("tool_choice", json!({ "type": "any" })), "tool_choice"),
        (with("tool_choice", json!({ "type": "tool", "name": "g" })), "tool_choice.name"),
        (with("tool_choice", json!({ "type": "some" })), "tool_choice.type"),
        (with("max_tokens", json!(0)), "max_tokens"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("temperature", json!(1.5)), "temperature"),
        (with("top_p", json!(-0.5)), "top_p"),
        (with("stop_sequences", json!("END")), "stop_sequences"),
        (with("thinking", json!({})), "thinking.type"),
        (with("thinking", json!({ "type": "enabled" })), "thinking.budget_tokens"),
        (
            with("thinking", json!({ "type": "enabled", "budget_tokens": 0 })),
            "thinking.budget_tokens",
        ),
        (with("output_config", json!({ "effort": 3 })), "output_config.effort"),
        (
            with("output_config", json!({ "format": { "type": "xml" } })),
            "output_config.format.type",
        ),
        (
            with("output_config", json!({ "format": { "type": "json_schema" } })),
            "output_config.format.schema",
        ),
        (with("metadata", json!({ "user_id": 7 })), "metadata.user_id"),
        (with("service_tier", json!(7)), "service_tier"),
        (with("context_management", json!([])), "context_management"),
    ]);
}

#[test]
fn a_body_that_is_no_json_object_is_refused_without_a_field() {
    for body in ["", "[]", "nonsense", "{\"messages\":"] {
        let error = decode_request(&HeaderMap::new(), &body.into()).expect_err(body);
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, None), "{body}");
    }
}

#[test]
fn a_thread_is_refused_in_the_words_that_make_clients_send_everything() {
    let error = refused(&with("thread", json!({ "type": "create" })));
    let body = error_body(&error, "req_1");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["details"]["error_code"], "thread_unsupported_request");
    assert_eq!(body["error"]["details"]["unsupported"], json!(["thread"]));
}
