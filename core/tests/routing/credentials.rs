//! Several credentials of one provider, and providers that fail again and again.

use std::time::Duration;

use dormouse_core::Code;

use crate::bench::{Bench, Reply};

const KEYS: &str = "
providers:
  - name: only
    api: openai
    base_url: http://only/v1
    credential_strategy: STRATEGY
    credentials:
      - {name: one, secret: '${ONE}'}
      - {name: two, secret: '${TWO}'}
models:
  - {name: a, provider: only}
";

const SPARE: &str = "
providers:
  - {name: first, api: openai, base_url: http://first/v1}
  - {name: second, api: openai, base_url: http://second/v1}
models:
  - {name: a, provider: first}
  - {name: b, provider: second}
logical_models:
  - {name: both, strategy: priority, candidates: [{model: a}, {model: b}]}
  - {name: best, strategy: auto, candidates: [{model: a}, {model: b}]}
";

fn keys(strategy: &str) -> Bench {
    Bench::new(&KEYS.replace("STRATEGY", strategy))
}

async fn used(bench: &Bench, times: usize) -> Vec<String> {
    for _ in 0..times {
        bench.answer("a").await.unwrap();
    }
    bench.calls().into_iter().map(|call| call.credential.unwrap()).collect()
}

#[tokio::test]
async fn round_robin_takes_turns_as_the_weights_say() {
    let bench = keys("round_robin");
    assert_eq!(used(&bench, 4).await, ["sk-ONE", "sk-TWO", "sk-ONE", "sk-TWO"]);

    let weighted =
        KEYS.replace("STRATEGY", "round_robin").replace("'${TWO}'", "'${TWO}', weight: 3");
    let used = used(&Bench::new(&weighted), 8).await;
    assert_eq!(used.iter().filter(|credential| *credential == "sk-TWO").count(), 6);
}

#[tokio::test]
async fn fill_first_stays_with_the_first_until_it_is_limited() {
    let bench = keys("fill_first");
    bench.script("only", [Reply::Says("yes"), Reply::Status(429, Some(30), "{}")]);
    assert_eq!(
        used(&bench, 3).await,
        ["sk-ONE", "sk-ONE", "sk-TWO", "sk-TWO"],
        "the limited call is made again with the other credential"
    );
    bench.host.advance(Duration::from_secs(30));
    assert_eq!(used(&bench, 1).await, ["sk-ONE"], "the limit is over");
}

#[tokio::test]
async fn a_credential_that_is_refused_is_not_shown_again() {
    let bench = keys("fill_first");
    bench.script("only", [Reply::Status(401, None, "{}")]);
    assert_eq!(used(&bench, 3).await, ["sk-ONE", "sk-TWO", "sk-TWO", "sk-TWO"]);
}

#[tokio::test]
async fn when_every_credential_is_limited_the_caller_learns_for_how_long_and_nobody_is_asked() {
    let bench = keys("fill_first");
    bench.script("only", [Reply::Status(429, Some(40), "{}"), Reply::Status(429, Some(20), "{}")]);
    assert_eq!(bench.answer("a").await.unwrap_err().code(), Code::UpstreamRateLimited);
    assert_eq!(bench.called().len(), 2);

    let error = bench.answer("a").await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert_eq!(error.delay(), Some(Duration::from_secs(20)));
    assert!(bench.called().is_empty());
    assert_eq!(bench.receipts().await.len(), 2, "nobody was asked, so there is nothing to receipt");
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_and_then_tried_once() {
    let bench = Bench::new(SPARE);
    bench.script("first", vec![Reply::Status(500, None, "{}"); 6]);
    for _ in 0..5 {
        bench.answer("both").await.unwrap();
    }
    assert_eq!(bench.called().len(), 10, "five failures, each followed by the other's answer");

    bench.answer("both").await.unwrap();
    assert_eq!(bench.called(), ["second"], "the circuit is open");

    bench.host.advance(Duration::from_secs(1));
    bench.answer("both").await.unwrap();
    assert_eq!(bench.called(), ["first", "second"], "one probe, which fails");
    bench.answer("both").await.unwrap();
    assert_eq!(bench.called(), ["second"], "the circuit is open for longer");

    bench.host.advance(Duration::from_secs(2));
    bench.answer("both").await.unwrap();
    bench.answer("both").await.unwrap();
    assert_eq!(bench.called(), ["first", "first"], "the probe was answered");
}

#[tokio::test]
async fn auto_asks_whoever_is_well_first() {
    let bench = Bench::new(SPARE);
    bench.script("first", [Reply::Status(429, Some(60), "{}")]);
    bench.answer("best").await.unwrap();
    assert_eq!(bench.called(), ["first", "second"]);
    bench.answer("best").await.unwrap();
    assert_eq!(bench.called(), ["second"]);
    bench.host.advance(Duration::from_secs(60));
    bench.answer("best").await.unwrap();
    assert_eq!(bench.called(), ["first"]);
}
