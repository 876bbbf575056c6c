//! Models that sleep: the real program, real processes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]
#![cfg(target_os = "linux")]

mod gateway;
mod llama;

use futures::future::join_all;
use gateway::{Gateway, Heard, read, runs, signal, until};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_hundred_callers_cause_one_start_and_none_is_left_without_a_sign() {
    let gateway = Gateway::start(&["--model-idle-timeout", "200ms"]).await;
    assert_eq!(gateway.starts(), [0_u32; 0], "nothing is loaded before anybody asks");
    gateway.hold();
    let responses = join_all((0..100).map(|_| gateway.ask(true))).await;
    let all_fine = responses.iter().all(|response| response.status() == 200);
    assert!(all_fine, "the heads are there before the model is");

    gateway.let_go();

    for answer in join_all(responses.into_iter().map(read)).await {
        assert!(answer.contains(": waking"), "{answer}");
        assert!(answer.contains("Squeak") && answer.ends_with("data: [DONE]\n\n"), "{answer}");
    }
    let starts = gateway.starts();
    assert_eq!(starts.len(), 1);
    until("an idle model is gone", || !runs(starts[0])).await;
    let receipts: Value = serde_json::from_str(&gateway.get("/v1/receipts").await).unwrap();
    let waited = |receipt: &Value| receipt["wake_ms"].as_u64().is_some_and(|wake| wake > 0);
    assert_eq!(receipts["data"].as_array().unwrap().iter().filter(|it| waited(it)).count(), 100);
    let figures = gateway.get("/metrics").await;
    assert!(figures.contains("dormouse_model_wakes_total{gen_ai_request_model=\"toy\"} 1"));
}

#[tokio::test]
async fn a_model_that_is_killed_in_its_answer_is_an_error_there_and_back_for_the_next() {
    let gateway = Gateway::start(&[]).await;
    gateway.stall();
    let heard = Heard::of(gateway.ask(true).await).until("Squeak").await;

    signal(gateway.starts()[0], "KILL").await;

    let answer = heard.all().await;
    assert!(answer.contains("\"code\":\"upstream_failed\""), "{answer}");
    assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    gateway.go_on();
    let next = gateway.ask(false).await;
    assert_eq!(next.status(), 200);
    assert!(read(next).await.contains("Squeak"));
    assert_eq!(gateway.starts().len(), 2);
}

#[tokio::test]
async fn a_killed_gateway_leaves_no_model_behind() {
    let mut gateway = Gateway::start(&[]).await;
    gateway.stall();
    let _response = gateway.ask(true).await;
    until("a start", || !gateway.starts().is_empty()).await;
    let model = gateway.starts()[0];
    assert!(runs(model));

    signal(gateway.process.id().unwrap(), "KILL").await;
    gateway.process.wait().await.unwrap();

    until("the model dies with its gateway", || !runs(model)).await;
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_finishes_answers_and_stops_its_models() {
    let mut gateway = Gateway::start(&[]).await;
    gateway.stall();
    let response = gateway.ask(true).await;
    until("a question", || !gateway.asked().is_empty()).await;
    signal(gateway.process.id().unwrap(), "TERM").await;

    gateway.go_on();

    assert!(read(response).await.ends_with("data: [DONE]\n\n"));
    assert!(gateway.process.wait().await.unwrap().success());
    assert!(!runs(gateway.starts()[0]));
}

#[tokio::test]
async fn a_model_on_a_socket_answers_and_its_socket_goes_with_it() {
    let mut gateway = Gateway::start_at("{socket}", &[]).await;
    assert!(read(gateway.ask(true).await).await.contains("Squeak"));
    assert_eq!(gateway.sockets().len(), 1);

    gateway.models(&["release", "toy"]).await;
    until("a released model's socket is gone", || gateway.sockets().is_empty()).await;

    assert!(read(gateway.ask(false).await).await.contains("Squeak"));
    let model = gateway.starts()[1];
    assert_eq!(gateway.sockets().len(), 1);
    signal(gateway.process.id().unwrap(), "KILL").await;
    gateway.process.wait().await.unwrap();
    until("the model dies with its gateway", || !runs(model)).await;
    until("and its socket is removed", || gateway.sockets().is_empty()).await;
}

#[tokio::test]
async fn who_waits_is_told_how_far_the_model_is_where_its_server_says_so() {
    let gateway = Gateway::start(&[]).await;
    gateway.hold_at(r#"{"progress": 0.42}"#);
    let heard = Heard::of(gateway.ask(true).await).until(": waking 42 %").await;

    gateway.let_go();

    let answer = heard.all().await;
    assert!(answer.contains("Squeak"), "{answer}");
}

#[tokio::test]
async fn who_cannot_wait_is_told_when_to_come_back() {
    let gateway = Gateway::start(&["--wake-timeout", "100ms"]).await;
    gateway.hold();

    let response = gateway.ask(false).await;

    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let body: Value = serde_json::from_str(&read(response).await).unwrap();
    assert_eq!(body["error"]["code"], "model_waking");
    assert_eq!(
        (&body["error"]["state"], &body["error"]["position"]),
        (&"waking".into(), &1.into())
    );
}

#[tokio::test]
async fn tools_and_agents_are_seen_from_the_command_line() {
    let agents = "agents:\n  - {name: clerk, description: Counts., system: You count.}";
    let gateway = Gateway::start(&["--agents", agents]).await;
    let listed = gateway.tend("agents", &["list"]).await;
    assert_eq!(listed, "AGENT  MODEL  MODE  WHAT IT IS FOR\nclerk  -      -     Counts.\n");
    assert!(gateway.tend("tools", &["list"]).await.contains("\ncalculator "));
    let call = async |input| gateway.tend("tools", &["call", "calculator", input]).await;
    assert_eq!(call(r#"{"expression": "6 * 7"}"#).await, "42\n");
    assert!(call("{}").await.contains("input.expression"));
    assert!(call("six").await.contains("not JSON"));
}

#[tokio::test]
async fn runs_are_seen_from_the_command_line() {
    let gateway = Gateway::start(&[]).await;
    let body = json!({ "model": "toy", "input": "Hello", "background": true, "stream": true });
    let told = gateway.send(Method::POST, "/v1/responses", body.to_string()).await;
    assert!(read(told).await.contains("response.completed"));
    let listed = gateway.tend("runs", &["list"]).await;
    let run = listed.lines().nth(1).unwrap().split(' ').next().unwrap();
    let shown = gateway.tend("runs", &["show", run]).await;
    let rows: Vec<_> = shown.lines().filter(|line| line.contains("completed")).collect();
    assert_eq!(rows.len(), 2, "the run and its receipt: {shown}");
    assert!(gateway.tend("runs", &["cancel", run]).await.contains("completed"), "it is over");
    assert!(gateway.tend("runs", &["show", "run_0"]).await.contains("there is no run"));
}

#[tokio::test]
async fn models_are_tended_from_the_command_line() {
    let gateway = Gateway::start(&[]).await;
    assert!(gateway.models(&["list"]).await.contains("toy    cold"));
    assert!(gateway.models(&["wake", "toy"]).await.contains("toy    warm"));
    let model = gateway.starts()[0];
    assert!(gateway.get("/readyz").await.contains("\"state\":\"warm\""));

    gateway.models(&["release", "toy"]).await;

    until("a released model is gone", || !runs(model)).await;
    assert!(gateway.models(&["wake", "nobody"]).await.contains("there is no"));
}

#[tokio::test]
async fn a_conversation_is_sent_to_a_slot() {
    let gateway = Gateway::start(&[]).await;
    for _ in 0..2 {
        assert!(read(gateway.ask(true).await).await.contains("Squeak"));
    }
    let slots: Vec<Value> =
        gateway.asked().into_iter().map(|body| body["id_slot"].clone()).collect();
    assert!(slots[0].is_u64(), "{slots:?}");
    assert_eq!(slots[0], slots[1]);
}
