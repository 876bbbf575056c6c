//! A response in the background, from its beginning to its end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, Reply, text};

#[tokio::test]
async fn a_background_response_is_queued_at_once_and_answered_without_its_caller() {
    let bench = Bench::new([Reply::Says("Hello you there")]);
    let body = json!({ "model": "m", "input": "Hello", "background": true });
    let queued = bench.post(0, "/v1/responses", &body).await.json();
    assert_eq!((&queued["status"], &queued["background"]), (&"queued".into(), &true.into()));
    assert_eq!((&queued["output"], &queued["usage"]), (&json!([]), &Value::Null));
    bench.settle().await;

    let id = queued["id"].as_str().unwrap();
    for process in 0..2 {
        let response = bench.response(process, id).await;
        assert_eq!(response["status"], "completed", "{response}");
        assert_eq!(text(&response), "Hello you there");
        assert_eq!(response["usage"]["total_tokens"], 11);
        for field in ["id", "created_at", "background", "model"] {
            assert_eq!(response[field], queued[field], "{field}");
        }
    }
    let asked = bench.provider.asked();
    assert_eq!(asked.len(), 1, "the model is asked once");
    assert_eq!(asked[0]["background"], Value::Null, "and not told of it");
    assert_eq!(asked[0]["stream"], true);
    let receipts = bench.get(0, "/v1/receipts").await.json();
    assert_eq!(receipts["data"].as_array().unwrap().len(), 1);
    assert_eq!(receipts["data"][0]["outcome"], "completed");
    let run = bench.get(0, "/v1/runs").await.json()["data"][0]["id"].clone();
    assert_eq!((&receipts["data"][0]["run"], &receipts["data"][0]["step"]), (&run, &0.into()));
    let path = format!("/v1/receipts?run={}", run.as_str().unwrap());
    assert_eq!(bench.get(1, &path).await.json(), receipts, "it is found by its run");
}

#[tokio::test]
async fn a_background_response_is_like_any_other_when_it_is_there() {
    let bench = Bench::new([Reply::Says("First")]);
    let id = bench.begin(0, "Hello").await;
    let items = format!("/v1/responses/{id}/input_items");
    let early = bench.get(0, &items).await.json();
    bench.settle().await;
    assert_eq!(bench.get(0, &items).await.json(), early, "what was asked is known from the start");
    assert_eq!(early["data"][0]["content"][0]["text"], "Hello");

    let body = json!({ "model": "m", "input": "And now?", "previous_response_id": id });
    let next = bench.post(1, "/v1/responses", &body).await;
    assert_eq!(next.status, 200, "{next:?}");
    let told = bench.provider.asked()[1]["messages"].to_string();
    assert!(told.contains("Hello") && told.contains("First"), "{told}");

    let path = format!("/v1/responses/{id}");
    let deleted = bench.ask(0, (&http::Method::DELETE, &path), None).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(bench.get(0, &path).await.status, 404);
    assert_eq!(bench.get(0, "/v1/runs").await.json()["data"], json!([]), "its run went with it");
}

#[tokio::test]
async fn a_run_tells_how_it_is_doing() {
    let bench = Bench::new([Reply::Waits]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    assert_eq!(bench.response(1, &id).await["status"], "in_progress");
    let run = bench.get(1, "/v1/runs").await.json()["data"][0].clone();
    assert_eq!((&run["status"], &run["response"]), (&"running".into(), &Value::from(&*id)));
    bench.provider.say("Hi");
    bench.provider.end();
    bench.settle().await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let ended = bench.get(1, &path).await.json();
    assert_eq!((&ended["status"], &ended["attempts"]), (&"completed".into(), &1.into()));
}

#[tokio::test]
async fn calls_of_the_callers_tools_are_handed_back() {
    let bench = Bench::new([Reply::Calls("look")]);
    let tool = json!({ "type": "function", "name": "look", "parameters": { "type": "object" } });
    let body = json!({ "model": "m", "input": "Look", "tools": [tool], "background": true });
    let id = bench.post(0, "/v1/responses", &body).await.json()["id"].clone();
    bench.settle().await;
    let response = bench.response(0, id.as_str().unwrap()).await;
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"][0]["name"], "look");
    assert_eq!(bench.get(0, "/v1/runs").await.json()["data"][0]["status"], "handed_back");
}

#[tokio::test]
async fn what_a_provider_refuses_has_failed() {
    let bench = Bench::new([Reply::Status(400)]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    let response = bench.response(0, &id).await;
    assert_eq!(response["status"], "failed", "{response}");
    assert!(response["error"]["message"].is_string(), "{response}");
    let run = bench.get(0, "/v1/runs").await.json()["data"][0].clone();
    assert_eq!(
        (&run["status"], &run["error"]["code"]),
        (&"failed".into(), &"upstream_rejected".into())
    );
    let events = bench.get(0, &format!("/v1/responses/{id}?stream=true")).await;
    assert_eq!(events.kinds(), ["created", "queued", "in_progress", "failed"]);
}

#[tokio::test]
async fn what_may_be_answered_later_is_tried_again() {
    let bench = Bench::new([Reply::Status(503), Reply::Status(429), Reply::Says("Hi")]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    assert_eq!(bench.response(0, &id).await["status"], "queued");
    bench.pass(Duration::from_secs(60)).await;
    let response = bench.response(0, &id).await;
    assert_eq!((&response["status"], &*text(&response)), (&"completed".into(), "Hi"));
    assert_eq!(bench.provider.asked().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_in_the_background_is_refused_by_name() {
    let bench = Bench::new([]);
    let asked = |more: Value| {
        let mut body = json!({ "model": "m", "input": "Hello", "background": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for more in [json!({ "store": false }), json!({ "session_id": "monday" })] {
        let refused = bench.post(0, "/v1/responses", &asked(more)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.json()["error"]["param"], "background", "{refused:?}");
    }
    let forgetful = Bench::set([], &[("DORMOUSE_RESPONSES_RETENTION", "0s")]);
    let refused = forgetful.post(0, "/v1/responses", &asked(json!({}))).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["param"]),
        (400, &"background".into())
    );
    assert_eq!(bench.provider.asked().len(), 0);
}

#[tokio::test]
async fn a_process_works_on_as_many_as_it_may() {
    let waits = std::iter::repeat_n(Reply::Waits, 3);
    let mut bench = Bench::set(waits, &[("DORMOUSE_RUNS", "2")]);
    bench.kill(1);
    for _ in 0..3 {
        bench.begin(0, "Hello").await;
    }
    bench.pass(Duration::from_secs(20)).await;
    assert_eq!(bench.provider.asked().len(), 2);
    bench.provider.end();
    bench.settle().await;
    assert_eq!(bench.provider.asked().len(), 3, "who is done takes the next");
}

#[tokio::test]
async fn a_process_may_leave_the_work_to_others() {
    let bench = Bench::set([], &[("DORMOUSE_RUNS", "0")]);
    let id = bench.begin(0, "Hello").await;
    bench.pass(Duration::from_secs(60)).await;
    assert_eq!(bench.response(0, &id).await["status"], "queued");
    assert_eq!(bench.provider.asked().len(), 0);
}
