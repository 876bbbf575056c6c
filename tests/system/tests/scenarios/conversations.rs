//! Conversations that are kept, through any gateway of the same store.

use dormouse_testkit::upstream::{Answer, Gate};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Gateway, Reply, ask, ask_streamed},
    stage::Stage,
};

/// Says `text` in the session `name`.
async fn say(gateway: &Gateway, name: &str, text: &str) -> Reply {
    let body = json!({ "model": "echo", "messages": [{ "role": "user", "content": text }] });
    Reply::of(gateway.chat_request(&body).header("x-session-id", name)).await
}

/// The texts of the next request that the upstream was asked.
async fn told(stage: &Stage) -> Vec<String> {
    let asked = stage.upstream.asked("echo").await.json();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    asked["messages"].as_array().expect("messages").iter().map(text).collect()
}

pub(crate) async fn gateways_of_one_store_continue_one_another(stage: Stage) {
    continue_one_another(stage, &[]).await;
}

pub(crate) async fn of_two_at_once_the_second_is_refused_by_any_gateway(stage: Stage) {
    refuse_the_second_of_two(stage, &[]).await;
}

/// Two gateways with `settings` take turns in one conversation.
pub(crate) async fn continue_one_another(stage: Stage, settings: &[(&str, &str)]) {
    let gateways = [stage.gateway(settings).await, stage.gateway(settings).await];
    let mut said: Vec<String> = Vec::new();
    for (turn, text) in ["one", "two", "three"].into_iter().enumerate() {
        let reply = say(&gateways[turn % 2], "monday", text).await;
        let answer = reply.ok()["choices"][0]["message"]["content"].clone();
        said.push(text.to_owned());
        assert_eq!(told(&stage).await, said);
        said.push(answer.as_str().expect("a text").to_owned());
        let id = reply.header("x-conversation-id");
        let shown = gateways[(turn + 1) % 2].get(&format!("/c1/conversations/{id}")).await.ok();
        let kept = shown["messages"].as_array().expect("messages").len();
        assert_eq!(kept, said.len());
    }
    let forgotten = gateways[0].request(Method::DELETE, "/v1/sessions/monday");
    assert_eq!(Reply::of(forgotten).await.ok()["deleted"], true);
    say(&gateways[1], "monday", "anew").await.ok();
    assert_eq!(told(&stage).await, ["anew"]);
}

/// Two gateways with `settings` are asked in one conversation at the same time.
pub(crate) async fn refuse_the_second_of_two(stage: Stage, settings: &[(&str, &str)]) {
    let gate = Gate::closed();
    stage.upstream.once("echo", Answer::text(&["Wait."]).gated(2, &gate));
    let gateways = [stage.gateway(settings).await, stage.gateway(settings).await];
    let first = gateways[0].chat_request(&ask_streamed("echo")).header("x-session-id", "a");
    let first = tokio::spawn(Reply::of(first));
    stage.upstream.asked("echo").await;

    let second = say(&gateways[1], "a", "second").await;

    assert_eq!(second.error(409)["code"], "conversation_busy");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(stage.upstream.count("echo"), 1, "no model was asked for it");
    gate.let_one_pass();
    let first = first.await.expect("an answer");
    assert!(first.header("x-conversation-id").starts_with("conv_"), "{first:?}");
    say(&gateways[1], "a", "second").await.ok();
    assert_eq!(told(&stage).await, ["Hello there", "Wait.", "second"]);
}

pub(crate) async fn conversations_are_begun_listed_and_forgotten(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let first = gateway.post("/c1/chat", &json!({ "model": "echo", "message": "one" })).await;
    assert_eq!(first.ok()["choices"][0]["message"]["content"], "You said: one");
    let id = first.header("x-conversation-id").to_owned();
    let body = json!({ "model": "echo", "message": "two", "conversation_id": id, "stream": true });
    let second = gateway.post("/c1/chat", &body).await;
    assert_eq!(second.header("x-conversation-id"), id);
    assert_eq!(second.header("content-type"), "text/event-stream");

    let listed = gateway.get("/c1/conversations").await.ok();
    assert_eq!(listed["data"][0]["id"], id.as_str());
    assert_eq!(listed["data"][0]["turns"], 2);
    let receipts = gateway.get("/v1/receipts").await.ok();
    let of_it = |receipt: &&Value| receipt["conversation"] == id.as_str();
    assert_eq!(receipts["data"].as_array().expect("receipts").iter().filter(of_it).count(), 2);

    let path = format!("/c1/conversations/{id}");
    Reply::of(gateway.request(Method::DELETE, &path)).await.ok();
    gateway.get(&path).await.error(404);
}

pub(crate) async fn an_archived_conversation_points_to_its_successor(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let first = gateway.post("/c1/chat", &json!({ "model": "echo", "message": "one" })).await;
    let old = first.header("x-conversation-id").to_owned();
    let compacted = gateway.post(&format!("/c1/conversations/{old}/compact"), &Value::Null).await;
    let new = compacted.ok()["id"].as_str().expect("an id").to_owned();
    assert_eq!(compacted.json()["lineage"]["predecessor"], old.as_str());

    // The client follows redirects.
    let body = json!({ "model": "echo", "message": "two", "conversation_id": old });
    let followed = gateway.post("/c1/chat", &body).await;
    followed.ok();
    assert_eq!(followed.header("x-conversation-id"), new);
    let shown = gateway.get(&format!("/c1/conversations/{old}")).await.ok();
    assert_eq!(shown["id"], new.as_str());
    let archived = gateway.get(&format!("/c1/conversations/{old}?archived=true")).await.ok();
    assert_eq!(archived["lineage"]["successor"], new.as_str());
}

pub(crate) async fn without_a_session_nothing_is_kept(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let reply = gateway.chat(&ask("echo")).await;
    reply.ok();
    assert_eq!(reply.header("x-conversation-id"), "");
    assert_eq!(gateway.get("/c1/conversations").await.ok()["data"], json!([]));
}
