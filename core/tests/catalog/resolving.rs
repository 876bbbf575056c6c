//! Where names lead.

use dormouse_core::{
    Code,
    catalog::{Catalog, Place, Resolved, Strategy},
    money::NanoDollars,
};
use http::Method;

use crate::{A, example, read};

fn the_example() -> Catalog {
    read(&example()).unwrap()
}

/// Where `name` leads: provider and upstream model of each candidate.
fn leads(catalog: &Catalog, name: &str) -> Vec<String> {
    let resolved = catalog.resolve(name, None).unwrap_or_else(|error| panic!("{name}: {error}"));
    places(&resolved)
}

fn places(resolved: &Resolved) -> Vec<String> {
    let models = resolved.candidates.iter().map(|candidate| &candidate.model);
    models.map(|model| format!("{} {}", model.place.name(), model.upstream_model)).collect()
}

#[test]
fn names_lead_where_the_catalog_says() {
    let catalog = the_example();
    for (name, places) in [
        ("gpt", ["openai gpt-5"].as_slice()),
        ("gpt-latest", &["openai gpt-5"]),
        ("gpt-5", &["openai gpt-5"]),
        ("smart", &["openai gpt-5", "anthropic claude-sonnet-4-5"]),
        (
            "cheap",
            &[
                "machine bitnet-2b",
                "lab Qwen/Qwen3-32B",
                "gemini gemini-2.5-flash-lite",
                "openai gpt-5",
                "anthropic claude-sonnet-4-5",
            ],
        ),
        ("lab/Qwen/Qwen3-32B", &["lab Qwen/Qwen3-32B"]),
        ("machine/other", &["machine other"]),
        ("gpt-4.1", &["openai gpt-4.1"]),
        ("anything", &["lab anything"]),
        ("who/anything", &["lab who/anything"]),
        ("openai/", &["lab openai/"]),
        ("", &["openai gpt-5", "anthropic claude-sonnet-4-5"]),
    ] {
        assert_eq!(leads(&catalog, name), places, "{name}");
    }
}

#[test]
fn a_listed_name_wins_over_a_prefix_and_a_prefix_over_a_pattern() {
    let text = format!(
        "{A}models: [{{name: a/m, provider: a, upstream_model: listed}}]\n\
         patterns: [{{match: a/*, provider: machine}}, {{match: b/*, provider: machine}}]\n"
    );
    let catalog = read(&text).unwrap();
    assert_eq!(leads(&catalog, "a/m"), ["a listed"]);
    assert_eq!(leads(&catalog, "a/n"), ["a n"]);
    assert_eq!(leads(&catalog, "b/n"), ["machine b/n"]);
}

#[test]
fn prefixes_can_be_switched_off() {
    let catalog = read(&format!("{A}provider_prefix: false")).unwrap();
    assert_eq!(catalog.resolve("a/m", None).unwrap_err().code(), Code::ModelNotFound);
}

#[test]
fn an_alias_resolves_to_the_models_own_name() {
    let resolved = the_example().resolve("gpt-latest", None).unwrap();
    assert_eq!((resolved.name.as_str(), resolved.strategy), ("gpt", Strategy::Priority));
    assert_eq!((resolved.candidates.len(), resolved.fallback.max_attempts), (1, 1));
}

#[test]
fn an_unknown_name_is_told_its_neighbours() {
    let text = format!("{A}models: [{{name: llama-70b, provider: a, aliases: [big]}}]");
    let error = read(&text).unwrap().resolve("lama-70b", None).unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::ModelNotFound, Some("model")));
    assert_eq!(error.message(), "there is no model `lama-70b`; did you mean `llama-70b`?");
}

/// Clients that only know Claude's names are served by what is configured for them, or not at all.
#[test]
fn no_name_of_claude_matches_by_accident() {
    let text = format!(
        "{A}models: [{{name: claude, provider: a, aliases: [claude-]}}, {{name: claude-local, provider: a}}]\n\
         patterns: [{{match: gpt-*, provider: a}}, {{match: '*-local', provider: a}}]\n\
         routes: [{{match: {{path: /v1/messages}}, protocol: anthropic, models: {{claude-haiku-*: claude-local}}}}]\n"
    );
    let catalog = read(&text).unwrap();
    let route = catalog.route("", "/v1/messages", &Method::POST);
    for name in ["claude-sonnet-4-5", "Claude", "claude-loca", "claude-opus-4-1-20250805"] {
        for route in [None, route] {
            let error = catalog.resolve(name, route).unwrap_err();
            assert_eq!(error.code(), Code::ModelNotFound, "{name}");
        }
    }
    let meant = catalog.resolve("claude-haiku-4-5", route).unwrap();
    assert_eq!(meant.name, "claude-local");
    assert!(catalog.resolve("claude-haiku-4-5", None).is_err());
}

#[test]
fn a_route_says_what_names_mean_before_anything_else() {
    let catalog = the_example();
    let route = catalog.route("claude.example.com", "/v1/messages", &Method::POST);
    let resolve = |name| catalog.resolve(name, route).unwrap().name;
    assert_eq!(resolve("claude-haiku-4-5"), "cheap");
    assert_eq!(resolve("claude-sonnet-4-5"), "smart");
    assert_eq!(resolve("gpt"), "gpt");
    assert_eq!(resolve(""), "smart");
    let embeddings = catalog.route("", "/v1/embeddings", &Method::POST);
    assert_eq!(catalog.resolve("", embeddings).unwrap().name, "embed");
}

#[test]
fn a_name_is_required_where_there_is_no_default() {
    let error = read(A).unwrap().resolve("", None).unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("model")));
}

#[test]
fn what_is_not_listed_costs_what_its_entry_its_pattern_or_its_provider_says() {
    let catalog = the_example();
    let input = |name: &str| {
        let resolved = catalog.resolve(name, None).unwrap();
        resolved.candidates[0].model.facts.price.map(|price| price.input)
    };
    let cents = |cents: i64| Some(NanoDollars(cents * 10_000_000));
    assert_eq!(input("openai/gpt-5"), cents(125), "the entry of gpt");
    assert_eq!(input("openai/gpt-5-mini"), cents(125), "the pattern gpt-5-*");
    assert_eq!(input("gpt-4.1"), cents(500), "the provider");
    assert_eq!(input("openai/o3"), cents(500), "the provider");
    assert_eq!(input("anything"), None);
}

#[test]
fn a_model_of_this_machine_is_known_by_its_entry() {
    let catalog = the_example();
    let model = catalog.on_machine("bitnet-2b");
    assert!(matches!(model.place, Place::Machine));
    assert_eq!((model.facts.context_window, model.facts.native_tools), (Some(4096), false));
    assert_eq!(catalog.on_machine("other").facts.context_window, None);
}
