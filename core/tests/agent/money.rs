//! Every call of a run's model is held for and paid for, and belongs to one run.

use std::time::Duration;

use dormouse_core::{Code, accounting::Outcome, chat::Dialect, money::NanoDollars};
use futures::StreamExt;

use crate::bench::{Bench, Reply, calls, question, says};

const CHAT: Dialect = Dialect::OpenAiChat;
const CALL: (&str, &str, &str) = ("a", "add", r#"{"a":1,"b":2}"#);

#[tokio::test]
async fn the_receipts_of_a_run_are_one_chain() {
    let bench = Bench::new([calls([CALL]), calls([CALL]), says("3")]);
    let answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    let first = answer.receipt.clone();
    bench.collect(answer).await.unwrap();
    let receipts = bench.receipts().await;
    let chain: Vec<_> = receipts.iter().map(|it| (it.run.clone().unwrap(), it.step)).collect();
    let wanted: Vec<_> = (0..3).map(|step| (run.clone(), Some(step))).collect();
    assert_eq!(chain, wanted);
    assert_eq!(receipts[0].id, first);
    assert!(receipts.iter().all(|receipt| receipt.cost == NanoDollars(12_000)));
}

#[tokio::test]
async fn the_receipts_of_a_run_are_found_by_its_id_in_the_order_of_its_steps() {
    let bench = Bench::new([calls([CALL]), says("other"), calls([CALL]), says("3")]);
    let mut one = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    // Another run comes in between.
    let first = bench.run(one.chunks.next()).await.unwrap().unwrap();
    assert!(!first.events.is_empty());
    let other = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    let (run, others) = (one.run.clone().unwrap(), other.run.clone().unwrap());
    bench.collect(other).await.unwrap();
    while let Some(chunk) = bench.run(one.chunks.next()).await {
        chunk.unwrap();
    }
    let of = async |run: &str, limit| {
        let listed = bench.gateway.ledger().receipts_of_run("acme", run, limit).await.unwrap();
        listed.iter().map(|it| (it.run.clone(), it.step)).collect::<Vec<_>>()
    };
    let wanted: Vec<_> = (0..3).map(|step| (Some(run.clone()), Some(step))).collect();
    assert_eq!(of(&run, 100).await, wanted);
    assert_eq!(of(&run, 2).await, wanted[..2]);
    assert_eq!(of(&others, 100).await, [(Some(others.clone()), Some(0))]);
    assert_eq!(of("run_", 100).await, [], "no part of an id is one");
    let of_others = bench.gateway.ledger().receipts_of_run("zoo", &run, 100).await.unwrap();
    assert!(of_others.is_empty());
}

#[tokio::test]
async fn a_call_that_was_lost_is_among_the_receipts_of_its_run() {
    let bench = Bench::new([Reply::Hangs("I")]);
    let answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    let run = answer.run.clone().unwrap();
    // Nothing of it is dropped, as where a process dies.
    std::mem::forget(answer);
    bench.host.advance(bench.gateway.settings().hold_ttl() + Duration::from_secs(1));
    bench.gateway.ledger().reclaim("acme").await.unwrap();
    let receipts = bench.gateway.ledger().receipts_of_run("acme", &run, 100).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].outcome, Outcome::Lost);
}

#[tokio::test]
async fn a_run_ends_when_the_budget_does_not_cover_another_step() {
    let mut bench = Bench::new([calls([CALL]), says("never asked")]);
    // About what one question can cost: each is held for in bytes.
    let mut body = question("m");
    body["max_tokens"] = 100.into();
    bench.budget = Some(NanoDollars(10_000_000));
    let mut probe = Bench::new([says("x")]);
    probe.budget = bench.budget;
    let answer = probe.ask(CHAT, body.clone(), Default::default()).await.unwrap();
    let held = probe.held().await;
    drop(answer);
    assert!(held > NanoDollars(0));

    bench.budget = Some(held);
    let answer = bench.whole(CHAT, body).await;
    assert_eq!(answer["dormouse"]["ending"], "budget");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(bench.asked().len(), 1, "what is not held for is not asked");
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_run_that_cannot_begin_is_refused_like_any_request() {
    let mut bench = Bench::new([]);
    bench.budget = Some(NanoDollars(1));
    let refused = bench.ask(CHAT, question("m"), Default::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::OverBudget);
}

#[tokio::test]
async fn a_run_counts_as_one_request() {
    let set = [("DORMOUSE_RATE_LIMIT_REQUESTS", "1")];
    let bench = Bench::set(&set, [calls([CALL]), says("3"), says("never asked")]);
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "3");
    let refused = bench.ask(CHAT, question("m"), Default::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::RateLimited);
}
