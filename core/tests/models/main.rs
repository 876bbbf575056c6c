//! Models that sleep, as callers of the gateway see them.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod bench;

use std::{sync::Arc, time::Duration};

use bench::{Bench, Providers, streamed, whole};
use dormouse_core::{
    Code,
    accounting::Outcome,
    gateway::{Gateway, Ports},
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ModelServers, ServerState},
    settings::Settings,
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, future::join_all};
use serde_json::{Value, json};

#[tokio::test]
async fn one_wake_answers_everybody_and_nobody_needs_a_worker() {
    let bench = Bench::new(|servers| servers);
    bench.servers.hold("tiny");
    let mut asking = Box::pin(join_all((0..50).map(|_| bench.chat(&streamed("tiny")))));
    assert!(bench.waits(&mut asking).await, "the model wakes");

    bench.servers.let_go("tiny");

    for answer in bench.run(asking).await {
        bench.finish(answer.unwrap()).await;
    }
    assert_eq!(bench.servers.starts("tiny"), 1);
    assert_eq!(bench.askings(), 50);
}

#[tokio::test]
async fn a_local_model_is_asked_without_what_is_meant_for_the_upstream() {
    let bench = Bench::new(|servers| servers);
    for model in ["tiny", "elsewhere"] {
        bench.finish(bench.run(bench.chat(&streamed(model))).await.unwrap()).await;
    }
    let asked = bench.http.asked.lock().unwrap();
    assert_eq!(asked[0].uri(), "http://127.0.0.1:9001/v1/chat/completions");
    assert_eq!(asked[1].uri(), "http://far.invalid/v1/chat/completions");
    for header in ["authorization", "x-secret"] {
        assert!(!asked[0].headers().contains_key(header), "{header} is for the upstream");
        assert!(asked[1].headers().contains_key(header));
    }
}

#[tokio::test]
async fn who_leaves_while_the_model_wakes_pays_nothing_and_the_wake_goes_on() {
    let bench = Bench::new(|servers| servers);
    bench.servers.hold("tiny");
    let mut asking = bench.chat(&streamed("tiny"));
    assert!(bench.waits(&mut asking).await);
    assert!(bench.held().await > NanoDollars(0));
    bench.host.advance(Duration::from_secs(3));

    drop(asking);

    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Aborted, NanoDollars(0)));
    assert_eq!(receipt.usage.total(), 0);
    assert_eq!(receipt.wake_ms, Some(3000));
    assert_eq!(bench.held().await, NanoDollars(0));
    assert_eq!(bench.askings(), 0);
    bench.servers.let_go("tiny");
    assert_eq!(bench.state("tiny").await, ServerState::Warm);
}

#[tokio::test]
async fn a_whole_request_is_told_its_place_and_how_long_the_model_will_take() {
    let bench = Bench::new(|servers| servers.expect_wakes_of(Duration::from_secs(80)));
    bench.servers.hold("tiny");
    let mut first = bench.chat(&streamed("tiny"));
    assert!(bench.waits(&mut first).await);
    let mut second = bench.chat(&whole("tiny"));
    assert!(bench.waits(&mut second).await);
    bench.servers.progress("tiny", 0.75);

    bench.host.advance(Duration::from_secs(60));

    let error = bench.run(second).await.unwrap_err();
    assert_eq!(error.code(), Code::ModelWaking);
    assert_eq!(error.delay(), Some(Duration::from_secs(20)), "a quarter of the usual time is left");
    let details = Value::Object(error.details().unwrap().clone());
    assert_eq!(details, json!({ "state": "waking", "position": 2, "estimate_seconds": 20.0 }));
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Failed, NanoDollars(0)));
    assert_eq!(receipt.error.as_deref(), Some("model_waking"));

    bench.servers.let_go("tiny");
    assert!(bench.run(first).await.is_ok(), "a streamed request waits on");
}

#[tokio::test]
async fn who_comes_late_to_a_wake_is_told_what_is_left_of_it() {
    let bench = Bench::new(|servers| servers.expect_wakes_of(Duration::from_secs(80)));
    bench.servers.hold("tiny");
    let mut first = bench.chat(&streamed("tiny"));
    assert!(bench.waits(&mut first).await);
    bench.host.advance(Duration::from_secs(10));
    let mut late = bench.chat(&whole("tiny"));
    assert!(bench.waits(&mut late).await);

    bench.host.advance(Duration::from_secs(60));

    let error = bench.run(late).await.unwrap_err();
    assert_eq!(error.delay(), Some(Duration::from_secs(10)), "80 s usually, for 70 s already");
}

#[tokio::test]
async fn a_call_whose_server_died_before_it_was_asked_shows_all_its_wakes() {
    let bench = Bench::new(|servers| servers);
    bench.servers.hold("tiny");
    let mut asking = bench.chat(&streamed("tiny"));
    assert!(bench.waits(&mut asking).await);
    bench.host.advance(Duration::from_millis(1500));
    *bench.http.gone.lock().unwrap() = 1;
    bench.servers.let_go("tiny");
    assert!(bench.waits(&mut asking).await, "for a moment, in which the death is noticed");
    bench.servers.release("tiny").await.unwrap();
    bench.servers.hold("tiny");
    bench.host.advance(Duration::from_millis(10));
    assert!(bench.waits(&mut asking).await, "for the second wake");
    bench.host.advance(Duration::from_millis(700));
    bench.servers.let_go("tiny");

    bench.finish(bench.run(asking).await.unwrap()).await;

    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.wake_ms), (Outcome::Completed, Some(2200)));
    assert_eq!((bench.servers.starts("tiny"), bench.askings()), (2, 2));
}

#[tokio::test]
async fn a_whole_request_has_one_patience_for_all_its_wakes() {
    let bench = Bench::new(|servers| servers);
    bench.servers.hold("tiny");
    let mut asking = bench.chat(&whole("tiny"));
    assert!(bench.waits(&mut asking).await);
    bench.host.advance(Duration::from_secs(40));
    *bench.http.gone.lock().unwrap() = 1;
    bench.servers.let_go("tiny");
    assert!(bench.waits(&mut asking).await);
    bench.servers.release("tiny").await.unwrap();
    bench.servers.hold("tiny");
    bench.host.advance(Duration::from_millis(10));
    assert!(bench.waits(&mut asking).await);

    bench.host.advance(Duration::from_secs(20));

    let error = bench.run(asking).await.unwrap_err();
    assert_eq!(error.code(), Code::ModelWaking, "after 60 s, however many wakes these were");
    assert_eq!(bench.receipt().await.wake_ms, Some(60_000));
}

#[tokio::test]
async fn the_time_of_the_wake_is_in_the_receipt() {
    let bench = Bench::new(|servers| servers);
    bench.servers.hold("tiny");
    let mut asking = bench.chat(&streamed("tiny"));
    assert!(bench.waits(&mut asking).await);
    bench.host.advance(Duration::from_millis(1500));
    bench.servers.let_go("tiny");

    bench.finish(bench.run(asking).await.unwrap()).await;

    let receipt = bench.receipt().await;
    assert_eq!(receipt.outcome, Outcome::Completed);
    assert_eq!(receipt.wake_ms, Some(1500));
    assert!(receipt.cost > NanoDollars(0), "a priced model costs, wherever it runs");
}

#[tokio::test]
async fn the_receipt_of_an_upstreams_call_knows_no_wake() {
    let bench = Bench::new(|servers| servers);
    bench.finish(bench.run(bench.chat(&streamed("far"))).await.unwrap()).await;
    assert_eq!(bench.receipt().await.wake_ms, None);
}

#[tokio::test]
async fn a_conversation_meets_its_slot_again() {
    let bench = Bench::new(|servers| servers.slots(4));
    let first = bench.run(bench.chat_in(Some("a"), &streamed("tiny"))).await.unwrap();
    let second = bench.run(bench.chat_in(Some("b"), &streamed("tiny"))).await.unwrap();
    bench.finish(first).await;
    bench.finish(second).await;
    bench.finish(bench.run(bench.chat_in(Some("b"), &streamed("tiny"))).await.unwrap()).await;

    assert_eq!((&bench.sent(0)["id_slot"], &bench.sent(1)["id_slot"]), (&json!(0), &json!(1)));
    assert_eq!(bench.sent(2)["id_slot"], 1);
    bench.finish(bench.run(bench.chat_in(Some("b"), &streamed("far"))).await.unwrap()).await;
    assert_eq!(bench.sent(3).get("id_slot"), None, "an upstream has no such slots");
}

#[tokio::test]
async fn a_tool_that_must_be_called_is_the_only_one_that_a_model_of_this_machine_sees() {
    let bench = Bench::new(|servers| servers.slots(4));
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let mut asked = streamed("tiny");
    asked["tools"] = json!([tool("sleep"), tool("eat")]);
    asked["tool_choice"] = tool("eat");
    asked["odd"] = json!(1);
    bench.finish(bench.run(bench.chat(&asked)).await.unwrap()).await;
    let sent = bench.sent(0);
    assert_eq!((&sent["tools"], &sent["tool_choice"]), (&json!([tool("eat")]), &json!("required")));
    assert_eq!(sent["odd"], 1, "nothing else is lost");

    asked["model"] = json!("far");
    bench.finish(bench.run(bench.chat(&asked)).await.unwrap()).await;
    assert_eq!(bench.sent(1)["tool_choice"], tool("eat"), "others know what they are told");
}

#[tokio::test]
async fn the_model_is_kept_until_the_answer_ends_or_is_given_up() {
    let bench = Bench::new(|servers| servers);
    let active = || async { bench.servers.state("tiny").await.unwrap().active };
    let given_up = bench.run(bench.chat(&streamed("tiny"))).await.unwrap();
    let mut read = bench.run(bench.chat(&streamed("tiny"))).await.unwrap();
    assert_eq!(active().await, 2);

    drop(given_up);
    bench.host.run_spawned().await;
    assert_eq!(active().await, 1);
    while let Some(chunk) = bench.run(read.chunks.next()).await {
        chunk.unwrap();
    }
    assert_eq!(active().await, 0, "freed by the end, not when the stream is dropped");
}

#[tokio::test]
async fn a_line_is_only_so_long() {
    let bench = Bench::with(|servers| servers, &[("DORMOUSE_MODEL_QUEUE", "3")]);
    bench.servers.hold("tiny");
    let mut waiting: Vec<_> = (0..3).map(|_| bench.chat(&streamed("tiny"))).collect();
    for asking in &mut waiting {
        assert!(bench.waits(asking).await);
    }

    let error = bench.run(bench.chat(&streamed("tiny"))).await.unwrap_err();

    assert_eq!(error.code(), Code::Busy);
    assert!(error.delay().is_some());
    assert!(
        bench.run(bench.chat(&streamed("big"))).await.is_ok(),
        "each model has a line of its own"
    );
}

#[tokio::test]
async fn a_broken_model_says_why_and_costs_nothing() {
    let bench = Bench::new(|servers| servers);
    bench.servers.break_down("tiny", "cannot read the file");

    let error = bench.run(bench.chat(&streamed("tiny"))).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().contains("cannot read the file"), "{error}");
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Failed, NanoDollars(0)));
}

#[tokio::test]
async fn a_server_that_died_before_it_was_asked_is_woken_again_but_not_for_ever() {
    let bench = Bench::new(|servers| servers);
    *bench.http.gone.lock().unwrap() = 2;
    let mut asking = bench.chat(&streamed("tiny"));
    for _ in 0..2 {
        assert!(bench.waits(&mut asking).await, "its supervisor is given a moment");
        bench.host.advance(Duration::from_secs(1));
    }
    bench.finish(bench.run(asking).await.unwrap()).await;
    assert_eq!(bench.receipt().await.outcome, Outcome::Completed);

    *bench.http.gone.lock().unwrap() = u32::MAX;
    let mut asking = bench.chat(&streamed("tiny"));
    for _ in 0..3 {
        assert!(bench.waits(&mut asking).await);
        bench.host.advance(Duration::from_secs(1));
    }
    let error = bench.run(asking).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnreachable);
}

#[tokio::test]
async fn local_models_are_listed_with_their_state_before_the_upstreams() {
    let bench = Bench::new(|servers| servers);
    bench.servers.break_down("big", "no memory");
    bench.run(bench.chat(&streamed("big"))).await.unwrap_err();

    let models = bench.gateway.models().await.unwrap();

    let names: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(names, ["big", "tiny", "far"], "a local model hides the upstream's namesake");
    assert_eq!(models[0].description["dormouse"]["state"], "failed");
    assert_eq!(models[0].description["dormouse"]["reason"], "no memory");
    assert_eq!(models[1].description["dormouse"]["state"], "cold");
    *bench.http.gone.lock().unwrap() = 1;
    let names = bench.gateway.models().await.unwrap().len();
    assert_eq!(names, 2, "an upstream that is down takes only its own models away");
}

#[tokio::test]
async fn a_gateway_with_models_needs_no_upstream_and_no_model_that_works() {
    let bench = Bench::with(|servers| servers, &[]);
    bench.servers.break_down("tiny", "no memory");
    bench.run(bench.chat(&streamed("tiny"))).await.unwrap_err();

    let readiness = bench.gateway.readiness().await;

    assert!(readiness.is_ready(), "{readiness:?}");
    let names: Vec<_> = readiness.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["store", "models"]);
    assert_eq!(readiness.checks[1].servers.as_ref().unwrap().len(), 2);
    let error = bench.run(bench.chat(&streamed("elsewhere"))).await.unwrap_err();
    assert_eq!(error.code(), Code::ModelNotFound);
}

#[tokio::test]
async fn models_are_woken_and_released_by_hand() {
    let bench = Bench::new(|servers| servers);
    assert_eq!(bench.gateway.wake("tiny").await.unwrap().state, ServerState::Warm);
    assert_eq!(bench.gateway.release("tiny").await.unwrap().state, ServerState::Cold);
    let error = bench.gateway.wake("elsewhere").await.unwrap_err();
    assert_eq!(error.code(), Code::ModelNotFound);

    bench.servers.hold("tiny");
    let mut waking = Box::pin(bench.gateway.wake("tiny"));
    assert!(bench.waits(&mut waking).await);
    bench.host.advance(Duration::from_secs(60));
    assert_eq!(waking.await.unwrap_err().code(), Code::ModelWaking);
}

#[tokio::test]
async fn the_figures_tell_of_waits_queues_and_caches() {
    let bench = Bench::new(|servers| servers);
    bench.finish(bench.run(bench.chat(&streamed("tiny"))).await.unwrap()).await;
    bench.servers.hold("big");
    let mut waiting = bench.chat(&streamed("big"));
    assert!(bench.waits(&mut waiting).await);

    let figures = bench.gateway.figures().await.unwrap();

    for line in [
        r#"dormouse_model_wait_seconds_count{gen_ai_request_model="tiny"} 1"#,
        r#"dormouse_model_queue{gen_ai_request_model="big"} 1"#,
        "dormouse_models_loaded 1",
        r#"dormouse_cached_input_ratio{gen_ai_request_model="tiny"} 0.75"#,
    ] {
        assert!(figures.contains(line), "{line} is not in\n{figures}");
    }
}

#[test]
fn a_host_that_starts_no_processes_refuses_models() {
    let host = Arc::new(TestHost::new());
    let settings =
        Settings::read(|name| (name == "DORMOUSE_MODELS").then(|| "tiny.gguf".to_owned()));
    let ports = Ports {
        host: host.clone(),
        http: Arc::new(Providers::default()),
        records: Arc::new(MemoryRecords::new(host)),
        models: None,
        blobs: None,
        tools: Default::default(),
    };
    let error = Gateway::new(settings.unwrap(), ports).unwrap_err();
    assert_eq!(error.param(), Some("DORMOUSE_MODELS"));
}
