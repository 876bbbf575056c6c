//! When another candidate is asked.

use dormouse_core::{
    Code,
    accounting::Outcome,
    chat::{Image, Message, Part, Role, Whole},
    gateway::Origin,
    money::NanoDollars,
};

use crate::bench::{Bench, ROLE, Reply, hello};

const TWO: &str = "
providers:
  - {name: first, api: openai, base_url: http://first/v1}
  - {name: second, api: openai, base_url: http://second/v1}
models:
  - {name: a, provider: first, price: {input: 1, output: 10}, capabilities: {vision: false}}
  - {name: b, provider: second, upstream_model: bee, price: {input: 2, output: 20}}
logical_models:
  - name: both
    strategy: priority
    candidates: [{model: a}, {model: b}]
    fallback: {on: [transport, rate_limit, server_error, context_overflow]}
  - name: stubborn
    strategy: priority
    candidates: [{model: a}, {model: b}]
    fallback: {on: [transport], max_attempts: 2}
";

fn text(whole: &Whole) -> String {
    let parts = &whole.choices[&0].parts;
    let text = |part: &Part| match part {
        Part::Text { text, .. } => text.clone(),
        _ => String::new(),
    };
    parts.iter().map(text).collect()
}

#[tokio::test]
async fn another_model_answers_where_one_fails_and_each_call_has_its_receipt() {
    let failures = [
        Reply::Unreachable,
        Reply::Status(429, Some(7), "{}"),
        Reply::Status(500, None, "{}"),
        Reply::Status(503, None, "{}"),
        Reply::Status(
            400,
            None,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
        ),
    ];
    for failure in failures {
        let bench = Bench::new(TWO);
        bench.script("first", [failure.clone()]);

        let whole = bench.answer("both").await.unwrap();

        assert_eq!(text(&whole), "yes", "{failure:?}");
        let calls = bench.calls();
        assert_eq!((&*calls[0].host, &*calls[1].host), ("first", "second"), "{failure:?}");
        assert_eq!(calls[1].body["model"], "bee", "each is asked by the name it knows");
        let mut receipts = bench.receipts().await;
        receipts.sort_by_key(|receipt| receipt.model.clone());
        let [refused, answered] = receipts.try_into().unwrap();
        assert_eq!((&*refused.model, &*refused.provider), ("a", "first"));
        assert_eq!((refused.outcome, refused.cost), (Outcome::Failed, NanoDollars(0)));
        assert_eq!((&*answered.model, &*answered.provider), ("b", "second"));
        assert_eq!(answered.cost, NanoDollars(10 * 2_000 + 20_000), "at the price of who answered");
        assert_eq!(bench.held().await, NanoDollars(0));
    }
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_told_at_once_and_in_the_providers_words() {
    let bench = Bench::new(TWO);
    bench.script("first", [Reply::Status(400, None, r#"{"error":{"message":"no such thing"}}"#)]);

    let error = bench.answer("both").await.unwrap_err();

    assert_eq!((error.code(), error.message()), (Code::UpstreamRejected, "no such thing"));
    assert_eq!(bench.called(), ["first"]);
}

#[tokio::test]
async fn only_failures_that_the_catalog_names_lead_on() {
    let bench = Bench::new(TWO);
    bench.script("first", [Reply::Status(500, None, r#"{"error":{"message":"oh"}}"#)]);
    assert_eq!(bench.answer("stubborn").await.unwrap_err().message(), "oh");
    assert_eq!(bench.called(), ["first"]);
}

#[tokio::test]
async fn when_all_fail_the_last_error_is_told() {
    let bench = Bench::new(TWO);
    bench.script("first", [Reply::Unreachable]);
    bench.script("second", [Reply::Status(503, Some(9), r#"{"error":{"message":"full"}}"#)]);
    let error = bench.answer("both").await.unwrap_err();
    assert_eq!(error.message(), "full");
    assert_eq!(error.delay().unwrap().as_secs(), 9);
    assert_eq!(bench.receipts().await.len(), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_before_anything_was_said_is_given_by_another_and_nobody_sees_it() {
    let bench = Bench::new(TWO);
    bench.script("first", [Reply::Breaks(ROLE)]);

    let whole = bench.answer("both").await.unwrap();

    assert_eq!(text(&whole), "yes");
    let receipts = bench.receipts().await;
    let broken = receipts.iter().find(|receipt| receipt.model == "a").unwrap();
    assert!(broken.cost > NanoDollars(0), "the provider may have worked for it");
}

#[tokio::test]
async fn an_answer_that_breaks_later_ends_in_an_error() {
    const BEGUN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ye\"}}]}\n\n";
    let bench = Bench::new(TWO);
    bench.script("first", [Reply::Breaks(BEGUN)]);
    let error = bench.answer("both").await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert_eq!(bench.called(), ["first"]);
}

#[tokio::test]
async fn a_budget_that_is_enough_for_one_model_is_not_overdrawn_by_the_next() {
    // The worst case at `a` is some 1.1 million nano-dollars, at `b` twice as much.
    let bench = Bench::new(TWO).with_budget(NanoDollars(1_500_000));
    bench.script("first", [Reply::Unreachable]);

    let error = bench.answer("both").await.unwrap_err();

    assert_eq!(error.code(), Code::OverBudget);
    assert_eq!(bench.called(), ["first"]);
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_candidate_that_lacks_what_the_request_needs_is_not_asked() {
    let bench = Bench::new(TWO);
    let picture =
        Part::Image(Image { url: "data:image/png;base64,AA==".into(), ..Image::default() });
    let mut request = hello("both");
    request.messages.push(Message { parts: vec![picture], ..Message::text(Role::User, "") });

    bench.ask_with(request.clone(), Origin::default()).await.unwrap();
    assert_eq!(bench.called(), ["second"]);

    request.model = "a".into();
    let error = bench.ask_with(request, Origin::default()).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("messages")));
    assert!(error.message().contains("vision"), "{error}");
    assert!(bench.called().is_empty());
}
