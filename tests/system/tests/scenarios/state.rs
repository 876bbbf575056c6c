//! What the gateway says about itself.

use std::collections::HashSet;

use dormouse_testkit::upstream::{Answer, MODELS, Upstream};
use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Reply, ask},
    stage::Stage,
};

pub(crate) async fn models_are_those_of_the_upstream(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    let list = gateway.get("/v1/models").await.ok();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, MODELS);
    for id in MODELS {
        let model = gateway.get(&format!("/v1/models/{id}")).await.ok();
        assert_eq!(model["id"], id);
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_number() && model["owned_by"].is_string(), "{model}");
    }
    let error = gateway.get("/v1/models/nobody").await.error(404);
    assert_eq!(error["code"], "model_not_found");
}

pub(crate) async fn it_is_alive_whatever_it_depends_on(stage: Stage) {
    let gone = Upstream::start().await.base_url();
    let gateway = stage.gateway_for(&gone, &[]).await;

    Reply::of(gateway.bare(Method::GET, "/healthz")).await.ok();
}

pub(crate) async fn it_is_ready_when_everything_is_there(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    let ready = Reply::of(gateway.bare(Method::GET, "/readyz")).await.ok();
    for name in ["store", "upstream"] {
        assert_eq!(ready["checks"][name]["status"], "ok", "{ready}");
        assert!(ready["checks"][name]["latency_ms"].as_f64().is_some_and(|it| it > 0.0), "{ready}");
    }
}

pub(crate) async fn it_is_not_ready_without_its_upstream(stage: Stage) {
    stage.upstream.always(
        "/v1/models",
        Answer::json(503, &json!({ "error": { "message": "Loading model" } })),
    );
    let loading = stage.gateway(&[]).await;
    let gone = Upstream::start().await.base_url();
    let alone = stage.gateway_for(&gone, &[]).await;

    for gateway in [loading, alone] {
        let reply = Reply::of(gateway.bare(Method::GET, "/readyz")).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(reply.json()["checks"]["upstream"]["status"], "down");
        assert_eq!(reply.json()["checks"]["store"]["status"], "ok");
    }
}

pub(crate) async fn metrics_can_be_scraped(mut stage: Stage) {
    // They are those of a process: the one that is asked must be the one that answered.
    stage.instances = 1;
    let gateway = stage.gateway(&[]).await;
    gateway.chat(&ask("echo")).await.ok();

    let reply = Reply::of(gateway.bare(Method::GET, "/metrics")).await;

    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"), "{reply:?}");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let mut families = HashSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            if words.next() == Some("TYPE") {
                assert!(families.insert(words.next().unwrap().to_owned()), "twice: {line}");
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        assert!(value.parse::<f64>().is_ok(), "no number: {line}");
        let name = name.split('{').next().unwrap();
        assert!(families.iter().any(|family| name.starts_with(family.as_str())), "no type: {line}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    let line =
        |parts: &[&str]| text.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(line(&["http_server_request_duration", "200", "/v1/chat/completions"]), "{text}");
    assert!(line(&["gen_ai", "echo"]), "{text}");
}

pub(crate) async fn every_error_is_in_the_catalogue(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    let catalogue = Reply::of(gateway.bare(Method::GET, "/errors")).await.ok();

    let entries = catalogue["data"].as_array().unwrap();
    let known = |code: &str| entries.iter().find(|entry| entry["code"] == code);
    for (code, status) in [
        ("unauthenticated", 401),
        ("over_budget", 429),
        ("body_too_large", 413),
        ("upstream_timeout", 504),
        ("store_unavailable", 503),
    ] {
        assert_eq!(known(code).unwrap_or_else(|| panic!("{code} is missing"))["status"], status);
    }
    for entry in entries {
        assert!(entry["remedy"].as_str().is_some_and(|it| it.ends_with('.')), "{entry}");
    }
}

pub(crate) async fn unknown_paths_and_methods_are_errors_too(stage: Stage) {
    let gateway = stage.gateway(&[]).await;

    assert_eq!(gateway.get("/v1/nothing").await.error(404)["code"], "route_not_found");
    assert_eq!(gateway.get("/nothing").await.error(404)["code"], "route_not_found");
    let reply = gateway.get("/v1/chat/completions").await;
    assert_eq!(reply.error(405)["code"], "method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
    let reply = Reply::of(gateway.request(Method::DELETE, "/v1/models")).await;
    assert_eq!(reply.error(405)["code"], "method_not_allowed");
}
