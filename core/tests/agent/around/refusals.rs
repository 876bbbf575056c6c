//! What cannot be had is refused by name where the request asks for it; the request comes before its route, and
//! its agent before both.

use std::sync::Arc;

use dormouse_core::{
    agents::{AgentFile, AgentFiles, Agents},
    gateway::{Origin, ToolPorts},
};
use http::Method;
use serde_json::{Value, json};

use super::{CHAT, DIALECTS, formed, runs, with};
use crate::bench::{Bench, CATALOG, question, says};

#[tokio::test]
async fn what_would_have_no_effect_is_refused_in_every_dialect() {
    for dialect in DIALECTS {
        for (fields, at) in [
            (json!({ "correct": true }), "dormouse.correct"),
            (json!({ "run_code": true }), "dormouse.run_code"),
            (json!({ "web": true }), "dormouse.web"),
            (json!({ "web": "auto" }), "dormouse.web"),
            (json!({ "critique": 4 }), "dormouse.critique"),
            (json!({ "plans": true }), "dormouse.plans"),
        ] {
            let body = with(dialect, "m", &fields);
            let refused = Bench::new([]).ask(dialect, body, Origin::default()).await.unwrap_err();
            assert_eq!(refused.param(), Some(at), "{fields}");
        }
        for fields in [json!({ "plan": true }), json!({ "intent": false })] {
            let mut body = with(dialect, "m", &fields);
            body["dormouse"]["mode"] = "emulate".into();
            let refused = Bench::new([]).ask(dialect, body, Origin::default()).await.unwrap_err();
            assert!(refused.param().unwrap().starts_with("dormouse."), "{fields}");
        }
    }
    let able = Bench::able(runs, [says("x")]);
    let body = with(CHAT, "m", &json!({ "run_code": true, "tools": ["calculator"] }));
    let refused = able.ask(CHAT, body, Origin::default()).await.unwrap_err();
    assert_eq!(refused.param(), Some("dormouse.run_code"), "its tools are not among these");
}

#[tokio::test]
async fn a_route_says_what_the_request_does_not() {
    let routes = "
routes:
  - {match: {path: /careful}, protocol: openai-chat, mode: loop, critique: 2, correct: true, web: true}
";
    let catalog = format!("{CATALOG}{routes}");
    let route = |bench: &Bench| {
        let route = bench.gateway.catalog().route("h", "/careful", &Method::POST).cloned();
        Origin { route: Some(route.unwrap()), ..Origin::default() }
    };
    let mut body = question("m");
    body.as_object_mut().unwrap().shift_remove("dormouse");
    let script = [says("It is 3."), says("SCORE: 9")];
    let bench = Bench::given(&[], (&catalog, ToolPorts::default()), script);
    let answer = bench.ask(CHAT, body, route(&bench)).await.unwrap();
    bench.collect(answer).await.unwrap();
    assert_eq!(bench.asked().len(), 2, "and what it wants and there is not is left out");

    let bench = Bench::given(&[], (&catalog, ToolPorts::default()), [says("It is 3.")]);
    let body = with(CHAT, "m", &json!({ "critique": false }));
    let answer = bench.ask(CHAT, body, route(&bench)).await.unwrap();
    bench.collect(answer).await.unwrap();
    assert_eq!(bench.asked().len(), 1, "the request's word counts");
}

#[derive(Debug)]
struct File(&'static str);

impl AgentFiles for File {
    fn read(&self) -> dormouse_core::Result<Vec<AgentFile>> {
        Ok(vec![AgentFile { name: "agents.yaml".into(), text: self.0.into() }])
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

async fn asked_of_agent(fields: &Value) -> usize {
    let text = "agents: [{name: a, system: S, model: m, mode: loop, critique: 1, correct: true, web: auto}]";
    let replies = [says("It is 3."), says("SCORE: 9")];
    let mut bench = Bench::new(replies);
    let agents = Agents::read(Arc::new(File(text))).unwrap();
    bench.gateway = bench.gateway.with_agents(agents);
    bench.whole(CHAT, with(CHAT, "agent/a", fields)).await;
    bench.asked().len()
}

#[tokio::test]
async fn an_agent_comes_before_the_request() {
    assert_eq!(asked_of_agent(&json!({})).await, 2);
    assert_eq!(asked_of_agent(&json!({ "critique": 0 })).await, 2);
    assert_eq!(asked_of_agent(&json!({ "plan": false })).await, 2);
}

#[tokio::test]
async fn a_form_that_is_only_json_is_a_form() {
    let bench = Bench::new([says("three"), says("{}")]);
    let mut body = formed(CHAT, &json!({ "correct": true }));
    body["response_format"] = json!({ "type": "json_object" });
    bench.whole(CHAT, body).await;
    assert_eq!(bench.asked().len(), 2);
}
