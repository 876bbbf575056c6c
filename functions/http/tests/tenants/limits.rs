//! How much a tenant and a key may use in a minute.

use std::time::Duration;

use dormouse_core::ports::{Host, Write};
use futures::future::join_all;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, Tenant};

/// A provider whose answers use 11 tokens.
const CATALOG: &str = r#"
providers: [{name: lab, api: openai, base_url: "http://provider/v1"}]
models: [{name: m, provider: lab}]
tenants: [{name: acme, rate_limit_requests: 3}]
"#;
const USED: u64 = 11;

async fn chat(who: &Tenant) -> Reply {
    let body = json!({ "model": "m", "max_tokens": 8, "messages": [{ "role": "user", "content": "Hello" }] });
    who.ask(&Method::POST, "/v1/chat/completions", body).await
}

fn refused(reply: &Reply) -> Value {
    assert_eq!(reply.status, 429, "{reply:?}");
    let error = reply.json()["error"].clone();
    assert_eq!(error["code"], "rate_limited", "{error}");
    error
}

#[tokio::test]
async fn a_tenants_requests_are_counted_over_all_its_keys_and_in_all_processes() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let elsewhere = bench.beside(CATALOG, &[]);
    let one = bench.tenant(&json!({ "tenant": "acme" })).await;
    let two = bench.tenant(&json!({ "tenant": "acme" })).await.at(&elsewhere);
    let other = bench.tenant(&json!({ "tenant": "other" })).await;
    for who in [&one, &two, &one] {
        assert_eq!(chat(who).await.status, 200);
    }
    for who in [&one, &two] {
        let reply = chat(who).await;
        let error = refused(&reply);
        assert_eq!((&error["scope"], &error["unit"]), (&json!("tenant"), &json!("requests")));
        assert_eq!((&error["limit"], &error["remaining"]), (&json!(3), &json!(0)));
        assert_eq!(reply.headers["retry-after"], error["retry_after"].to_string());
        assert_eq!(reply.headers["x-ratelimit-limit-requests"], "3");
        assert_eq!(reply.headers["x-ratelimit-remaining-requests"], "0");
        assert_eq!(
            reply.headers["x-ratelimit-reset-requests"],
            format!("{}s", error["retry_after"])
        );
    }
    for _ in 0..5 {
        assert_eq!(chat(&other).await.status, 200, "no limit holds for them");
    }
}

#[tokio::test]
async fn a_limit_is_not_passed_however_many_ask_at_once() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let elsewhere = bench.beside(CATALOG, &[]);
    let one = bench.tenant(&json!({ "tenant": "acme" })).await;
    let two = one.at(&elsewhere);
    let all = (0..20).map(|number| chat(if number % 2 == 0 { &one } else { &two }));
    let answered = join_all(all).await;
    assert_eq!(answered.iter().filter(|reply| reply.status == 200).count(), 3);
    assert_eq!(answered.iter().filter(|reply| reply.status == 429).count(), 17);
}

#[tokio::test]
async fn the_next_minute_begins_anew_and_is_waited_for_no_longer_than_said() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    for minute in 0..3 {
        for _ in 0..3 {
            assert_eq!(chat(&acme).await.status, 200, "in minute {minute}");
        }
        let wait = refused(&chat(&acme).await)["retry_after"].as_u64().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        bench.host.advance(Duration::from_secs(wait));
    }
}

#[tokio::test]
async fn a_key_has_limits_of_its_own() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let order = json!({ "tenant": "other", "rate_limit_requests": 1, "rate_limit_tokens": 1000 });
    let limited = bench.tenant(&order).await;
    let free = bench.tenant(&json!({ "tenant": "other" })).await;
    assert_eq!(chat(&limited).await.status, 200);
    let error = refused(&chat(&limited).await);
    assert_eq!((&error["scope"], &error["limit"]), (&json!("key"), &json!(1)));
    assert_eq!(chat(&free).await.status, 200);
    let shown =
        bench.admin().ask(&Method::GET, format!("/v1/keys/{}", limited.id), json!({})).await;
    assert_eq!(shown.json()["rate_limit_requests"], 1);
    assert_eq!(shown.json()["rate_limit_tokens"], 1000);

    let nothing = json!({ "tenant": "other", "rate_limit_tokens": 0 });
    let reply = bench.admin().ask(&Method::POST, "/v1/keys", nothing).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["error"]["param"]),
        (400, &json!("rate_limit_tokens"))
    );
}

#[tokio::test]
async fn tokens_are_estimated_before_and_exact_after() {
    let bench = Bench::with(&[("DORMOUSE_RATE_LIMIT_TOKENS", "40")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    for _ in 0..2 {
        assert_eq!(chat(&acme).await.status, 200);
    }
    // Of the third, too much is estimated for what is left.
    let error = refused(&chat(&acme).await);
    assert_eq!((&error["unit"], &error["limit"]), (&json!("tokens"), &json!(40)));
    assert_eq!(error["remaining"], 40 - 2 * USED);
    assert!(error["required"].as_u64().unwrap() > 40 - 2 * USED, "{error}");
}

#[tokio::test]
async fn a_request_that_is_larger_than_the_limit_has_a_minute_to_itself() {
    let bench = Bench::with(&[("DORMOUSE_RATE_LIMIT_TOKENS", "10")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    assert_eq!(chat(&acme).await.status, 200);
    assert_eq!(refused(&chat(&acme).await)["remaining"], 0);
    bench.host.advance(Duration::from_secs(60));
    assert_eq!(chat(&acme).await.status, 200);
}

#[tokio::test]
async fn a_stored_limit_counts_at_once() {
    let bench = Bench::with_catalog(CATALOG, &[]);
    let admin = bench.tenant(&json!({ "tenant": "acme", "admin": true })).await;
    for _ in 0..3 {
        assert_eq!(chat(&admin).await.status, 200);
    }
    refused(&chat(&admin).await);
    let more = json!({ "rate_limit_requests": 4 });
    assert_eq!(admin.ask(&Method::PUT, "/v1/tenant/config", more).await.status, 200);
    assert_eq!(chat(&admin).await.status, 200);
    assert_eq!(refused(&chat(&admin).await)["limit"], 4);
}

#[tokio::test]
async fn t_19_each_dialect_tells_ours_from_the_providers() {
    let bench = Bench::with(&[("DORMOUSE_RATE_LIMIT_REQUESTS", "1")]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    let hello = json!([{ "role": "user", "content": "Hello" }]);
    let ask = |path: &'static str, body: Value| {
        let version = HeaderName::from_static("anthropic-version");
        let headers = vec![(version, HeaderValue::from_static("2023-06-01"))];
        acme.ask_with(&Method::POST, path, headers, body.to_string())
    };
    assert_eq!(chat(&acme).await.status, 200);
    let body = json!({ "model": "m", "max_tokens": 9, "messages": hello });
    let reply = ask("/v1/messages", body.clone()).await;
    let error = reply.json()["error"].clone();
    assert_eq!((reply.status.as_u16(), &error["type"]), (429, &json!("rate_limit_error")));
    assert_eq!(error["details"]["code"], "rate_limited");
    assert_eq!(
        (&error["details"]["scope"], &error["details"]["limit"]),
        (&json!("tenant"), &json!(1))
    );
    assert_eq!(reply.headers["anthropic-ratelimit-requests-limit"], "1");
    assert_eq!(reply.headers["anthropic-ratelimit-requests-remaining"], "0");
    let reset = reply.headers["anthropic-ratelimit-requests-reset"].to_str().unwrap();
    assert!(reset.starts_with("2027-") && reset.ends_with(":00Z"), "{reset}");
    let reply = ask("/v1/responses", json!({ "model": "m", "input": "Hello" })).await;
    assert_eq!(refused(&reply)["unit"], "requests");

    bench.host.advance(Duration::from_secs(60));
    bench.provider.fails_once(429, r#"{"error":{"message":"slow down"}}"#);
    let reply = ask("/v1/chat/completions", body).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["error"]["code"]),
        (429, &json!("upstream_rate_limited"))
    );
    assert!(!reply.headers.contains_key("x-ratelimit-limit-requests"), "{reply:?}");
}

#[tokio::test]
async fn what_is_limited_is_counted_in_the_commit_of_the_hold_and_nothing_else_is_written() {
    let bench = Bench::with(&[
        ("DORMOUSE_RATE_LIMIT_REQUESTS", "9"),
        ("DORMOUSE_RATE_LIMIT_TOKENS", "900"),
    ]);
    let acme = bench.tenant(&json!({ "tenant": "acme" })).await;
    chat(&acme).await;
    bench.records.commits();
    chat(&acme).await;
    let commits = bench.records.commits();
    let collections = |commit: &dormouse_core::ports::Commit| -> Vec<String> {
        commit.writes.iter().map(|write| write.target().0.to_owned()).collect()
    };
    let written: Vec<_> = commits.iter().map(collections).collect();
    assert_eq!(written, [vec!["holds", "rates", "rates"], vec!["holds", "receipts", "rates"]]);

    // The counters go by themselves: the first call of a minute says when.
    bench.host.advance(Duration::from_secs(60));
    chat(&acme).await;
    let opened = bench.records.commits().remove(0);
    for write in &opened.writes {
        let Write::Put { expires_at: Some(expiry), .. } = write else { panic!("{write:?}") };
        let left = expiry.0 - bench.host.now().0;
        assert!((60_000..=120_000).contains(&left), "{left}");
    }

    let free = Bench::with(&[]);
    let acme = free.tenant(&json!({ "tenant": "acme" })).await;
    free.records.commits();
    chat(&acme).await;
    let written: Vec<_> = free.records.commits().iter().map(collections).collect();
    assert_eq!(written, [vec!["holds"], vec!["holds", "receipts"]], "where nothing is limited");
}
