//! What providers are asked.

use dormouse_core::{
    chat::Request,
    wire::{
        Outgoing, openai_chat,
        openai_responses::{decode_request, encode_request},
    },
};
use serde_json::{Value, json};

use crate::transcript::request;

fn outgoing(stream: bool) -> Outgoing<'static> {
    Outgoing { model: "upstream", stream, ..Outgoing::default() }
}

fn written(request: &Request, stream: bool) -> Value {
    let body = encode_request(request, &outgoing(stream)).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn a_request_of_the_same_format_keeps_its_bytes_and_is_not_kept_by_the_provider() {
    let body = r#"{"model": "m",  "input": [ {"role":"user","content":"x","odd":1.0} ], "stream": true, "store": null, "new": [1,  2]}"#;
    let request = decode_request(&body.to_owned().into()).expect("a request");
    let sent = encode_request(&request, &outgoing(true)).expect("a body");
    let expected = r#"{"model":"upstream","input":[ {"role":"user","content":"x","odd":1.0} ],"stream":true,"store":false,"new":[1,  2]}"#;
    assert_eq!(String::from_utf8_lossy(&sent), expected);
}

#[test]
fn a_caller_may_ask_for_the_provider_to_keep_it() {
    let request = request(&json!({ "store": true }));
    assert_eq!(written(&request, false)["store"], true);
}

#[test]
fn a_limit_is_lowered_and_a_slot_named() {
    let request = request(&json!({ "max_output_tokens": 100 }));
    let outgoing = Outgoing { max_output_tokens: Some(10), slot: Some(3), ..outgoing(false) };
    let sent: Value = serde_json::from_slice(&encode_request(&request, &outgoing).expect("a body"))
        .expect("JSON");
    assert_eq!((&sent["max_output_tokens"], &sent["id_slot"]), (&json!(10), &json!(3)));
}

#[test]
fn a_request_without_its_bytes_says_the_same() {
    let function = |name: &str| json!({ "type": "function", "name": name, "parameters": { "type": "object" }, "strict": true });
    let input = json!([
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Go." }] },
        { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "proof" },
        { "type": "message", "role": "assistant",
          "content": [{ "type": "output_text", "text": "Let me.", "annotations": [] }], "phase": "commentary" },
        { "type": "function_call", "call_id": "a", "name": "sleep", "arguments": "{}", "namespace": "clock" },
        { "type": "custom_tool_call", "call_id": "b", "name": "patch", "input": "***" },
        { "type": "function_call_output", "call_id": "a", "output": "hi" },
        { "type": "custom_tool_call_output", "call_id": "b", "output": "ok" },
        { "type": "hologram", "x": 1 },
    ]);
    let tools = json!([
        function("now"),
        { "type": "namespace", "name": "clock", "description": "Time.", "tools": [function("sleep"), function("wake")] },
        { "type": "custom", "name": "patch", "description": "Patches.", "format": { "type": "text" } },
        { "type": "web_search" },
    ]);
    let fields = json!({
        "input": input,
        "tools": tools,
        "tool_choice": { "type": "custom", "name": "patch" },
        "reasoning": { "effort": "low", "context": "all_turns" },
        "text": { "verbosity": "low", "format": { "type": "json_object" } },
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
    });
    let mut request = request(&fields);
    request.original = None;
    let sent = written(&request, true);
    for field in ["input", "tools", "tool_choice", "include", "prompt_cache_key"] {
        assert_eq!(sent[field], fields[field], "{field}");
    }
    assert_eq!(sent["reasoning"], fields["reasoning"]);
    assert_eq!(sent["text"], fields["text"]);
    assert_eq!((&sent["store"], &sent["stream"]), (&json!(false), &json!(true)));
}

#[test]
fn a_chat_request_is_asked_as_items() {
    let body = json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Weather?" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "weather", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "c", "content": "rain" },
        ],
        "tools": [{ "type": "function", "function": { "name": "weather" } }],
        "reasoning_effort": "high",
        "max_tokens": 9,
    });
    let request = openai_chat::decode_request(&body.to_string().into()).expect("a request");
    let sent = written(&request, false);
    assert_eq!(
        sent["input"],
        json!([
            { "type": "message", "role": "system", "content": [{ "type": "input_text", "text": "Be brief." }] },
            { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Weather?" }] },
            { "type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c", "output": "rain" },
        ])
    );
    assert_eq!(
        sent["tools"],
        json!([{ "type": "function", "name": "weather", "parameters": null, "strict": false }])
    );
    assert_eq!(sent["max_output_tokens"], 9);
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(sent["reasoning"], json!({ "effort": "high" }));
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let body = json!({ "messages": [{ "role": "user", "content": "x" }], "n": 2 });
    let request = openai_chat::decode_request(&body.to_string().into()).expect("a request");
    let error = encode_request(&request, &outgoing(false)).expect_err("a refusal");
    assert_eq!(error.param(), Some("n"));
}
