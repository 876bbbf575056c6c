//! Tools and structured output.

use dormouse_testkit::upstream::Answer;
use serde_json::{Value, json};

use crate::{
    client::{ask, ask_streamed},
    sse::finish_of,
    stage::{Stage, within},
};

fn tools() -> Value {
    let tool = |name: &str| {
        let city = json!({ "type": "string" });
        let parameters =
            json!({ "type": "object", "properties": { "city": city }, "required": ["city"] });
        json!({ "type": "function", "function": { "name": name, "parameters": parameters } })
    };
    json!([tool("weather"), tool("time")])
}

/// Two calls, as a model makes them in parallel.
fn two_calls() -> Answer {
    Answer::tool_calls(&[
        ("weather", &["{\"ci", "ty\":\"O", "slo\"}"]),
        ("time", &["{\"city\":\"Paris\"}"]),
    ])
}

pub(crate) async fn parallel_tool_calls_reach_the_caller(stage: Stage) {
    stage.upstream.always("tools", two_calls());
    let gateway = stage.gateway(&[]).await;
    let mut body = ask("tools");
    body["tools"] = tools();
    body["tool_choice"] = json!("auto");
    body["parallel_tool_calls"] = json!(true);

    let answer = gateway.chat(&body).await.ok();

    let asked = within("the request", stage.upstream.asked("tools")).await.json();
    assert_eq!(asked["tools"], body["tools"]);
    assert_eq!(asked["tool_choice"], "auto");
    assert_eq!(asked["parallel_tool_calls"], true);
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let calls = &answer["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["id"], "call_0");
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(
        calls[0]["function"],
        json!({ "name": "weather", "arguments": "{\"city\":\"Oslo\"}" })
    );
    assert_eq!(calls[1]["id"], "call_1");
    assert_eq!(
        calls[1]["function"],
        json!({ "name": "time", "arguments": "{\"city\":\"Paris\"}" })
    );
}

pub(crate) async fn streamed_tool_calls_add_up(stage: Stage) {
    stage.upstream.always("tools", two_calls());
    let gateway = stage.gateway(&[]).await;
    let mut body = ask_streamed("tools");
    body["tools"] = tools();

    let chunks = gateway.stream(&body).await.rest().await;

    assert_eq!(finish_of(&chunks), Some("tool_calls"));
    let mut calls = [(String::new(), String::new()), (String::new(), String::new())];
    for chunk in &chunks {
        for call in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            calls[index].0 += call["function"]["name"].as_str().unwrap_or_default();
            calls[index].1 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    assert_eq!(calls[0], ("weather".into(), "{\"city\":\"Oslo\"}".into()));
    assert_eq!(calls[1], ("time".into(), "{\"city\":\"Paris\"}".into()));
}

pub(crate) async fn tool_results_reach_the_model(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let call = |id: &str, name: &str| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } });
    let mut body = ask("echo");
    body["tools"] = tools();
    body["messages"] = json!([
        { "role": "user", "content": "Weather and time?" },
        { "role": "assistant", "content": null, "tool_calls": [call("a", "weather"), call("b", "time")] },
        { "role": "tool", "tool_call_id": "b", "content": "noon" },
        { "role": "tool", "tool_call_id": "a", "content": [{ "type": "text", "text": "rain" }] },
    ]);

    gateway.chat(&body).await.ok();

    let asked = within("the request", stage.upstream.asked("echo")).await;
    assert_eq!(asked.json()["messages"], body["messages"]);
}

pub(crate) async fn response_formats_reach_the_model(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } });
    for format in [
        json!({ "type": "text" }),
        json!({ "type": "json_object" }),
        json!({ "type": "json_schema", "json_schema": { "name": "it", "strict": true, "schema": schema } }),
    ] {
        let mut body = ask("echo");
        body["response_format"] = format.clone();

        gateway.chat(&body).await.ok();

        let asked = within("the request", stage.upstream.asked("echo")).await;
        assert_eq!(asked.json()["response_format"], format);
    }
}
