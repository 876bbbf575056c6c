//! Money.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_testkit::upstream::{Answer, Ending, Gate};
use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};

use crate::{
    client::{Gateway, Reply, ask, ask_streamed},
    stage::{Stage, UNHURRIED, within},
};

/// Dollars per million tokens.
pub(crate) const PRICES: (&str, &str) =
    ("DORMOUSE_PRICES", r#"{"*": {"input": "1", "output": "2"}}"#);
/// What an answer of 10 input and 4 output tokens costs: 10 × 1 + 4 × 2 millionths of a dollar.
const COST: i64 = 18_000;
/// How many requests the budget is for, and how many come.
const ADMITTED: usize = 10;
const ASKED: usize = 200;

pub(crate) async fn a_receipt_says_what_an_answer_cost(stage: Stage) {
    let gateway = stage.gateway(&[PRICES, UNHURRIED]).await;
    for body in [ask("echo"), ask_streamed("echo")] {
        let (id, user) = gateway.key_with_budget("1").await;

        let reply = user.chat(&body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let receipt = reply.header("x-dormouse-receipt");
        let receipt = user.get(&format!("/v1/receipts/{receipt}")).await.ok();

        assert_eq!(receipt["outcome"], "completed");
        assert_eq!(receipt["model"], "echo");
        assert_eq!(receipt["key"], id.as_str());
        assert_eq!(receipt["usage"]["input_tokens"], 10);
        assert_eq!(receipt["usage"]["output_tokens"], 4);
        assert_eq!(receipt["usage"]["source"], "reported", "{receipt}");
        assert_eq!(nanos(&receipt["cost"]), COST);
        let budget = gateway.budget(&id).await;
        assert_eq!((nanos(&budget["settled"]), nanos(&budget["held"])), (COST, 0));
        assert_eq!(nanos(&budget["remaining"]), nanos(&budget["limit"]) - COST);
    }
}

pub(crate) async fn over_budget_says_how_much_is_left(stage: Stage) {
    let gateway = stage.gateway(&[PRICES, UNHURRIED]).await;
    let (_, user) = gateway.key_with_budget("0.000000500").await;

    for body in [ask("echo"), ask_streamed("echo")] {
        let reply = user.chat(&body).await;
        let error = reply.error(429);
        assert_eq!(error["code"], "over_budget");
        assert_eq!(error["scope"], "key");
        assert_eq!(nanos(&error["remaining"]), 500);
        assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    }
    assert_eq!(stage.upstream.count("echo"), 0);
}

pub(crate) async fn a_call_that_the_upstream_refuses_costs_nothing(stage: Stage) {
    let error = json!({ "error": { "message": "no", "type": "x" } });
    stage.upstream.always("refusing", Answer::json(400, &error));
    let gateway = stage.gateway(&[PRICES]).await;
    let (id, user) = gateway.key_with_budget("1").await;

    user.chat(&ask("refusing")).await.error(400);

    let budget = gateway.budget(&id).await;
    assert_eq!((nanos(&budget["settled"]), nanos(&budget["held"])), (0, 0));
}

/// A budget for ten requests, and two hundred at once.
pub(crate) async fn a_budget_is_never_passed(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["a", "b", "c", "d"]).gated(0, &gate));
    let gateway = stage.gateway(&[PRICES, ("DORMOUSE_WORKERS", "300")]).await;
    crowd(&stage, &[gateway], &gate).await;
}

pub(crate) async fn a_budget_is_never_passed_by_two_gateways(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["a", "b", "c", "d"]).gated(0, &gate));
    let settings = [PRICES, ("DORMOUSE_WORKERS", "300")];
    let gateways = [stage.gateway(&settings).await, stage.gateway(&settings).await];
    crowd(&stage, &gateways, &gate).await;
}

pub(crate) async fn crowd(stage: &Stage, gateways: &[Gateway], gate: &Gate) {
    let admin = &gateways[0];
    let limit = worst_case(admin).await * i64::try_from(ADMITTED).unwrap();
    let (id, user) = admin.key_with_budget(&dollars(limit)).await;
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn(watch_budget(admin.clone(), id.clone(), Arc::clone(&over)));

    let mut replies: FuturesUnordered<_> = (0..ASKED)
        .map(|index| user.at(&gateways[index % gateways.len()]).chat_request(&ask("slow")))
        .map(Reply::of)
        .collect();
    // While the admitted ones hold all the money, everyone else is refused.
    for reply in replies.by_ref().take(ASKED - ADMITTED).collect::<Vec<_>>().await {
        assert_eq!(reply.error(429)["code"], "over_budget");
    }
    let budget = admin.budget(&id).await;
    assert_eq!((nanos(&budget["settled"]), nanos(&budget["held"])), (0, limit));
    gate.open();
    for reply in replies.collect::<Vec<_>>().await {
        reply.ok();
    }

    over.store(true, Ordering::Relaxed);
    within("the watch to end", watch).await.unwrap();
    assert_eq!(stage.upstream.count("slow"), ADMITTED, "one upstream call each");
    let budget = admin.budget(&id).await;
    let spent = COST * i64::try_from(ADMITTED).unwrap();
    assert_eq!((nanos(&budget["settled"]), nanos(&budget["held"])), (spent, 0));
    let receipts = user.get("/v1/receipts?limit=1000").await.ok();
    assert_eq!(receipts["data"].as_array().unwrap().len(), ADMITTED, "one receipt each");
}

/// Looks at a budget over and over until told that it is over.
async fn watch_budget(gateway: Gateway, id: String, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let budget = gateway.budget(&id).await;
        let taken = nanos(&budget["settled"]) + nanos(&budget["held"]);
        assert!(taken <= nanos(&budget["limit"]), "{budget}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is held for a request: a key with next to no budget is told.
async fn worst_case(gateway: &Gateway) -> i64 {
    let (_, poor) = gateway.key_with_budget("0.000000001").await;
    nanos(&poor.chat(&ask("slow")).await.error(429)["required"])
}

pub(crate) async fn a_killed_gateway_loses_no_money(stage: Stage) {
    let answer = Answer::text(&["one ", "two"]).cut_after(3).then(Ending::Stall);
    stage.upstream.always("talking", answer);
    let settings = [PRICES, ("DORMOUSE_REQUEST_TIMEOUT", "2s"), ("DORMOUSE_HOLD_TTL", "2500ms")];
    let gateway = stage.gateway(&settings).await;
    let (id, user) = gateway.key_with_budget("1").await;
    user.chat(&ask("echo")).await.ok();

    let mut events = user.stream(&ask_streamed("talking")).await;
    assert_eq!(events.text().await, "one ");
    assert!(nanos(&gateway.budget(&id).await["held"]) > 0);
    gateway.kill().await;
    drop(events);

    let restarted = stage.gateway(&settings).await;
    let user = user.at(&restarted);
    let budget = restarted
        .until(&format!("/v1/keys/{id}"), |key| {
            (nanos(&key["budget"]["held"]) == 0).then(|| key["budget"].clone())
        })
        .await;
    assert_eq!(nanos(&budget["settled"]), COST, "only the first answer was paid for");
    assert_eq!(nanos(&budget["remaining"]), 1_000_000_000 - COST);
    let receipts = user.get("/v1/receipts").await.ok();
    let outcomes: Vec<_> =
        receipts["data"].as_array().unwrap().iter().map(|it| it["outcome"].as_str()).collect();
    assert_eq!(outcomes, [Some("lost"), Some("completed")], "one receipt each");

    user.chat(&ask("echo")).await.ok();
    assert_eq!(nanos(&restarted.budget(&id).await["settled"]), 2 * COST);
}

pub(crate) async fn without_its_store_nobody_is_admitted(stage: Stage) {
    let gateway = stage.gateway(&[UNHURRIED]).await;
    gateway.chat(&ask("echo")).await.ok();
    stage.spoil_store();

    for body in [ask("echo"), ask_streamed("echo")] {
        assert_eq!(gateway.chat(&body).await.error(503)["code"], "store_unavailable");
    }
    assert_eq!(stage.upstream.count("echo"), 1);
    let ready = gateway.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["checks"]["store"]["status"]), (503, &json!("down")));
}

/// Decimal dollars as billionths.
pub(crate) fn nanos(dollars: &Value) -> i64 {
    let text = dollars.as_str().unwrap_or_else(|| panic!("not an amount: {dollars}"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<9}").parse().unwrap_or_else(|_| panic!("not an amount: {text}"))
}

fn dollars(nanos: i64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
