//! What is sent to Ollama, for what a caller of the OpenAI chat format said.

use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    chat::{ReasoningOptions, Request},
    wire::{Called, MaxTokensField, Outgoing, ollama::Ollama, openai_chat::decode_request},
};
use serde_json::{Value, json};

const OUTGOING: Outgoing<'_> = Outgoing {
    model: "llama3.2",
    max_output_tokens: None,
    max_tokens_field: MaxTokensField::MaxTokens,
    openai: false,
    stream: false,
    slot: None,
};

fn request(body: &Value) -> Request {
    decode_request(&Bytes::from(body.to_string())).expect("a request")
}

fn encode(request: &Request, outgoing: &Outgoing<'_>) -> Result<Value> {
    let call = Ollama.encode_request(request, outgoing)?;
    assert_eq!(call.path, "api/chat");
    Ok(serde_json::from_slice(&call.body).expect("JSON"))
}

fn written(body: &Value) -> Value {
    encode(&request(body), &OUTGOING).expect("a call")
}

fn ask(fields: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let more = fields.as_object().cloned().unwrap_or_default();
    body.as_object_mut().expect("an object").extend(more);
    body
}

fn tool() -> Value {
    json!({ "type": "function", "function": { "name": "get" } })
}

#[test]
fn a_conversation_with_everything() {
    let body = written(&json!({
        "model": "m",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
                { "type": "text", "text": "Look closely." },
            ] },
            { "role": "assistant", "reasoning_content": "Hm.", "content": "Let me look.", "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"at\": 1.5}" } },
                { "id": "c2", "type": "function", "function": { "name": "now", "arguments": "" } },
            ] },
            { "role": "tool", "tool_call_id": "c2", "content": "noon" },
            { "role": "tool", "tool_call_id": "c1", "content": "{\"seen\": \"a cat\"}" },
        ],
    }));
    insta::assert_json_snapshot!(body);
}

#[test]
fn every_option_has_its_word() {
    let body = written(&ask(&json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "max_tokens": 100, "stop": ["END"],
        "seed": 7, "presence_penalty": 0.1, "frequency_penalty": -0.1, "n": 1,
        "logprobs": true, "top_logprobs": 3, "reasoning_effort": "medium",
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": { "type": "object" } } },
        "tools": [tool()], "tool_choice": "auto",
        "keep_alive": "10m", "min_p": 0.05, "options": { "num_ctx": 8192, "num_predict": 9 },
        "user": "u-1", "metadata": { "a": "b" }, "store": true,
    })));
    insta::assert_json_snapshot!(body);
}

#[test]
fn a_call_says_whether_it_streams() {
    assert_eq!(written(&ask(&json!({})))["stream"], false);
    let streamed = encode(&request(&ask(&json!({}))), &Outgoing { stream: true, ..OUTGOING });
    assert_eq!(streamed.expect("a call")["stream"], true);
}

#[test]
fn the_lowest_limit_counts() {
    for (own, cap, sent) in [
        (json!(9_000), Some(50), json!({ "num_predict": 50 })),
        (json!(20), Some(50), json!({ "num_predict": 20 })),
        (json!(20), None, json!({ "num_predict": 20 })),
        (json!(-1), Some(50), json!({ "num_predict": 50 })),
        (json!(-1), None, json!({ "num_predict": 100 })),
    ] {
        let body = ask(&json!({ "max_tokens": 100, "options": { "num_predict": own } }));
        let capped = encode(&request(&body), &Outgoing { max_output_tokens: cap, ..OUTGOING });
        assert_eq!(capped.expect("a call")["options"], sent, "{own}, {cap:?}");
    }
    assert_eq!(written(&ask(&json!({}))).get("options"), None, "an omitted limit stays omitted");
}

#[test]
fn json_needs_no_schema() {
    let body = written(&ask(&json!({ "response_format": { "type": "json_object" } })));
    assert_eq!(body["format"], "json");
}

#[test]
fn tools_that_may_not_be_called_are_not_shown() {
    let body = written(&ask(&json!({ "tools": [tool()], "tool_choice": "none" })));
    assert_eq!(body.get("tools"), None);
}

#[test]
fn thinking_is_a_switch_or_a_level() {
    let think = |reasoning: ReasoningOptions| {
        let request = Request { reasoning, ..request(&ask(&json!({}))) };
        Ok::<_, Error>(encode(&request, &OUTGOING)?["think"].clone())
    };
    let effort = |word: &str| ReasoningOptions { effort: Some(word.into()), ..Default::default() };
    let switch = |on| ReasoningOptions { enabled: Some(on), ..Default::default() };
    let budget = ReasoningOptions { budget_tokens: Some(9), ..Default::default() };
    for (reasoning, expected) in [
        (ReasoningOptions::default(), Value::Null),
        (switch(true), true.into()),
        (switch(false), false.into()),
        (budget, true.into()),
        (effort("none"), false.into()),
        (effort("minimal"), "low".into()),
        (effort("high"), "high".into()),
        (effort("max"), "high".into()),
    ] {
        assert_eq!(think(reasoning).expect("a call"), expected);
    }
    assert_eq!(think(effort("fierce")).expect_err("a refusal").param(), Some("reasoning_effort"));
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://a.example/b.png" } });
    for (fields, param) in [
        (json!({ "n": 2 }), "n"),
        (json!({ "logit_bias": { "1": 2 } }), "logit_bias"),
        (json!({ "grammar": "root ::= \"a\"" }), "grammar"),
        (json!({ "options": 7 }), "options"),
        (json!({ "tool_choice": "required", "tools": [tool()] }), "tool_choice"),
        (json!({ "tools": [{ "type": "web_search" }] }), "tools[0]"),
        (json!({ "messages": [{ "role": "user", "content": [image] }] }), "messages[0].content[0]"),
        (
            json!({ "messages": [{ "role": "tool", "tool_call_id": "x", "content": "1" }] }),
            "messages[0].content[0]",
        ),
    ] {
        let error = encode(&request(&ask(&fields)), &OUTGOING).expect_err("a refusal");
        assert_eq!(error.param(), Some(param), "{fields}");
    }
    let nameless = Outgoing { model: "", ..OUTGOING };
    let error = encode(&request(&ask(&json!({}))), &nameless).expect_err("a refusal");
    assert_eq!(error.param(), Some("model"));
}
