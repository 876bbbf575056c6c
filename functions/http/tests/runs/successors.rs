//! Processes that go on where others have stopped, or died.

use std::time::Duration;

use serde_json::Value;

use crate::bench::{Bench, Reply, text};

#[tokio::test]
async fn another_process_answers_what_a_dead_one_had_begun() {
    let mut bench = Bench::new([Reply::Waits, Reply::Says("The answer is 42")]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.provider.say("The ans");
    bench.pass(Duration::from_secs(2)).await;
    let before = bench.get(1, "/v1/runs").await.json()["data"][0]["events"].clone();
    assert_eq!(before, 6, "the piece was told");
    bench.kill(0);
    bench.pass(Duration::from_secs(20)).await;
    assert_eq!(bench.response(1, &id).await["status"], "in_progress", "its lease lasts");
    bench.pass(Duration::from_secs(30)).await;

    let response = bench.response(1, &id).await;
    assert_eq!(response["status"], "completed", "{response}");
    assert_eq!(text(&response), "The answer is 42", "what was broken off is no part of it");
    assert_eq!(bench.provider.asked().len(), 2);
    let stream = bench.get(1, &format!("/v1/responses/{id}?stream=true")).await;
    let events = stream.events();
    for (number, (_, _, data)) in (0_u64..).zip(&events) {
        assert_eq!(data["sequence_number"], number, "{data}");
    }
    let items: Vec<&Value> =
        events.iter().filter_map(|(_, _, data)| data["item"].get("id")).collect();
    assert_eq!(items.len(), 3, "one was begun, the other was begun and done");
    assert_ne!(items[0], items[1], "the second is another item");
    assert_eq!(items[1], items[2]);
    assert_eq!(response["output"][0]["id"], *items[1], "and the one that is kept");
    assert_eq!(events[6].2["output_index"], 1);
}

#[tokio::test]
async fn a_process_that_stops_hands_its_runs_over_at_once() {
    let mut bench = Bench::new([Reply::Waits, Reply::Says("Hi")]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.stop(0);
    bench.settle().await;
    assert!(!bench.provider.is_heard());
    assert_eq!(bench.get(1, "/v1/runs").await.json()["data"][0]["status"], "queued");
    bench.kill(0);
    bench.pass(Duration::from_secs(11)).await;
    let response = bench.response(1, &id).await;
    assert_eq!((&response["status"], &*text(&response)), (&"completed".into(), "Hi"));
}

#[tokio::test]
async fn a_process_that_was_only_slow_adds_nothing() {
    let mut bench = Bench::new([Reply::Waits, Reply::Says("Hi")]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.kill(0);
    bench.pass(Duration::from_secs(50)).await;
    let answered = bench.response(1, &id).await;
    assert_eq!(answered["status"], "completed");
    let told = bench.get(1, &format!("/v1/responses/{id}?stream=true")).await.body;

    bench.revive(0);
    assert!(bench.provider.say("I was only"));
    bench.provider.end();
    bench.pass(Duration::from_secs(50)).await;
    assert_eq!(bench.response(1, &id).await, answered);
    assert_eq!(bench.get(0, &format!("/v1/responses/{id}?stream=true")).await.body, told);
    assert_eq!(bench.get(0, "/v1/runs").await.json()["data"][0]["attempts"], 2);
}

#[tokio::test]
async fn what_kills_every_process_is_given_up() {
    let waits = std::iter::repeat_n(Reply::Waits, 20);
    let mut bench = Bench::new(waits);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    for _ in 0..12 {
        bench.replace(0);
        bench.replace(1);
        bench.pass(Duration::from_secs(45)).await;
    }
    let response = bench.response(0, &id).await;
    assert_eq!(response["status"], "failed", "{response}");
    let run = bench.get(0, "/v1/runs").await.json()["data"][0].clone();
    assert_eq!(run["error"]["code"], "run_abandoned", "{run}");
    assert!(bench.provider.asked().len() < 10);
}

#[tokio::test]
async fn processes_that_all_look_for_work_ask_the_model_once() {
    let bench = Bench::new([]);
    for _ in 0..8 {
        bench.begin(0, "Hello").await;
        bench.begin(1, "Hello").await;
        bench.pass(Duration::from_secs(3)).await;
    }
    bench.pass(Duration::from_secs(60)).await;
    assert_eq!(bench.provider.asked().len(), 16);
    let runs = bench.get(0, "/v1/runs").await.json();
    let runs = runs["data"].as_array().unwrap();
    assert_eq!(runs.len(), 16);
    for run in runs {
        assert_eq!((&run["status"], &run["attempts"]), (&"completed".into(), &1.into()));
    }
}

#[tokio::test]
async fn a_run_whose_key_was_revoked_is_not_answered() {
    let bench = Bench::set([], &[("DORMOUSE_RUNS", "0")]);
    let order = serde_json::json!({ "tenant": "default" });
    let key = bench.post(0, "/v1/keys", &order).await.json();
    let id = bench.begin_as(0, key["key"].as_str().unwrap(), "Hello").await;
    let path = format!("/v1/keys/{}", key["id"].as_str().unwrap());
    bench.ask(0, (&http::Method::DELETE, &path), None).await;
    let bench = bench.beside(&[]);
    bench.pass(Duration::from_secs(20)).await;
    let response = bench.response(0, &id).await;
    assert_eq!(response["status"], "failed", "{response}");
    assert_eq!(bench.provider.asked().len(), 0);
}
