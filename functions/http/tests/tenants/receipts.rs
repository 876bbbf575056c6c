//! The receipts of a run.

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

async fn receipts(who: &Tenant, query: &str) -> Reply {
    who.ask(&Method::GET, format!("/v1/receipts{query}"), json!({})).await
}

/// The id of a run that has ended.
async fn run(who: &Tenant) -> String {
    let said = json!([{ "role": "user", "content": "Hello" }]);
    let body = json!({ "model": "m", "messages": said, "dormouse": { "mode": "loop" } });
    let reply = who.ask(&Method::POST, "/v1/chat/completions", body).await;
    reply.headers["x-dormouse-run"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_receipts_of_one_run_are_listed() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let (one, other) = (run(&acme).await, run(&acme).await);
    assert_ne!(one, other);
    for run in [one, other] {
        let listed = receipts(&acme, &format!("?run={run}")).await.json();
        let of_run = |it: &Value| (it["run"].clone(), it["step"].clone());
        let listed: Vec<_> = listed["data"].as_array().unwrap().iter().map(of_run).collect();
        assert_eq!(listed, [(json!(run), json!(0))]);
    }
}

#[tokio::test]
async fn a_run_that_waits_has_no_receipts_yet() {
    let bench = Bench::with(&[("DORMOUSE_RUNS", "0")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let body = json!({ "model": "m", "input": "Hello", "background": true });
    acme.ask(&Method::POST, "/v1/responses", body).await;
    let runs = acme.ask(&Method::GET, "/v1/runs", json!({})).await.json();
    let run = runs["data"][0]["id"].as_str().unwrap();
    let listed = receipts(&acme, &format!("?run={run}")).await;
    assert_eq!((listed.status.as_u16(), &listed.json()["data"]), (200, &json!([])));
}

#[tokio::test]
async fn another_tenants_run_is_answered_like_one_that_never_was() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let zoo = bench.tenant(&json!({ "tenant": "zoo" })).await;
    let theirs = run(&acme).await;
    let foreign = receipts(&zoo, &format!("?run={theirs}")).await;
    let never = receipts(&zoo, "?run=run_0").await;
    assert_eq!((foreign.status.as_u16(), never.status.as_u16()), (404, 404));
    assert_eq!(foreign.body.replace(&theirs, "run_0"), never.body);
    let admins = receipts(&bench.admin(), &format!("?tenant=acme&run={theirs}")).await;
    assert_eq!(admins.json()["data"][0]["run"], json!(theirs));
}

#[tokio::test]
async fn what_names_no_run_is_refused_by_name() {
    let bench = Bench::new();
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let long = format!("?run=run_{}", "0".repeat(100));
    for (query, param) in [
        ("?run=", "run"),
        ("?run=run_", "run"),
        ("?run=resp_0123", "run"),
        ("?run=run_xyz", "run"),
        (&*long, "run"),
        ("?run=run_0&before=1", "before"),
    ] {
        let reply = receipts(&acme, query).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!(param)));
    }
}
