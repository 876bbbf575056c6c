//! Messages, versions and forms.

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, USUAL, collect, initialize};

fn code(reply: &Value) -> i64 {
    reply["error"]["code"].as_i64().unwrap()
}

#[tokio::test]
async fn a_client_is_answered_in_its_own_revision() {
    let bench = Bench::new();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let result = bench.post(&[], &initialize(revision)).await.json()["result"].take();
        assert_eq!(result["protocolVersion"], revision);
        assert_eq!(result["serverInfo"]["name"], "dormouse");
        assert_eq!(result["capabilities"], json!({ "tools": {}, "resources": {} }));
    }
    let result = bench.post(&[], &initialize("2099-01-01")).await.json()["result"].take();
    assert_eq!(result["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn what_is_no_message_is_told_why() {
    let bench = Bench::new();
    for (body, status, wanted) in [
        ("{", 400, -32700),
        ("7", 400, -32600),
        (r#"{"id":1,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete"}"#, 200, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"?"}}"#, 200, -32602),
    ] {
        let reply = collect(bench.send(&Method::POST, USUAL, body).await).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert_eq!(code(&reply.json()), wanted, "{body}");
        assert_eq!(reply.json()["jsonrpc"], "2.0");
    }
}

#[tokio::test]
async fn an_error_names_the_field() {
    let bench = Bench::new();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "echo", "arguments": [] } });
    let error = bench.post(&[], &call).await.json()["error"].take();
    assert!(error["message"].as_str().unwrap().contains("`arguments`"), "{error}");
}

#[tokio::test]
async fn what_wants_no_answer_gets_none() {
    let bench = Bench::new();
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": [] } }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
    ] {
        let reply = bench.post(&[], &message).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (202, ""), "{message}");
    }
}

#[tokio::test]
async fn a_revision_that_nobody_speaks_is_refused_with_those_that_are_spoken() {
    let bench = Bench::new();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let reply = bench.post(&[("mcp-protocol-version", "1999-01-01")], &ping).await;
    assert_eq!((reply.status.as_u16(), code(&reply.json())), (400, -32022));
    let supported = &reply.json()["error"]["data"]["supported"];
    assert!(supported.as_array().unwrap().contains(&json!("2026-07-28")), "{supported}");
}

#[tokio::test]
async fn a_batch_is_answered_where_the_revision_has_it() {
    let bench = Bench::new();
    let batch = json!([
        { "jsonrpc": "2.0", "id": "a", "method": "ping" },
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        { "jsonrpc": "2.0", "id": "b", "method": "none" },
        { "id": "c" },
        initialize("2025-03-26"),
    ]);
    for headers in [&[][..], &[("mcp-protocol-version", "2025-03-26")]] {
        let answers = bench.post(headers, &batch).await.json();
        let told = |number: usize| (&answers[number]["id"], &answers[number]["error"]["code"]);
        assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": "a", "result": {} }));
        assert_eq!(told(1), (&json!("b"), &json!(-32601)));
        assert_eq!(told(2), (&json!("c"), &json!(-32600)));
        assert_eq!(told(3), (&json!(0), &json!(-32600)));
        assert_eq!(answers.as_array().unwrap().len(), 4);
    }
    let silent = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    assert_eq!(bench.post(&[], &silent).await.status, 202);
    for (headers, batch) in
        [(&[("mcp-protocol-version", "2025-06-18")][..], &batch), (&[], &json!([]))]
    {
        let reply = bench.post(headers, batch).await;
        assert_eq!((reply.status.as_u16(), code(&reply.json())), (400, -32600));
    }
}

#[tokio::test]
async fn an_answer_has_the_form_that_the_client_takes() {
    let bench = Bench::new();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    for (accept, status, form) in [
        ("application/json, text/event-stream", 200, "application/json"),
        ("application/json", 200, "application/json"),
        ("text/event-stream", 200, "text/event-stream"),
        ("*/*", 200, "application/json"),
        ("image/png", 406, "application/json"),
    ] {
        let reply = collect(bench.send(&Method::POST, &[("accept", accept)], ping.clone()).await);
        let reply = reply.await;
        assert_eq!(reply.status, status, "{accept}");
        assert_eq!(reply.header("content-type"), form, "{accept}");
        if form == "text/event-stream" {
            assert_eq!(reply.events(), [json!({ "jsonrpc": "2.0", "id": 1, "result": {} })]);
        }
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_it_is_json_is_not_read() {
    let bench = Bench::new();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    for (form, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let headers = [("content-type", form)];
        let reply = collect(bench.send(&Method::POST, &headers, ping.clone()).await).await;
        assert_eq!(reply.status, status, "{form}");
    }
}

#[tokio::test]
async fn tools_come_page_by_page_and_each_once() {
    let names: Vec<String> = (0..230).map(|number| format!("tool_{number:03}")).collect();
    let bench = Bench::with(&[], names.clone());
    let session = bench.session().await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let params = cursor.map_or(json!({}), |cursor: Value| json!({ "cursor": cursor }));
        let page = bench.ask(&session, "tools/list", params).await;
        let tools = page["tools"].as_array().unwrap();
        assert!(tools.len() <= 100);
        seen.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.clone()),
            None => break,
        }
    }
    assert_eq!(seen, names);
}
