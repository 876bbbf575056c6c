//! Responses in the background, with tools and without, read again from any event.

use dormouse_testkit::upstream::Answer;
use serde_json::{Value, json};

use crate::{client::Gateway, host::Host, stage::Stage};

/// Asks `gateway` for a response in the background. Returns its path.
pub(crate) async fn begin(gateway: &Gateway, mut body: Value) -> String {
    body["background"] = json!(true);
    let response = gateway.post("/v1/responses", &body).await.ok();
    assert_eq!(response["status"], "queued", "{response}");
    format!("/v1/responses/{}", response["id"].as_str().unwrap())
}

pub(crate) async fn completed(gateway: &Gateway, path: &str) -> Value {
    gateway
        .until(path, |response| {
            assert_ne!(response["status"], "failed", "{response}");
            (response["status"] == "completed").then(|| response.clone())
        })
        .await
}

/// The one run that there is.
pub(crate) async fn the_run(gateway: &Gateway) -> Value {
    let runs = gateway.get("/v1/runs").await.ok();
    assert_eq!(runs["data"].as_array().unwrap().len(), 1, "{runs}");
    runs["data"][0].clone()
}

/// Events, whole, and what of `text` follows them.
pub(crate) fn frames(text: &str) -> (Vec<String>, &str) {
    let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
    let (whole, rest) = text.split_at(whole);
    let frames = whole.split_inclusive("\n\n").filter(|frame| !frame.starts_with(':'));
    (frames.map(str::to_owned).collect(), rest)
}

/// The data of an event.
pub(crate) fn data(frame: &str) -> Value {
    let data = frame.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap_or_else(|| panic!("no data: {frame}"))).unwrap()
}

/// The events of a response from the first, or from behind `after`: their bytes, checked to be numbered without
/// gaps.
pub(crate) async fn events(gateway: &Gateway, path: &str, after: Option<u64>) -> Vec<String> {
    let behind = after.map(|after| format!("&starting_after={after}")).unwrap_or_default();
    let reply = gateway.get(&format!("{path}?stream=true{behind}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = String::from_utf8(reply.body.to_vec()).unwrap();
    let (frames, rest) = frames(&body);
    assert_eq!(rest, "", "the stream ended within an event");
    are_numbered(&frames, after.map_or(0, |after| after + 1));
    frames
}

/// Events of a response have their numbers, without gaps, from `first`.
pub(crate) fn are_numbered(frames: &[String], first: u64) {
    for (number, frame) in (first..).zip(frames) {
        assert_eq!(data(frame)["sequence_number"], number, "{frame}");
    }
}

/// Has the runs that wait worked on: on Lambda by a function that is given an event, elsewhere every gateway does
/// so by itself.
async fn work(stage: &Stage, settings: &[(&str, &str)]) {
    if stage.host == Host::Lambda {
        stage.worker(settings).await.get("/").await.ok();
    }
}

pub(crate) fn ask(model: &str) -> Value {
    json!({ "model": model, "input": "Hello" })
}

pub(crate) async fn a_background_response_can_be_read_again_at_another_gateway(stage: Stage) {
    stage.upstream.always("words", Answer::text(&["one ", "two ", "three"]));
    let (one, other) = (stage.gateway(&[]).await, stage.gateway(&[]).await);
    let path = begin(&one, ask("words")).await;
    work(&stage, &[]).await;
    let response = completed(&other, &path).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "one two three");
    let all = events(&one, &path, None).await;
    for (after, number) in (1..=all.len()).zip(0..) {
        let rest = events(&other, &path, Some(number)).await;
        assert_eq!(rest, all[after..]);
    }
}

pub(crate) async fn a_background_response_is_answered_with_tools(stage: Stage) {
    let call = Answer::tool_calls(&[("calculator", &[r#"{"expression":"2**100"}"#])]);
    stage.upstream.once("sums", call);
    stage.upstream.once("sums", Answer::text(&["That is ", "much."]));
    let gateway = stage.gateway(&[]).await;
    let hands = json!({ "mode": "loop", "tools": ["calculator"] });
    let body = json!({ "model": "sums", "input": "2 to the 100?", "dormouse": hands });

    let path = begin(&gateway, body).await;
    work(&stage, &[]).await;
    let response = completed(&gateway, &path).await;

    let [call, message] = response["output"].as_array().unwrap().as_slice() else {
        panic!("{response}");
    };
    assert_eq!(call["type"], "mcp_call", "{response}");
    assert_eq!(call["output"], "1267650600228229401496703205376");
    assert_eq!(message["content"][0]["text"], "That is much.");
    assert_eq!(response["dormouse"]["ending"], "done");
    let run = the_run(&gateway).await;
    assert_eq!(response["dormouse"]["run"], run["id"]);
    // Asked, calculated, asked again, over.
    assert_eq!((&run["status"], &run["steps"]), (&json!("completed"), &json!(4)), "{run}");
    let receipts = gateway.get("/v1/receipts").await.ok();
    let of_run: Vec<_> = receipts["data"].as_array().unwrap().iter().map(|it| &it["run"]).collect();
    assert_eq!(of_run, [&run["id"], &run["id"]], "each call of the model has its receipt");
}
