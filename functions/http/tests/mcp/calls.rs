//! Calls of tools: what comes back, while it takes its time, and when nobody waits for it any more.

use std::sync::atomic::Ordering;

use dormouse_core::ports::Host;
use futures::FutureExt;
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::bench::{Bench, USUAL, collect};

fn call(name: &str, more: &Value) -> Value {
    let mut params = json!({ "name": name });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params })
}

#[tokio::test]
async fn a_tool_answers_and_what_it_does_wrong_is_an_answer_too() {
    let bench = Bench::new();
    let session = bench.session().await;
    let ask = |params: Value| bench.ask(&session, "tools/call", params);
    let said = ask(json!({ "name": "echo", "arguments": { "text": "hi" } })).await;
    let text = json!([{ "type": "text", "text": "hi" }]);
    assert_eq!(said, json!({ "content": text, "isError": false }));
    let failed = ask(json!({ "name": "fail" })).await;
    assert_eq!(failed["isError"], true);
    assert_eq!(failed["content"][0]["text"], "it cannot be done");
    let drawn = ask(json!({ "name": "draw" })).await;
    let image = json!({ "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" });
    assert_eq!(drawn["content"], json!([image]));
    // The model can mend this, so it must see it.
    let wrong = ask(json!({ "name": "echo", "arguments": { "text": 7 } })).await;
    assert_eq!(wrong["isError"], true);
    assert!(wrong["content"][0]["text"].as_str().unwrap().contains("text"), "{wrong}");
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_error() {
    let bench = Bench::new();
    let error = bench.post(&[], &call("ecco", &json!({}))).await.json()["error"].take();
    assert_eq!(error["code"], -32602);
    assert!(error["message"].as_str().unwrap().contains("echo"), "{error}");
}

#[tokio::test]
async fn a_call_that_takes_its_time_becomes_a_stream_that_tells_how_long() {
    let bench = Bench::new();
    let body = call("wait", &json!({ "_meta": { "progressToken": "p-1" } }));
    let response = bench.send(&Method::POST, USUAL, body.to_string());
    let response = bench.until(response).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let frame = bench.until(body.frame()).await.unwrap().unwrap();
    let first = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    let data = first.strip_prefix("event: message\ndata: ").unwrap();
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!(told["method"], "notifications/progress");
    assert_eq!(told["params"]["progressToken"], "p-1");
    assert!(told["params"]["progress"].as_f64().unwrap() > 0.0);
    bench.seen.open.store(true, Ordering::SeqCst);
    let rest = bench.until(body.collect()).await.unwrap().to_bytes();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    let last = rest.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let answered: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&answered["id"], &answered["result"]["isError"]), (&json!(5), &json!(false)));
}

#[tokio::test]
async fn a_call_without_a_name_for_its_progress_is_kept_alive_in_silence() {
    let bench = Bench::new();
    let body = call("wait", &json!({})).to_string();
    let response = bench.until(bench.send(&Method::POST, USUAL, body)).await;
    let frame = bench.until(response.into_body().frame()).await.unwrap().unwrap();
    assert_eq!(&frame.into_data().unwrap()[..], b": keep-alive\n\n");
}

#[tokio::test]
async fn a_client_that_takes_no_stream_gets_the_whole_answer() {
    let bench = Bench::new();
    let body = call("wait", &json!({})).to_string();
    let mut response = Box::pin(bench.send(&Method::POST, &[("accept", "application/json")], body));
    let before = bench.host.elapsed();
    for _ in 0..100 {
        assert!((&mut response).now_or_never().is_none());
        bench.host.advance(std::time::Duration::from_secs(1));
    }
    assert!(bench.host.elapsed() > before);
    bench.seen.open.store(true, Ordering::SeqCst);
    let reply = collect(bench.until(response).await).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn a_call_that_is_called_off_ends_without_an_answer() {
    let bench = Bench::new();
    let session = bench.session().await;
    let headers = [USUAL, &[("mcp-session-id", session.as_str())]].concat();
    let body = call("wait", &json!({})).to_string();
    let response = bench.until(bench.send(&Method::POST, &headers, body)).await;
    assert_eq!(bench.seen.waiting.load(Ordering::SeqCst), 1);
    let off = |id: u32| {
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": id, "reason": "enough" } })
    };
    // Neither another request of the session nor the same id of another one is meant.
    let (there, other) = ([("mcp-session-id", session.as_str())], bench.session().await);
    bench.post(&there, &off(6)).await;
    bench.post(&[("mcp-session-id", &other)], &off(5)).await;
    let mut rest = Box::pin(collect(response));
    assert!((&mut rest).now_or_never().is_none());
    assert_eq!(bench.seen.waiting.load(Ordering::SeqCst), 1);
    bench.post(&there, &off(5)).await;
    let rest = bench.until(rest).await;
    assert_eq!(rest.events(), Vec::<Value>::new());
    assert_eq!(bench.seen.waiting.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn whoever_leaves_ends_what_was_asked_for() {
    let bench = Bench::new();
    let body = call("wait", &json!({})).to_string();
    let response = bench.until(bench.send(&Method::POST, USUAL, body)).await;
    assert_eq!(bench.seen.waiting.load(Ordering::SeqCst), 1);
    drop(response);
    assert_eq!(bench.seen.waiting.load(Ordering::SeqCst), 0);
}
