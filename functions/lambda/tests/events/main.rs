//! The real binary behind every integration, through a real Runtime API loop.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod kept;
mod provider;

use std::path::Path;

use dormouse_testkit::lambda::{ALB_BODY_LIMIT, Emulator, EventKind, PAYLOAD_LIMIT};
use futures::StreamExt;
use provider::{Provider, WORDS};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const KEY: &str = "sk-administrator-of-the-tests";

/// The mode that an integration of this kind can read.
fn mode(kind: EventKind) -> &'static str {
    if kind == EventKind::FunctionUrl { "response_stream" } else { "buffered" }
}

async fn function(kind: EventKind, instances: usize, env: &[(&str, &str)]) -> Emulator {
    let all = [
        ("DORMOUSE_LAMBDA_INVOKE_MODE", mode(kind)),
        ("DORMOUSE_API_KEY", KEY),
        ("DORMOUSE_STORE", "memory:"),
    ];
    let all: Vec<_> =
        all.iter().chain(env).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_dormouse-lambda"));
    Emulator::start(binary, &all, kind, instances).await.unwrap()
}

fn client() -> Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

fn chat(emulator: &Emulator, stream: bool) -> RequestBuilder {
    let body = json!({
        "model": "m", "stream": stream, "messages": [{"role": "user", "content": "Count."}],
    });
    client()
        .post(format!("{}/v1/chat/completions", emulator.base_url()))
        .bearer_auth(KEY)
        .json(&body)
}

/// Reads a streamed answer until `text` has come.
async fn read_until(response: &mut Response, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let piece = response.chunk().await.unwrap().expect("the text, before the end");
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    seen
}

async fn json_of(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn every_integration_reaches_every_route() {
    for kind in EventKind::ALL {
        let emulator = function(kind, 1, &[]).await;
        let url = |path: &str| format!("{}{path}", emulator.base_url());

        let health = client().get(url("/healthz")).send().await.unwrap();
        assert_eq!(health.status(), StatusCode::OK, "{kind:?}: {}", emulator.logs());
        assert_eq!(json_of(health).await["status"], "ok");

        let stranger = client().get(url("/v1/keys")).send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED, "{kind:?}");

        let lost = client().get(url("/v1/nothing")).send().await.unwrap();
        assert_eq!(lost.status(), StatusCode::NOT_FOUND, "{kind:?}");

        let order = json!({"tenant": "acme", "budget": "0.01"});
        let minted = client().post(url("/v1/keys")).bearer_auth(KEY).json(&order);
        let minted = minted.header("x-correlation-id", "mine").send().await.unwrap();
        assert_eq!(minted.status(), StatusCode::CREATED, "{kind:?}");
        assert_eq!(minted.headers()["x-correlation-id"], "mine", "{kind:?}");

        let listed = client().get(url("/v1/keys?limit=1&after=%20")).bearer_auth(KEY);
        let listed = json_of(listed.send().await.unwrap()).await;
        assert_eq!(listed["data"][0]["tenant"], "acme", "{kind:?}: {listed}");

        assert_eq!(emulator.started(), 1, "a warm instance is used again");
        assert_eq!(emulator.failures(), []);
    }
}

#[tokio::test]
async fn bodies_that_are_not_text_travel_in_base64() {
    for kind in EventKind::ALL {
        let emulator = function(kind, 1, &[]).await;
        // Neither type counts as text, so the event and (if buffered) the answer carry base64.
        let order = json!({"tenant": "acme", "name": "café"}).to_string();
        let minted = client()
            .post(format!("{}/v1/keys", emulator.base_url()))
            .bearer_auth(KEY)
            .header("content-type", "application/octet-stream")
            .body(order);
        assert_eq!(json_of(minted.send().await.unwrap()).await["name"], "café", "{kind:?}");

        let metrics = client().get(format!("{}/metrics", emulator.base_url()));
        let metrics = metrics.send().await.unwrap();
        let content_type = metrics.headers()["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
        assert!(metrics.text().await.unwrap().ends_with("# EOF\n"), "{kind:?}");
    }
}

#[tokio::test]
async fn a_function_url_passes_every_piece_on_as_it_comes() {
    let provider = Provider::start().await;
    let emulator =
        function(EventKind::FunctionUrl, 1, &[("DORMOUSE_UPSTREAM", &provider.base_url)]).await;
    // The headers are here before the first word.
    let mut response = chat(&emulator, true).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", emulator.logs());
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    for word in WORDS {
        // The provider cannot speak a word before the client has read the one before.
        provider.release(1);
        read_until(&mut response, word).await;
    }
    read_until(&mut response, "data: [DONE]\n\n").await;
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(emulator.failures(), []);
}

#[tokio::test]
async fn other_integrations_get_a_stream_whole() {
    let provider = Provider::start().await;
    for kind in [EventKind::HttpApiV2, EventKind::RestV1, EventKind::Alb] {
        let emulator = function(kind, 1, &[("DORMOUSE_UPSTREAM", &provider.base_url)]).await;
        provider.release(WORDS.len());
        let response = chat(&emulator, true).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{kind:?}: {}", emulator.logs());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = response.text().await.unwrap();
        assert!(WORDS.iter().all(|word| text.contains(word)), "{kind:?}: {text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{kind:?}: {text}");
    }
}

#[tokio::test]
async fn a_mode_that_does_not_match_the_integration_shows() {
    let streamed = [("DORMOUSE_LAMBDA_INVOKE_MODE", "response_stream")];
    for (kind, status) in [
        (EventKind::HttpApiV2, StatusCode::INTERNAL_SERVER_ERROR),
        (EventKind::RestV1, StatusCode::BAD_GATEWAY),
        (EventKind::Alb, StatusCode::BAD_GATEWAY),
    ] {
        let emulator = function(kind, 1, &streamed).await;
        let health = client().get(format!("{}/healthz", emulator.base_url()));
        assert_eq!(health.send().await.unwrap().status(), status, "{kind:?}");
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_reported_to_lambda() {
    for (setting, value) in [("DORMOUSE_API_KEY", ""), ("DORMOUSE_LAMBDA_INVOKE_MODE", "sideways")]
    {
        let emulator = function(EventKind::FunctionUrl, 1, &[(setting, value)]).await;
        let response = client().get(emulator.base_url()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let failures = emulator.failures();
        assert_eq!(failures[0].kind, "Runtime.InitError");
        assert!(failures[0].message.contains(setting), "{failures:?}");
    }
}

#[tokio::test]
async fn an_event_above_six_megabytes_never_reaches_the_function() {
    for kind in EventKind::ALL {
        let emulator = function(kind, 1, &[]).await;
        let limit = if kind == EventKind::Alb { ALB_BODY_LIMIT } else { PAYLOAD_LIMIT };
        let url = format!("{}/v1/chat/completions", emulator.base_url());
        let response = client().post(url).body(vec![b' '; limit + 1]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{kind:?}");
        assert_eq!(emulator.started(), 0);
    }
}

#[tokio::test]
async fn an_instance_has_one_invocation_at_a_time() {
    let provider = Provider::start().await;
    let upstream = [("DORMOUSE_UPSTREAM", provider.base_url.as_str())];
    let emulator = function(EventKind::FunctionUrl, 2, &upstream).await;
    let mut answers = futures::stream::FuturesUnordered::new();
    for _ in 0..3 {
        let request = chat(&emulator, true);
        answers.push(tokio::spawn(async move { request.send().await?.text().await }));
    }
    // Two are under way at once, each in a process of its own; the third waits for one of them.
    provider.asked(2).await;
    assert_eq!(emulator.started(), 2);
    provider.release(3 * WORDS.len());
    provider.asked(1).await;
    while let Some(text) = answers.next().await {
        let text = text.unwrap().unwrap();
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    assert_eq!(emulator.started(), 2);
}

#[tokio::test]
async fn a_function_runs_to_its_end_when_its_client_has_gone() {
    let provider = Provider::start().await;
    let upstream = [("DORMOUSE_UPSTREAM", provider.base_url.as_str())];
    let emulator = function(EventKind::FunctionUrl, 1, &upstream).await;
    provider.release(1);
    let mut response = chat(&emulator, true).send().await.unwrap();
    read_until(&mut response, WORDS[0]).await;
    drop(response);
    provider.release(WORDS.len() - 1);
    // The only instance is free again once it is done with the abandoned answer.
    let receipts = client().get(format!("{}/v1/receipts", emulator.base_url())).bearer_auth(KEY);
    let receipts = json_of(receipts.send().await.unwrap()).await;
    assert_eq!(receipts["data"].as_array().unwrap().len(), 1, "{receipts}");
    assert_eq!(receipts["data"][0]["usage"]["output_tokens"], 3, "{receipts}");
    assert_eq!(emulator.started(), 1);
    assert_eq!(emulator.failures(), []);
}

#[tokio::test]
async fn a_killed_instance_breaks_its_answer_off_and_is_replaced() {
    let provider = Provider::start().await;
    let upstream = [("DORMOUSE_UPSTREAM", provider.base_url.as_str())];
    let emulator = function(EventKind::FunctionUrl, 1, &upstream).await;
    provider.release(1);
    let mut response = chat(&emulator, true).send().await.unwrap();
    read_until(&mut response, WORDS[0]).await;
    let pid = emulator.pids()[0].to_string();
    let killed = std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(killed.success());
    let broken = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "a client must not take a broken answer for a whole one");
    let health = client().get(format!("{}/healthz", emulator.base_url())).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(emulator.started(), 2);
    assert!(!emulator.failures().is_empty());
}

#[tokio::test]
async fn an_emulator_takes_its_processes_with_it() {
    let emulator = function(EventKind::FunctionUrl, 1, &[]).await;
    let health = client().get(format!("{}/healthz", emulator.base_url())).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    let process = format!("/proc/{}/stat", emulator.pids()[0]);
    drop(emulator);
    let gone = async {
        // A process that has ended but was not yet waited for is a zombie: state Z.
        while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone).await.expect("a killed process");
}
