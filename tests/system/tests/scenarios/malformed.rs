//! Requests that are wrong, and say where.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Reply, ask},
    stage::Stage,
};

/// A request that is wrong in one field, with the path that the error must name.
fn wrong() -> Vec<(Value, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut body = ask("echo");
        body[field] = value;
        body
    };
    let said = |message: Value| with("messages", json!([message]));
    vec![
        (json!({ "model": "echo" }), "messages"),
        (with("messages", json!("hello")), "messages"),
        (with("messages", json!([])), "messages"),
        (with("model", json!(7)), "model"),
        (said(json!({ "content": "x" })), "messages[0].role"),
        (said(json!({ "role": "wizard", "content": "x" })), "messages[0].role"),
        (said(json!({ "role": "user", "content": 5 })), "messages[0].content"),
        (
            said(json!({ "role": "user", "content": [{ "type": "text" }] })),
            "messages[0].content[0].text",
        ),
        (with("temperature", json!("hot")), "temperature"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("stream", json!("yes")), "stream"),
        (with("tools", json!([{ "type": "function" }])), "tools[0].function"),
        (with("response_format", json!({ "type": "json_schema" })), "response_format.json_schema"),
    ]
}

pub(crate) async fn a_wrong_field_is_named(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    for (body, param) in wrong() {
        let error = gateway.chat(&body).await.error(400);
        assert_eq!(error["param"], param, "{body} → {error}");
        assert_eq!(error["type"], "invalid_request_error", "{body} → {error}");
    }
    assert_eq!(stage.upstream.count("echo"), 0);
}

pub(crate) async fn what_is_no_json_is_refused(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    for body in ["", "{", "hello", "[]", "null", "{\"model\":\"echo\",}", "\u{feff}{}"] {
        let request = gateway.request(Method::POST, "/v1/chat/completions").body(body);
        let error = Reply::of(request).await.error(400);
        assert_eq!(error["type"], "invalid_request_error", "{body:?} → {error}");
    }
    let deep = "[".repeat(100_000);
    let request = gateway.request(Method::POST, "/v1/chat/completions").body(deep);
    Reply::of(request).await.error(400);
}

pub(crate) async fn a_request_without_any_model_is_refused(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let mut body = ask("");
    body.as_object_mut().unwrap().remove("model");

    assert_eq!(gateway.chat(&body).await.error(400)["param"], "model");
}

pub(crate) async fn a_key_for_nobody_is_refused(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    for (body, param) in [
        (json!({ "tenant": "acme", "budget": "-1" }), "budget"),
        (json!({ "tenant": "acme", "budget": "1.0000000001" }), "budget"),
        (json!({ "tenant": "acme", "budget": "lots" }), "budget"),
        (json!({ "tenant": "" }), "tenant"),
    ] {
        assert_eq!(gateway.post("/v1/keys", &body).await.error(400)["param"], param, "{body}");
    }
}
