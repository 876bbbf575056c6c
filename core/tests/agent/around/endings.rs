//! Limits around a run: what was answered so far counts, and every question is paid for.

use std::time::Duration;

use dormouse_core::{Code, chat::Dialect, money::NanoDollars};
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::{CHAT, DIALECTS, formed, said, with};
use crate::bench::{Bench, Reply, calls, says};

const REVIEWED: [fn() -> Reply; 4] =
    [|| says("It is 4."), || says("SCORE: 3\n- wrong"), || says("It is 3."), || says("SCORE: 9")];

/// What a first question can cost.
async fn held(body: &Value) -> NanoDollars {
    let mut probe = Bench::new([says("x")]);
    probe.budget = Some(NanoDollars(1_000_000_000));
    let answer = probe.ask(CHAT, body.clone(), Default::default()).await.unwrap();
    let held = probe.held().await;
    drop(answer);
    held
}

#[tokio::test]
async fn every_question_has_a_receipt_and_a_place_in_the_run() {
    let bench = Bench::new(REVIEWED.map(|it| it()));
    bench.whole(CHAT, with(CHAT, "m", &json!({ "critique": 2 }))).await;
    let receipts = bench.receipts().await;
    let steps: Vec<_> = receipts.iter().map(|it| it.step).collect();
    assert_eq!(steps, [Some(0), Some(1), Some(2), Some(3)]);
    assert!(receipts.iter().all(|it| it.run.is_some() && it.run == receipts[0].run));
    assert!(receipts.iter().all(|it| it.cost == NanoDollars(12_000)));
}

#[tokio::test]
async fn a_budget_that_covers_no_further_round_ends_with_the_answer_so_far() {
    let mut body = with(CHAT, "m", &json!({ "critique": 2 }));
    body["max_tokens"] = 100.into();
    let mut bench = Bench::new([says("It is 4.")]);
    bench.budget = Some(held(&body).await);
    let whole = bench.whole(CHAT, body).await;
    assert_eq!(said(CHAT, &whole).0, "It is 4.", "as it is, without a word more");
    assert_eq!(whole["dormouse"]["ending"], "budget");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(bench.asked().len(), 1);
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_budget_that_covers_no_question_is_an_error_as_always() {
    for fields in [json!({ "intent": true }), json!({ "plan": true })] {
        let mut bench = Bench::new([]);
        bench.budget = Some(NanoDollars(1));
        let refused = bench.ask(CHAT, with(CHAT, "m", &fields), Default::default()).await;
        assert_eq!(refused.unwrap_err().code(), Code::OverBudget);
    }
}

#[tokio::test]
async fn a_round_that_is_not_among_the_steps_is_not_begun() {
    for (most, asked) in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 4)] {
        let bench = Bench::new(REVIEWED.map(|it| it()));
        let body = with(CHAT, "m", &json!({ "critique": 2, "max_steps": most }));
        let whole = bench.whole(CHAT, body).await;
        assert_eq!(bench.asked().len(), asked, "of {most}");
        let wanted = if asked == 1 { "It is 4." } else { "It is 3." };
        assert_eq!(said(CHAT, &whole).0, wanted);
        let ending = if asked == 4 { "done" } else { "steps" };
        assert_eq!(whole["dormouse"]["ending"], ending, "of {most}");
    }
    let bench = Bench::new([says("It is 3.")]);
    let body = with(CHAT, "m", &json!({ "intent": true, "plan": true, "max_steps": 1 }));
    assert_eq!(said(CHAT, &bench.whole(CHAT, body).await).0, "It is 3.", "it comes first");
}

#[tokio::test]
async fn a_limit_never_breaks_an_answer_that_has_a_form() {
    for dialect in DIALECTS {
        let body = formed(dialect, &json!({ "correct": true, "critique": 1, "max_steps": 2 }));
        let bench = Bench::new([says(r#"{"n": 3}"#)]);
        let whole = bench.whole(dialect, body).await;
        assert_eq!(said(dialect, &whole).0, r#"{"n": 3}"#);
    }
}

#[tokio::test]
async fn time_that_is_over_in_a_review_ends_with_the_answer_so_far() {
    let set = [("DORMOUSE_AGENT_TIMEOUT", "10s")];
    let bench = Bench::set(&set, [says("It is 3."), Reply::Hangs("SCORE: ")]);
    let body = with(CHAT, "m", &json!({ "critique": 1 }));
    let mut answer = bench.ask(CHAT, body, Default::default()).await.unwrap();
    let mut events = Vec::new();
    loop {
        let Some(chunk) = answer.chunks.next().now_or_never() else {
            bench.host.run_spawned().await;
            bench.host.advance(Duration::from_secs(1));
            continue;
        };
        let Some(chunk) = chunk else { break };
        events.extend(chunk.unwrap().events);
    }
    let told = format!("{events:?}");
    assert!(told.contains("Text(\"It is 3.\")") && told.contains("String(\"time\")"), "{told}");
}

#[tokio::test]
async fn a_tool_of_the_caller_is_handed_back_in_the_middle_of_it() {
    let bench = Bench::new([
        says("It is 4."),
        says("SCORE: 1\n- wrong"),
        calls([("d", "open_door", "{}")]),
    ]);
    let mut body = with(CHAT, "m", &json!({ "critique": 1 }));
    body["tools"] = json!([{ "type": "function", "function": { "name": "open_door" } }]);
    let whole = bench.whole(CHAT, body).await;
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(whole["dormouse"]["ending"], "handed_back");
    assert_eq!(said(CHAT, &whole).0, "", "it is no answer");
}

#[tokio::test]
async fn what_was_done_is_counted() {
    let bench = Bench::new(REVIEWED.map(|it| it()));
    bench.whole(CHAT, with(CHAT, "m", &json!({ "critique": 2 }))).await;
    let bench_formed = Bench::new([says("three"), says(r#"{"n": 3}"#)]);
    let body = formed(Dialect::Anthropic, &json!({ "correct": true }));
    bench_formed.whole(Dialect::Anthropic, body).await;
    for (bench, by) in [(bench, "critique"), (bench_formed, "correct")] {
        let figures = bench.gateway.figures().await.unwrap();
        for name in ["dormouse_agent_orchestrated_runs_total", "dormouse_agent_sent_back_total"] {
            assert!(figures.contains(&format!("{name}{{by=\"{by}\"}} 1")), "{figures}");
        }
    }
}
