//! What a right catalog becomes.

use std::{collections::BTreeSet, time::Duration};

use dormouse_core::{
    catalog::{
        Api, AuthStyle, Capability, Catalog, CredentialStrategy, Failure, Place, Protocol, Strategy,
    },
    money::{NanoDollars, Price},
    ports::EmbeddedModel,
    wire::MaxTokensField,
};
use http::Method;

use crate::{A, example, read};

fn the_example() -> Catalog {
    read(&example()).unwrap()
}

#[test]
fn the_example_of_the_documentation_is_right() {
    let catalog = the_example();
    let counts =
        (catalog.providers().len(), catalog.models().len(), catalog.logical_models().len());
    assert_eq!(counts, (4, 6, 2));
}

#[test]
fn a_provider_may_be_a_model_in_process() {
    let catalog = read(&A.replace("http://a/v1", "embedded:/m/x.gguf")).unwrap();
    let place = format!("{}/chat/completions", catalog.providers()[0].base_url).parse().unwrap();
    assert_eq!(EmbeddedModel::of(&place), Some(EmbeddedModel { name: "/m/x.gguf".into() }));
}

#[test]
fn a_provider_is_all_that_was_said_of_it() {
    let catalog = the_example();
    let provider = &catalog.providers()[0];
    assert_eq!((provider.name.as_str(), provider.api), ("openai", Api::OpenAi));
    assert_eq!(provider.base_url, "https://api.openai.com/v1");
    assert_eq!(provider.auth, AuthStyle::Bearer);
    assert_eq!(provider.credential_strategy, CredentialStrategy::RoundRobin);
    assert_eq!(provider.first_byte_timeout, Some(Duration::from_secs(120)));
    assert_eq!(provider.idle_timeout, Some(Duration::from_secs(30)));
    assert_eq!(provider.max_tokens_field, Some(MaxTokensField::MaxCompletionTokens));
    let credentials: Vec<_> = provider
        .credentials
        .iter()
        .map(|it| (it.name.as_str(), it.secret.expose(), it.weight))
        .collect();
    let expected = [("team-a", "value-of-OPENAI_KEY_A", 3), ("team-b", "value-of-OPENAI_KEY_B", 1)];
    assert_eq!(credentials, expected);
    let (name, value) = &provider.headers.0[0];
    assert_eq!(
        (name.as_str(), value.to_str().unwrap()),
        ("openai-organization", "value-of-OPENAI_ORG")
    );
}

#[test]
fn a_credential_is_shown_as_is_usual_with_the_api() {
    for (api, auth) in [
        ("openai", AuthStyle::Bearer),
        ("openai-responses", AuthStyle::Bearer),
        ("anthropic", AuthStyle::XApiKey),
        ("gemini", AuthStyle::XGoogApiKey),
        ("ollama", AuthStyle::Bearer),
    ] {
        let text = format!("providers: [{{name: a, api: {api}, base_url: 'http://a/'}}]");
        let provider = read(&text).unwrap().providers()[0].clone();
        assert_eq!((provider.auth, provider.api.as_str()), (auth, api));
        assert_eq!(provider.base_url, "http://a");
    }
}

#[test]
fn a_model_is_all_that_was_said_of_it() {
    let catalog = the_example();
    let gpt = &catalog.models()[0];
    assert_eq!((gpt.name.as_str(), gpt.upstream_model.as_str()), ("gpt", "gpt-5"));
    assert_eq!(gpt.place.name(), "openai");
    assert_eq!(gpt.aliases, ["gpt-latest", "gpt-5"]);
    assert_eq!(gpt.facts.context_window, Some(400_000));
    assert_eq!(gpt.facts.max_output_tokens, Some(128_000));
    let price = Price {
        input: NanoDollars(1_250_000_000),
        cached_input: Some(NanoDollars(125_000_000)),
        cache_write: None,
        output: NanoDollars(10_000_000_000),
        reasoning: Some(NanoDollars(10_000_000_000)),
    };
    assert_eq!(gpt.facts.price, Some(price));
    let bitnet = &catalog.models()[4];
    assert!(matches!(bitnet.place, Place::Machine));
    assert!(!bitnet.facts.native_tools && bitnet.facts.capabilities.has(Capability::Tools));
}

#[test]
fn prices_are_read_digit_by_digit() {
    let text = format!(
        "{A}models: [{{name: m, provider: a, price: {{input: 0.000000001, output: '0.3'}}}}]"
    );
    let price = read(&text).unwrap().models()[0].facts.price.unwrap();
    assert_eq!((price.input, price.output), (NanoDollars(1), NanoDollars(300_000_000)));
}

#[test]
fn what_is_not_said_of_a_model_is_taken_to_be_possible() {
    let text = format!("{A}models: [{{name: m, provider: a, capabilities: {{vision: false}}}}]");
    let facts = read(&text).unwrap().models()[0].facts.clone();
    for capability in Capability::ALL {
        assert_eq!(facts.capabilities.has(*capability), *capability != Capability::Vision);
    }
    let needed = BTreeSet::from([Capability::Tools, Capability::Vision]);
    assert_eq!(facts.capabilities.first_lacking(&needed), Some(Capability::Vision));
    assert!(facts.native_tools);
    assert_eq!(facts.price, None);
}

#[test]
fn a_logical_model_is_all_that_was_said_of_it() {
    let catalog = the_example();
    let smart = &catalog.logical_models()[0];
    assert_eq!((smart.name.as_str(), smart.strategy), ("smart", Strategy::Weighted));
    let candidates: Vec<_> =
        smart.candidates.iter().map(|it| (it.model.name.as_str(), it.share)).collect();
    assert_eq!(candidates, [("gpt", 750_000), ("sonnet", 250_000)]);
    assert_eq!(smart.fallback.max_attempts, 2);
    assert!(smart.fallback.on.contains(&Failure::ContextOverflow));
}

#[test]
fn a_fallback_of_which_nothing_is_said_tries_all_candidates() {
    let text = format!(
        "{A}models: [{{name: m, provider: a}}]\n\
         logical_models: [{{name: l, candidates: [{{model: m}}, {{model: a/n}}]}}]"
    );
    let catalog = read(&text).unwrap();
    let fallback = &catalog.logical_models()[0].fallback;
    let usual = [Failure::Transport, Failure::RateLimit, Failure::ServerError];
    assert_eq!((fallback.max_attempts, &fallback.on), (2, &usual.into()));
    assert_eq!(catalog.logical_models()[0].strategy, Strategy::Auto);
}

#[test]
fn a_logical_model_among_candidates_shares_its_weight_out() {
    let text = format!(
        "{A}models: [{{name: x, provider: a}}, {{name: y, provider: a}}, {{name: z, provider: a}}]\n\
         logical_models:\n\
         - {{name: outer, strategy: weighted, candidates: [{{model: inner, weight: 3}}, {{model: z}}, {{model: x}}]}}\n\
         - {{name: inner, strategy: weighted, candidates: [{{model: x, weight: 2}}, {{model: y}}]}}\n"
    );
    let catalog = read(&text).unwrap();
    let outer = &catalog.logical_models()[0].candidates;
    let shares: Vec<_> = outer.iter().map(|it| (it.model.name.as_str(), it.share)).collect();
    // 3/5 for the inner one, of which x has two thirds; and x has a fifth of its own.
    assert_eq!(shares, [("x", 600_000), ("y", 200_000), ("z", 200_000)]);
}

#[test]
fn what_is_required_filters_the_candidates_of_a_logical_model_within() {
    let text = format!(
        "{A}models: [{{name: blind, provider: a, capabilities: {{vision: false}}}}, {{name: seeing, provider: a}}]\n\
         logical_models:\n\
         - {{name: all, candidates: [{{model: blind}}, {{model: seeing}}]}}\n\
         - {{name: eyes, candidates: [{{model: all}}], requires: [vision]}}\n"
    );
    let catalog = read(&text).unwrap();
    let eyes = &catalog.logical_models()[1].candidates;
    let names: Vec<_> = eyes.iter().map(|it| (it.model.name.as_str(), it.share)).collect();
    assert_eq!(names, [("seeing", 1_000_000)]);
}

#[test]
fn the_first_route_that_is_for_a_request_is_its_route() {
    let catalog = the_example();
    let route = |host, path, method| catalog.route(host, path, &method).map(|it| it.protocol);
    let anthropic = Some(Protocol::Anthropic);
    assert_eq!(route("claude.example.com", "/v1/messages", Method::POST), anthropic);
    assert_eq!(route("Claude.Example.com:8443", "/v1", Method::GET), anthropic);
    assert_eq!(route("claude.example.com", "/v10/messages", Method::POST), None);
    assert_eq!(route("claude.example.com", "/v1/messages", Method::PUT), None);
    assert_eq!(route("[::1]:80", "/v1/embeddings", Method::PUT), Some(Protocol::Embeddings));
    assert_eq!(route("other", "/v1/messages", Method::POST), None);
}

#[test]
fn the_root_is_the_beginning_of_every_path() {
    let text = format!("{A}routes: [{{match: {{path: /}}, protocol: ollama}}]");
    let catalog = read(&text).unwrap();
    for path in ["/", "/api/chat"] {
        assert!(catalog.route("", path, &Method::GET).is_some(), "{path}");
    }
}

#[test]
fn anchors_are_followed() {
    let text = "
providers:
- &a {name: a, api: openai, base_url: 'http://a/v1', timeouts: &patience {idle: 9s}}
- {name: b, api: openai, base_url: 'http://b/v1', timeouts: *patience}
";
    let catalog = read(text).unwrap();
    assert_eq!(catalog.providers()[1].idle_timeout, Some(Duration::from_secs(9)));
}

#[test]
fn secrets_are_not_printed() {
    let text = "
providers:
- name: a
  api: openai
  base_url: http://a/v1
  credentials: [{name: main, secret: sk-hush}]
  headers: {x-token: hush-hush}
";
    let catalog = read(text).unwrap();
    assert_eq!(catalog.providers()[0].credentials[0].secret.expose(), "sk-hush");
    let printed = format!("{catalog:?}");
    assert!(!printed.contains("hush"), "{printed}");
}
