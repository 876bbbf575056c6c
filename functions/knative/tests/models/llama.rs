//! The same with a real model: llama.cpp's own server, and a tiny model that is made when it is missing.
//!
//! These tests do not skip: where the server cannot be installed (`tests/venv`) they fail.

use std::path::Path;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::{Gateway, Heard, read, runs, signal, until};

const MODEL: &str = "dormouse-tiny";
/// How many answers llama.cpp gives at once.
const SLOTS: usize = 4;
/// By how much a gateway may have grown when a hundred streams are over. 6 MiB were measured: the
/// allocator keeps what they needed, 55 KiB each in the debug build that is tested, and hands it out
/// again; it does not grow with further ones.
const GROWTH: u64 = 10 << 20;

/// A gateway whose model is served by llama.cpp, at a `{port}` or a `{socket}`.
async fn gateway(address: &str, flags: &[&str]) -> Gateway {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/model/llama");
    let command = format!("'{}' --stay --parallel {SLOTS} {address}", script.display());
    let models = json!([{ "name": MODEL, "command": command }]);
    Gateway::serve(TempDir::new().unwrap(), &models, flags).await
}

const ON_A_PORT: &str = "--port {port}";
/// What is in an answer when the model has begun to speak.
const SAID: &str = "\"content\"";

/// A request of an answer of exactly so many tokens.
fn ask(tokens: u32, stream: bool) -> Value {
    json!({
        "model": MODEL,
        "stream": stream,
        "max_tokens": tokens,
        "ignore_eos": true,
        "messages": [{ "role": "user", "content": "Where do dormice sleep?" }],
    })
}

#[tokio::test]
async fn a_hundred_streams_wake_it_once_and_it_leaves_nothing_behind() {
    let gateway = gateway(ON_A_PORT, &["--model-idle-timeout", "500ms"]).await;
    assert_eq!(gateway.servers(), [0_u32; 0], "nothing is loaded before anybody asks");
    let before = gateway.occupied();

    let responses = join_all((0..100).map(|_| async {
        let request = ask(24, true);
        gateway.chat(&request).await
    }))
    .await;
    assert_eq!(gateway.servers().len(), 1);
    let answers = join_all(responses.into_iter().map(read)).await;

    for answer in &answers {
        assert!(answer.starts_with(": waking\n\n"), "a sign of life comes first: {answer}");
        assert!(answer.contains("\"finish_reason\":\"length\""), "{answer}");
        assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    }
    until("an idle model is gone", || gateway.servers().is_empty()).await;
    let figures = gateway.get("/metrics").await;
    let wakes = format!("dormouse_model_wakes_total{{gen_ai_request_model=\"{MODEL}\"}} 1\n");
    assert!(figures.contains(&wakes), "{figures}");
    let receipts: Value = serde_json::from_str(&gateway.get("/v1/receipts").await).unwrap();
    for receipt in receipts["data"].as_array().unwrap() {
        assert_eq!(receipt["usage"]["output_tokens"], 24, "{receipt}");
        assert!(receipt["wake_ms"].as_u64().is_some_and(|wake| wake > 0), "{receipt}");
    }
    let grown = gateway.occupied().saturating_sub(before);
    assert!(grown < GROWTH, "the gateway grew by {grown} bytes");
}

#[tokio::test]
async fn killed_in_its_answer_it_is_an_error_there_and_back_for_the_next() {
    let gateway = gateway(ON_A_PORT, &[]).await;
    let heard = Heard::of(gateway.chat(&ask(12_000, true)).await).until(SAID).await;

    signal(gateway.servers()[0], "KILL").await;

    let answer = heard.all().await;
    assert!(answer.contains("\"code\":\"upstream_failed\""), "{answer}");
    assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    let next = gateway.chat(&ask(8, false)).await;
    assert_eq!(next.status(), 200);
    let next: Value = serde_json::from_str(&read(next).await).unwrap();
    assert_eq!(next["usage"]["completion_tokens"], 8, "{next}");
    assert_eq!(gateway.servers().len(), 1);
}

#[tokio::test]
async fn it_dies_with_a_killed_gateway_in_mid_answer() {
    let mut gateway = gateway(ON_A_PORT, &[]).await;
    let _heard = Heard::of(gateway.chat(&ask(12_000, true)).await).until(SAID).await;
    let model = gateway.servers()[0];

    signal(gateway.process.id().unwrap(), "KILL").await;
    gateway.process.wait().await.unwrap();

    until("the model dies with its gateway", || !runs(model)).await;
}

#[tokio::test]
async fn it_answers_on_a_socket() {
    let gateway = gateway("--host {socket}", &[]).await;
    assert!(read(gateway.chat(&ask(8, true)).await).await.ends_with("data: [DONE]\n\n"));
    assert_eq!(gateway.sockets().len(), 1);
    gateway.models(&["release", MODEL]).await;
    until("its socket goes with it", || gateway.sockets().is_empty()).await;
}

#[tokio::test]
async fn a_conversation_finds_what_it_said_before() {
    let gateway = gateway(ON_A_PORT, &[]).await;
    let mut cached = Vec::new();
    for _ in 0..2 {
        let answer = read(gateway.chat(&ask(4, false)).await).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        cached.push(answer["usage"]["prompt_tokens_details"]["cached_tokens"].clone());
    }
    assert_eq!(cached[0], 0);
    assert!(cached[1].as_u64().is_some_and(|cached| cached > 10), "{cached:?}");
    let figures = gateway.get("/metrics").await;
    let share = figures.lines().find_map(|line| line.strip_prefix("dormouse_cached_input_ratio{"));
    let share: f64 = share.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(share > 0.1 && share < 0.5, "half of the input, less what is new: {share}");
}

#[tokio::test]
async fn a_grammar_makes_even_it_call_a_tool_that_it_is_told_of_in_words() {
    let gateway = gateway(ON_A_PORT, &["--emulate-tools", "true"]).await;
    let asked = json!([{ "role": "user", "content": "What is the weather?" }]);
    let city = json!({ "type": "string", "enum": ["Oslo", "Paris"] });
    let parameters =
        json!({ "type": "object", "properties": { "city": city }, "required": ["city"] });
    let function = json!({ "name": "weather", "parameters": parameters });
    for (path, body, call) in [
        (
            "/v1/chat/completions",
            json!({
                "messages": asked, "tools": [{ "type": "function", "function": function }],
                "tool_choice": "required", "parallel_tool_calls": false,
            }),
            "/choices/0/message/tool_calls/0/function",
        ),
        (
            "/v1/responses",
            json!({
                "input": asked, "store": false,
                "tools": [{ "type": "function", "name": "weather", "parameters": parameters }],
                "tool_choice": "required", "parallel_tool_calls": false,
            }),
            "/output/0",
        ),
        (
            "/v1/messages",
            json!({
                "messages": asked,
                "tools": [{ "name": "weather", "input_schema": parameters }],
                "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
            }),
            "/content/0",
        ),
    ] {
        let mut body = body;
        body["model"] = MODEL.into();
        body["max_tokens"] = 400.into();
        let answer = read(gateway.send(Method::POST, path, body.to_string()).await).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let call = answer.pointer(call).cloned().unwrap_or_default();
        assert_eq!(call["name"], "weather", "{answer}");
        let arguments = match &call["arguments"] {
            Value::String(json) => serde_json::from_str(json).unwrap(),
            _ => call["input"].clone(),
        };
        assert!(["Oslo", "Paris"].contains(&arguments["city"].as_str().unwrap()), "{answer}");

        // Where it may speak, too, the server takes the grammar for that.
        body["tool_choice"] =
            if path == "/v1/messages" { json!({ "type": "auto" }) } else { json!("auto") };
        body["max_tokens"] = 16.into();
        let response = gateway.send(Method::POST, path, body.to_string()).await;
        assert_eq!(response.status(), 200, "{}", read(response).await);
    }
}
