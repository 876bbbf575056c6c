//! Agents: models with instructions and tools under a name, asked once, in sessions, and as models.

use dormouse_testkit::upstream::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Gateway, Reply},
    sse::{Events, text_of},
    stage::{Stage, within},
};

/// One that talks, and one that calculates.
pub(crate) const AGENTS: &str = "agents:
  - name: tutor
    description: Explains.
    system: You explain things to beginners.
    model: echo
  - name: analyst
    system: Calculate, never guess.
    model: sums
    mode: loop
    tools: [calculator]
";

/// The texts that the next request for `model` has, the instructions first.
pub(crate) async fn read_by(stage: &Stage, model: &str) -> Vec<String> {
    let asked = within("the request", stage.upstream.asked(model)).await.json();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    asked["messages"].as_array().unwrap().iter().map(text).collect()
}

fn text(reply: &Reply) -> String {
    let answer = reply.ok();
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

pub(crate) async fn names(gateway: &Gateway) -> Vec<String> {
    let list = gateway.get("/a1/agents").await.ok();
    let name = |agent: &Value| agent["name"].as_str().unwrap().to_owned();
    list["data"].as_array().unwrap().iter().map(name).collect()
}

pub(crate) async fn they_are_asked_by_name(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_AGENTS", AGENTS)]).await;
    assert_eq!(names(&gateway).await, ["analyst", "tutor"]);
    assert_eq!(gateway.get("/a1/agents/tutor").await.ok()["description"], "Explains.");
    gateway.get("/a1/agents/nobody").await.error(404);

    let asked = gateway.post("/a1/agents/tutor/chat", &json!({ "message": "Why?" })).await;
    assert_eq!(text(&asked), "You said: Why?");
    let as_model = json!({
        "model": "agent/tutor", "messages": [{ "role": "user", "content": "Why?" }],
    });
    assert_eq!(text(&gateway.chat(&as_model).await), "You said: Why?");
    for _ in 0..2 {
        assert_eq!(read_by(&stage, "echo").await, ["You explain things to beginners.", "Why?"]);
    }
    let body = json!({ "message": "Why?", "stream": true });
    let request = gateway.request(Method::POST, "/a1/agents/tutor/chat").json(&body);
    let response = within("headers", request.send()).await.unwrap();
    assert_eq!(text_of(&Events::of(response).rest().await), "You said: Why?");
    let models = gateway.get("/v1/models").await.ok();
    assert!(models["data"].as_array().unwrap().iter().any(|it| it["id"] == "agent/analyst"));
}

pub(crate) async fn their_sessions_go_on_at_any_gateway(stage: Stage) {
    let settings = [("DORMOUSE_AGENTS", AGENTS)];
    let gateways = [stage.gateway(&settings).await, stage.gateway(&settings).await];
    let begun = gateways[0].post("/a1/agents/tutor/sessions", &json!({})).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let session = begun.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/a1/agents/tutor/sessions/{session}");

    let mut read = vec!["You explain things to beginners.".to_owned()];
    for (turn, word) in ["one", "two", "three"].into_iter().enumerate() {
        let chat = format!("{path}/chat");
        let reply = gateways[turn % 2].post(&chat, &json!({ "message": word })).await;
        read.push(word.to_owned());
        assert_eq!(read_by(&stage, "echo").await, read);
        read.push(text(&reply));
        assert_eq!(reply.header("x-conversation-id"), session);
        let shown = gateways[(turn + 1) % 2].get(&path).await.ok();
        assert_eq!(shown["messages"].as_array().unwrap().len(), read.len(), "{shown}");
    }
    gateways[1].get(&format!("/a1/agents/analyst/sessions/{session}")).await.error(404);
    let listed = gateways[1].get("/a1/agents/tutor/sessions").await.ok();
    assert_eq!(listed["data"][0]["id"], session.as_str());

    Reply::of(gateways[1].request(Method::DELETE, &path)).await.ok();
    gateways[0].get(&path).await.error(404);
}

pub(crate) async fn they_have_hands_of_their_own(stage: Stage) {
    let call = Answer::tool_calls(&[("calculator", &[r#"{"expression":"6*7"}"#])]);
    stage.upstream.once("sums", call);
    stage.upstream.once("sums", Answer::text(&["It is 42."]));
    let gateway = stage.gateway(&[("DORMOUSE_AGENTS", AGENTS)]).await;
    let begun = gateway.post("/a1/agents/analyst/sessions", &json!({})).await.json();
    let path = format!("/a1/agents/analyst/sessions/{}", begun["id"].as_str().unwrap());

    let reply = gateway.post(&format!("{path}/chat"), &json!({ "message": "6 by 7?" })).await;

    assert_eq!(text(&reply), "It is 42.");
    let first = within("the request", stage.upstream.asked("sums")).await.json();
    assert_eq!(first["tools"].as_array().unwrap().len(), 1, "{first}");
    let read = read_by(&stage, "sums").await;
    assert_eq!(read, ["Calculate, never guess.", "6 by 7?", "", "42"]);
    let shown = gateway.get(&path).await.ok();
    assert_eq!(shown["messages"].as_array().unwrap().len(), 5, "the steps are kept: {shown}");
}
