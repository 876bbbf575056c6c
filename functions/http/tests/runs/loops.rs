//! Runs of several steps that go on elsewhere: what was recorded is not done again.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, text};

async fn begin(bench: &Bench) -> String {
    let body = json!({
        "model": "m", "input": "Note two words", "background": true, "dormouse": { "mode": "loop" },
    });
    let begun = bench.post(0, "/v1/responses", &body).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    begun.json()["id"].as_str().unwrap().to_owned()
}

/// What of a response does not depend on who answered it.
fn told(response: &Value) -> Vec<(String, String)> {
    let items = response["output"].as_array().unwrap().iter();
    let word = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let text = |item: &Value| match item["type"].as_str() {
        Some("message") => item["content"][0]["text"].as_str().unwrap().to_owned(),
        _ => format!("{} {}", word(item, "arguments"), word(item, "output")),
    };
    items.map(|item| (word(item, "type"), text(item))).collect()
}

async fn steps(bench: &Bench) -> u64 {
    bench.get(1, "/v1/runs").await.json()["data"][0]["steps"].as_u64().unwrap()
}

/// The events of a response, checked to be numbered without gaps.
async fn events(bench: &Bench, id: &str) -> String {
    let stream = bench.get(1, &format!("/v1/responses/{id}?stream=true")).await;
    for (number, (_, _, data)) in (0_u64..).zip(stream.events()) {
        assert_eq!(data["sequence_number"], number, "{data}");
    }
    let done = stream.events().into_iter().filter(|(_, _, data)| {
        data["type"] == "response.output_item.done" || data["type"] == "response.completed"
    });
    done.map(|(_, bytes, _)| bytes).collect()
}

fn script(last: impl IntoIterator<Item = Reply>) -> Vec<Reply> {
    let mut script = vec![Reply::Notes("one"), Reply::Notes("two")];
    script.extend(last);
    script
}

async fn undisturbed() -> (Vec<(String, String)>, Bench) {
    let bench = Bench::new(script([Reply::Says("Both are noted.")]));
    let id = begin(&bench).await;
    bench.settle().await;
    let response = bench.response(0, &id).await;
    assert_eq!(response["status"], "completed", "{response}");
    (told(&response), bench)
}

#[tokio::test]
async fn a_run_of_several_steps_is_recorded_step_by_step() {
    let (told, bench) = undisturbed().await;
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| &**kind).collect();
    assert_eq!(kinds, ["message", "mcp_call", "message", "mcp_call", "message"]);
    assert_eq!(told[3].1, r#"{"word":"two"} one.two."#);
    // Asked and answered, twice; asked again; over.
    assert_eq!(steps(&bench).await, 6);
    assert_eq!(bench.provider.asked().len(), 3);
}

#[tokio::test]
async fn a_run_that_is_killed_finishes_elsewhere_and_repeats_nothing() {
    let (expected, _) = undisturbed().await;
    let mut bench = Bench::new(script([Reply::Waits, Reply::Says("Both are noted.")]));
    let id = begin(&bench).await;
    bench.settle().await;
    assert_eq!(steps(&bench).await, 4);
    assert_eq!(bench.provider.asked().len(), 3);
    bench.provider.say("Both ");
    bench.pass(Duration::from_secs(2)).await;
    bench.kill(0);
    bench.pass(Duration::from_secs(50)).await;

    let response = bench.response(1, &id).await;
    assert_eq!(response["status"], "completed", "{response}");
    assert_eq!(told(&response), expected, "as if nothing had happened");
    assert_eq!(bench.provider.asked().len(), 4, "only what was interrupted is asked again");
    let noted = bench.log.noted.lock().unwrap().clone();
    assert_eq!(noted.len(), 2, "no tool is called again: {noted:?}");
    let asked = bench.provider.asked();
    assert_eq!(asked[2]["messages"], asked[3]["messages"], "the model reads the same");
    let done = events(&bench, &id).await;
    for item in response["output"].as_array().unwrap() {
        assert!(done.contains(item["id"].as_str().unwrap()), "{item} was told");
    }
    assert!(!done.contains("\"Both \""), "what was broken off was never done");
    let receipts = bench.get(1, "/v1/receipts").await.json();
    let completed = receipts["data"].as_array().unwrap().iter();
    assert_eq!(completed.filter(|it| it["outcome"] == "completed").count(), 3);
}

#[tokio::test]
async fn a_call_that_was_interrupted_is_made_again_with_its_key_and_the_files_of_before() {
    let (expected, _) = undisturbed().await;
    for hanging in [1, 2] {
        let mut bench = Bench::new(script([Reply::Says("Both are noted.")]));
        // It has written into its notebook when its process dies.
        *bench.log.hanging.lock().unwrap() = Some(hanging);
        let id = begin(&bench).await;
        bench.settle().await;
        let before = bench.log.noted.lock().unwrap().clone();
        assert_eq!(before.len(), hanging);
        bench.kill(0);
        bench.pass(Duration::from_secs(50)).await;

        let response = bench.response(1, &id).await;
        assert_eq!(response["status"], "completed", "{response}");
        assert_eq!(text(&response), "Let me note this.Let me note this.Both are noted.");
        assert_eq!(told(&response), expected, "no word is noted twice");
        let noted = bench.log.noted.lock().unwrap().clone();
        assert_eq!(noted.len(), 3, "{noted:?}");
        assert_eq!(noted[hanging - 1], noted[hanging], "the same call, with the same key");
        assert_eq!(bench.provider.asked().len(), 3, "the model is not asked again");
    }
}

#[tokio::test]
async fn a_process_that_stops_hands_a_run_over_between_its_steps() {
    let (expected, _) = undisturbed().await;
    let mut bench = Bench::new(script([Reply::Waits, Reply::Says("Both are noted.")]));
    let id = begin(&bench).await;
    bench.settle().await;
    bench.stop(0);
    bench.settle().await;
    bench.kill(0);
    bench.pass(Duration::from_secs(11)).await;
    let response = bench.response(1, &id).await;
    assert_eq!(told(&response), expected, "{response}");
    assert_eq!(bench.log.noted.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_waits_where_its_model_is_not_there_for_a_while() {
    let (expected, _) = undisturbed().await;
    let bench = Bench::new(script([Reply::Status(503), Reply::Says("Both are noted.")]));
    let id = begin(&bench).await;
    bench.settle().await;
    assert_eq!(bench.response(0, &id).await["status"], "queued");
    bench.pass(Duration::from_secs(30)).await;
    assert_eq!(told(&bench.response(0, &id).await), expected);
    assert_eq!(bench.log.noted.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_hands_its_run_over() {
    let (expected, _) = undisturbed().await;
    let taker = Bench::set(
        script([Reply::Waits, Reply::Says("Both are noted.")]),
        &[("DORMOUSE_RUNS", "0")],
    );
    let id = begin(&taker).await;
    let worker = taker.beside(&[("DORMOUSE_RUNS_POLL", "15m")]);
    let mut working = worker.works_for(0, Duration::from_secs(60));
    for second in 0..80 {
        if (&mut working).now_or_never().is_some() {
            assert!(second >= 59, "it has work to do");
            break;
        }
        assert!(second < 79, "it does not end");
        worker.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(steps(&worker).await, 4);
    assert_eq!(worker.response(0, &id).await["status"], "queued");
    assert!(!worker.provider.is_heard());

    let mut working = worker.works_for(0, Duration::from_secs(60));
    while (&mut working).now_or_never().is_none() {
        worker.settle().await;
    }
    let response = worker.response(0, &id).await;
    assert_eq!(told(&response), expected, "{response}");
    assert_eq!(worker.provider.asked().len(), 4);
}

#[tokio::test]
async fn the_files_of_a_run_go_with_it() {
    let (_, bench) = undisturbed().await;
    assert_eq!(bench.blobs().await, 0);
    let bench = Bench::new(script([Reply::Waits]));
    let id = begin(&bench).await;
    bench.settle().await;
    assert_eq!(bench.blobs().await, 1, "the last state alone is kept");
    bench.ask(1, (&http::Method::POST, &format!("/v1/responses/{id}/cancel")), None).await;
    bench.pass(Duration::from_secs(15)).await;
    assert_eq!(bench.blobs().await, 0);
}
