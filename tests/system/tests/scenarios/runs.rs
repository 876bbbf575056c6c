//! Responses in the background: read again from any event, and answered though their process is killed.

use dormouse_testkit::upstream::{Answer, Gate};
use serde_json::{Value, json};

use crate::{
    client::Gateway,
    stage::{Stage, within},
};

/// Long enough for a slow machine to give its signs of life.
const LEASE: (&str, &str) = ("DORMOUSE_RUN_LEASE", "5s");
const POLL: (&str, &str) = ("DORMOUSE_RUNS_POLL", "200ms");

/// Asks `gateway` for a response in the background. Returns its path.
async fn begin(gateway: &Gateway, model: &str) -> String {
    let body = json!({ "model": model, "input": "Hello", "background": true });
    let response = gateway.post("/v1/responses", &body).await.ok();
    assert_eq!(response["status"], "queued", "{response}");
    format!("/v1/responses/{}", response["id"].as_str().unwrap())
}

async fn completed(gateway: &Gateway, path: &str) -> Value {
    gateway
        .until(path, |response| {
            assert_ne!(response["status"], "failed", "{response}");
            (response["status"] == "completed").then(|| response.clone())
        })
        .await
}

/// The events of a response from behind `after`: their bytes, checked to be numbered without gaps.
async fn events(gateway: &Gateway, path: &str, after: u64) -> Vec<String> {
    let reply = gateway.get(&format!("{path}?stream=true&starting_after={after}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = String::from_utf8(reply.body.to_vec()).unwrap();
    let frames = body.split_inclusive("\n\n").filter(|frame| !frame.starts_with(':'));
    let frames: Vec<String> = frames.map(str::to_owned).collect();
    for (number, frame) in (after + 1..).zip(&frames) {
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["sequence_number"], number, "{data}");
    }
    frames
}

pub(crate) async fn a_background_response_can_be_read_again_at_another_gateway(stage: Stage) {
    stage.upstream.always("words", Answer::text(&["one ", "two ", "three"]));
    let (one, other) = (stage.gateway(&[]).await, stage.gateway(&[]).await);
    let path = begin(&one, "words").await;
    let response = completed(&other, &path).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "one two three");
    let all = events(&one, &path, 0).await;
    for after in 1..=all.len() {
        let rest = events(&other, &path, after.try_into().unwrap()).await;
        assert_eq!(rest, all[after..]);
    }
}

pub(crate) async fn a_killed_gateway_is_succeeded_by_another(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.once("slow", Answer::text(&["half ", "of it"]).gated(2, &gate));
    stage.upstream.always("slow", Answer::text(&["all ", "of it"]));
    let first = stage.gateway(&[LEASE, POLL]).await;
    let path = begin(&first, "slow").await;
    within("the gate", gate.reached()).await;
    first.kill().await;

    let second = stage.gateway(&[LEASE, POLL]).await;
    let response = completed(&second, &path).await;
    let texts = response["output"].as_array().unwrap().iter();
    let texts: Vec<&Value> = texts.map(|item| &item["content"][0]["text"]).collect();
    assert_eq!(texts, ["all of it"], "what was broken off is no part of it");
    let told = events(&second, &path, 0).await;
    assert!(told.last().unwrap().starts_with("event: response.completed\n"), "{told:?}");
    let run = second.get("/v1/runs").await.ok()["data"][0].clone();
    assert!(run["attempts"].as_u64().unwrap() > 1, "{run}");
}
