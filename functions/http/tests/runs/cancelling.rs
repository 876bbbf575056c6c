//! Responses in the background that their caller ends.

use http::Method;
use serde_json::json;

use crate::bench::{Bench, Reply};

async fn cancel(bench: &Bench, process: usize, id: &str) -> serde_json::Value {
    let path = format!("/v1/responses/{id}/cancel");
    let cancelled = bench.ask(process, (&Method::POST, &path), None).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    cancelled.json()
}

#[tokio::test]
async fn who_cancels_ends_the_call_and_pays_for_what_was_said() {
    let bench = Bench::new([Reply::Waits]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.provider.say("Hello ");
    bench.settle().await;
    assert!(bench.provider.is_heard());
    let cancelled = cancel(&bench, 0, &id).await;
    assert_eq!(cancelled["status"], "cancelled");
    bench.settle().await;
    assert!(!bench.provider.is_heard(), "the provider is not listened to any more");
    let receipts = bench.get(0, "/v1/receipts").await.json();
    assert_eq!(receipts["data"][0]["outcome"], "aborted", "{receipts}");

    assert_eq!(cancel(&bench, 1, &id).await, cancelled, "again changes nothing");
    assert_eq!(bench.response(1, &id).await, cancelled);
    let stream = bench.get(1, &format!("/v1/responses/{id}?stream=true")).await;
    let (_, _, last) = stream.events().pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["status"]),
        (&"response.failed".into(), &"cancelled".into())
    );
    let numbers = (0_u64..).zip(stream.events());
    assert!(numbers.into_iter().all(|(number, (_, _, data))| data["sequence_number"] == number));
}

#[tokio::test]
async fn a_cancelled_response_ends_in_another_process_too() {
    let bench = Bench::new([Reply::Waits]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    assert_eq!(cancel(&bench, 1, &id).await["status"], "cancelled");
    // Whoever works on it learns that it is over when it next writes, if only a sign of life.
    bench.pass(std::time::Duration::from_secs(15)).await;
    assert!(!bench.provider.is_heard());
    assert_eq!(bench.get(0, "/v1/runs").await.json()["data"][0]["status"], "cancelled");
}

#[tokio::test]
async fn what_nobody_works_on_is_cancelled_and_never_asked() {
    let bench = Bench::set([], &[("DORMOUSE_RUNS", "0")]);
    bench.begin(0, "Hello").await;
    let run = bench.get(0, "/v1/runs").await.json()["data"][0]["id"].clone();
    let path = format!("/v1/runs/{}/cancel", run.as_str().unwrap());
    let cancelled = bench.ask(0, (&Method::POST, &path), None).await.json();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(bench.provider.asked().len(), 0);
}

#[tokio::test]
async fn what_is_over_is_not_cancelled() {
    let bench = Bench::new([Reply::Says("Hi")]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    assert_eq!(cancel(&bench, 0, &id).await["status"], "completed");
    let body = json!({ "model": "m", "input": "Hello" });
    let other = bench.post(0, "/v1/responses", &body).await.json()["id"].clone();
    let path = format!("/v1/responses/{}/cancel", other.as_str().unwrap());
    let refused = bench.ask(0, (&Method::POST, &path), None).await;
    assert_eq!(refused.status, 400, "it was never in the background: {refused:?}");
}
