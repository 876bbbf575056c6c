//! A model is shown as much of a conversation as it has room for.

use std::sync::atomic::Ordering;

use dormouse_core::chat::Source;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, named, says_to};

const WINDOW: usize = 1000;
const ANSWER: usize = 100;

fn bench() -> Bench {
    Bench::set(&[("DORMOUSE_CONVERSATION_COMPACT_AT", "0")])
}

/// How many tokens the provider counts in the messages of a request.
fn tokens(told: &str) -> usize {
    told.len() / 4
}

#[tokio::test]
async fn what_is_shown_fits_and_its_beginning_stays_the_same_between_cuts() {
    let bench = bench();
    for turn in 0..40 {
        bench
            .ask(&named("a"), &says_to("small", &format!("{turn} {}", "x".repeat(300))))
            .await
            .unwrap();
    }
    let told = bench.told();
    for told in &told {
        assert!(tokens(told) + ANSWER <= WINDOW, "{} tokens", tokens(told));
        assert!(told.starts_with(r#"[{"role":"user""#), "whole turns");
    }
    let cuts = told.windows(2).filter(|pair| !pair[1].starts_with(&pair[0])).count();
    assert!((5..=10).contains(&cuts), "{cuts} of 40: in steps");
    let id = bench.ask(&named("a"), &says_to("small", "last")).await.unwrap();
    let (session, turns) = bench.read(&id).await.unwrap();
    assert_eq!((turns.len(), session.turns), (41, 41), "nothing is forgotten");
    assert!(session.shown_from > 30);
}

#[tokio::test]
async fn a_result_is_never_shown_without_its_call() {
    let bench = bench();
    for turn in 0..30 {
        let call = json!([{ "id": format!("c{turn}"), "type": "function", "function": {
            "name": "look", "arguments": "{}",
        } }]);
        bench.script([Reply::Message(json!({ "content": Value::Null, "tool_calls": call }), 0, 0)]);
        let text = "x".repeat(200 + turn * 7);
        bench.ask(&named("a"), &says_to("small", &text)).await.unwrap();
        let result = json!({ "role": "tool", "tool_call_id": format!("c{turn}"), "content": text });
        bench.ask(&named("a"), &json!({ "model": "small", "messages": [result] })).await.unwrap();
    }
    for told in bench.told() {
        let told: Value = serde_json::from_str(&format!("{told}]")).unwrap();
        let mut called = Vec::new();
        for message in told.as_array().unwrap() {
            if let Some(calls) = message["tool_calls"].as_array() {
                called.extend(calls.iter().map(|call| call["id"].clone()));
            }
            if message["role"] == "tool" {
                assert!(called.contains(&message["tool_call_id"]), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_can_count_is_asked_where_it_gets_narrow() {
    let bench = bench();
    let context = async |text: &str| {
        let answer = bench.begin(&named("a"), &says_to("small", text)).await.unwrap();
        let context = answer.context;
        bench.hear(answer).await.unwrap();
        context
    };
    assert_eq!(context("one").await, None, "there is nothing to measure");
    let (tokens, source) = context("two").await.unwrap();
    assert_eq!((tokens < 60, source), (true, Source::Reported));

    bench.provider.counts.store(850, Ordering::Relaxed);
    assert_eq!(context(&"x".repeat(2600)).await, Some((850, Source::Counted)));
    assert_eq!(bench.last().as_array().unwrap().len(), 5, "all of it fits");
    bench.provider.counts.store(950, Ordering::Relaxed);
    let (tokens, source) = context("four").await.unwrap();
    assert_eq!((tokens < 450, source), (true, Source::Estimated), "it was cut");
}

#[tokio::test]
async fn where_the_window_is_not_known_everything_is_shown() {
    let bench = bench();
    for _ in 0..20 {
        bench.ask(&named("a"), &says_to("m", &"x".repeat(1000))).await.unwrap();
    }
    assert_eq!(bench.last().as_array().unwrap().len(), 39);

    let bench = Bench::set(&[
        ("DORMOUSE_CONVERSATION_COMPACT_AT", "0"),
        ("DORMOUSE_CONTEXT_WINDOW", "2000"),
    ]);
    for _ in 0..20 {
        bench.ask(&named("a"), &says_to("m", &"x".repeat(1000))).await.unwrap();
    }
    assert!(bench.last().as_array().unwrap().len() < 20, "a setting can say it");
}
