//! What a model's name leads to.

use dormouse_core::{Code, gateway::Origin};
use http::Method;

use crate::bench::{Bench, hello};

const CATALOG: &str = "
providers:
  - {name: near, api: openai, base_url: http://near/v1}
  - {name: far, api: openai, base_url: http://far/v1}
models:
  - {name: small, provider: near, upstream_model: qwen3-4b, aliases: [tiny]}
patterns:
  - {match: 'gpt-*', provider: far}
logical_models:
  - name: half
    strategy: weighted
    candidates: [{model: small, weight: 1}, {model: far/large, weight: 3}]
routes:
  - match: {path: /v1/messages}
    protocol: anthropic
    models: {'claude-*': small}
default_model: small
";

async fn asked(bench: &Bench, model: &str) -> (String, String) {
    bench.answer(model).await.unwrap();
    let call = bench.calls().remove(0);
    (call.host, call.body["model"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn names_aliases_prefixes_and_patterns_find_their_provider() {
    let bench = Bench::new(CATALOG);
    for (name, host, upstream) in [
        ("small", "near", "qwen3-4b"),
        ("tiny", "near", "qwen3-4b"),
        ("", "near", "qwen3-4b"),
        ("gpt-9", "far", "gpt-9"),
        ("far/org/model", "far", "org/model"),
    ] {
        assert_eq!(asked(&bench, name).await, (host.into(), upstream.into()), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_never_mapped_by_accident() {
    let bench = Bench::new(CATALOG);
    for name in ["claude-sonnet-9", "smal", "mistral"] {
        let error = bench.answer(name).await.unwrap_err();
        assert_eq!(error.code(), Code::ModelNotFound, "{name}");
    }
    assert!(bench.called().is_empty());
}

#[tokio::test]
async fn a_route_gives_names_a_meaning_of_its_own() {
    let bench = Bench::new(CATALOG);
    let route = bench.gateway.catalog().route("any", "/v1/messages", &Method::POST).cloned();
    let origin = Origin { route, ..Origin::default() };

    bench.ask_with(hello("claude-sonnet-9"), origin).await.unwrap();

    assert_eq!(bench.calls()[0].body["model"], "qwen3-4b");
}

#[tokio::test]
async fn weights_say_how_often_a_candidate_is_asked() {
    let bench = Bench::new(CATALOG);
    let mut far = 0;
    for _ in 0..200 {
        far += u32::from(asked(&bench, "half").await.0 == "far");
    }
    assert!((120..=180).contains(&far), "three of four should go far: {far} of 200");
}

#[tokio::test]
async fn what_can_be_asked_for_is_what_the_catalog_lists() {
    let bench = Bench::new(CATALOG);
    let models = bench.gateway.models().await.unwrap();
    let names: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(names, ["half", "small", "tiny"]);
}
