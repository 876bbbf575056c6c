//! What the parts of a catalog say about each other.

use crate::{A, problems, read, refused};

const MODELS: &str = "models: [{name: x, provider: a, aliases: [ex]}, {name: y, provider: a, capabilities: {tools: false}}]\n";

/// A catalog of one provider, two models, and `rest` from its third line on.
fn with(rest: &str) -> String {
    format!("{A}{MODELS}{rest}")
}

#[test]
fn every_name_is_given_once() {
    let second = "{name: a, api: ollama, base_url: http://b}";
    refused(
        &A.replace("}]", &format!("}}, {second}]")),
        "1:67: providers[1].name",
        "`a` is taken already, by `providers[0].name`",
    );
    refused(&A.replace("name: a", "name: machine"), "1:20: providers[0].name", "take another name");
    refused(
        &with("logical_models: [{name: ex, candidates: [{model: x}]}]"),
        "3:25: logical_models[0].name",
        "`ex` is taken already, by `models[0].aliases[0]`",
    );
    refused(
        "models: [{name: x, provider: machine, aliases: [x]}]",
        "1:49: models[0].aliases[0]",
        "`x` is taken already, by `models[0].name`",
    );
    let twice = "credentials: [{name: k, secret: s}, {name: k, secret: t}]";
    refused(
        &A.replace("}]", &format!(", {twice}}}]")),
        "1:102: providers[0].credentials[1].name",
        "`k` is taken already",
    );
}

#[test]
fn what_is_named_must_be_there() {
    for (rest, place, why) in [
        (
            "default_provider: b",
            "3:19: default_provider",
            "there is no provider `b`; did you mean `a`?",
        ),
        ("default_model: ey", "3:16: default_model", "did you mean `ex` or `y`?"),
        (
            "patterns: [{match: g-*, provider: openai}]",
            "3:35: patterns[0].provider",
            "no provider `openai`",
        ),
        ("default_model: nowhere/x", "3:16: default_model", "no model `nowhere/x`"),
        (
            "routes: [{match: {path: /}, protocol: ollama, default_model: who}]",
            "3:62: routes[0].default_model",
            "no model `who`",
        ),
        (
            "routes: [{match: {path: /}, protocol: ollama, models: {c-1*: who}}]",
            "3:62: routes[0].models[\"c-1*\"]",
            "no model `who`",
        ),
        (
            "logical_models: [{name: l, candidates: [{model: who}]}]",
            "3:49: logical_models[0].candidates[0].model",
            "is written `provider/model`",
        ),
    ] {
        refused(&with(rest), place, why);
    }
    read(&with("default_model: a/other")).unwrap();
}

/// A name that the catalog itself uses may not be taken by whoever takes everything.
#[test]
fn a_misspelt_reference_is_not_taken_by_a_pattern_or_the_default_provider() {
    let text =
        with("patterns: [{match: x*, provider: a}]\ndefault_provider: a\ndefault_model: xx\n");
    refused(&text, "5:16: default_model", "there is no model `xx`; did you mean `ex` or `x`?");
}

#[test]
fn logical_models_do_not_go_round_in_circles() {
    let text = with(
        "logical_models:
- {name: in, candidates: [{model: p}]}
- {name: p, candidates: [{model: x}, {model: q}]}
- {name: q, candidates: [{model: r}]}
- {name: r, candidates: [{model: p}]}
- {name: self, candidates: [{model: self}]}
",
    );
    let expected = [
        "5:46: logical_models[1].candidates[1].model: goes round in a circle: p → q → r → p",
        "8:37: logical_models[4].candidates[0].model: goes round in a circle: self → self",
    ];
    assert_eq!(problems(&text), expected);
}

#[test]
fn candidates_must_be_capable_and_different() {
    for (logical, place, why) in [
        (
            "candidates: [{model: y}], requires: [tools]",
            "3:49: logical_models[0].candidates[0].model",
            "`y` lacks `tools`",
        ),
        (
            "candidates: [{model: x}, {model: ex}]",
            "3:61: logical_models[0].candidates[1].model",
            "is a candidate already",
        ),
        ("candidates: []", "3:40: logical_models[0].candidates", "empty list"),
        (
            "candidates: [{model: x, weight: 2}]",
            "3:60: logical_models[0].candidates[0].weight",
            "only counts with `strategy: weighted`, not with auto",
        ),
        (
            "candidates: [{model: x}], fallback: {on: []}",
            "3:69: logical_models[0].fallback.on",
            "empty list",
        ),
        (
            "candidates: [{model: x}], fallback: {max_attempts: 0}",
            "3:79: logical_models[0].fallback.max_attempts",
            "from 1",
        ),
        (
            "candidates: [{model: x}], requires: [tool]",
            "3:65: logical_models[0].requires[0]",
            "did you mean `tools`?",
        ),
    ] {
        refused(&with(&format!("logical_models: [{{name: l, {logical}}}]")), place, why);
    }
    let text = with(
        "logical_models:
- {name: l, candidates: [{model: y}]}
- {name: m, candidates: [{model: l}], requires: [tools]}
",
    );
    refused(&text, "5:34: logical_models[1].candidates[0].model", "no candidate of `l` is capable");
}

#[test]
fn a_pattern_that_is_never_reached_is_an_error() {
    for (wide, narrow) in [("g-*", "g-5*"), ("*-x", "*-y-x"), ("a*c", "ab*bc"), ("g*", "g*")] {
        let two = |first: &str, second: &str| {
            with(&format!(
                "patterns:\n- {{match: '{first}', provider: a}}\n- {{match: '{second}', provider: a}}\n"
            ))
        };
        let why = format!("`{narrow}` is never reached: `{wide}` (`patterns[0]`)");
        refused(&two(wide, narrow), "5:11: patterns[1].match", &why);
        if wide != narrow {
            read(&two(narrow, wide)).unwrap();
        }
    }
}

#[test]
fn a_route_that_is_never_reached_is_an_error() {
    let two = |first: &str, second: &str| {
        with(&format!(
            "routes:\n- {{match: {{{first}}}, protocol: ollama}}\n- {{match: {{{second}}}, protocol: ollama}}\n"
        ))
    };
    for (wide, narrow) in [
        ("path: /v1", "path: /v1/messages"),
        ("path: /", "methods: [GET]"),
        ("methods: [GET, POST]", "methods: [POST], host: h"),
        ("host: '*.example.com'", "host: a.EXAMPLE.com, path: /"),
    ] {
        refused(&two(wide, narrow), "5:11: routes[1].match", "never reached: `routes[0]`");
        read(&two(narrow, wide)).unwrap();
    }
    for (one, other) in [("path: /v1", "path: /v10"), ("methods: [GET]", "methods: [GET, POST]")] {
        read(&two(one, other)).unwrap();
    }
    let meanings = "routes: [{match: {path: /}, protocol: ollama, models: {c*: x, cc*: y}}]";
    refused(
        &with(meanings),
        "3:68: routes[0].models[\"cc*\"]",
        "`c*` takes every such name before",
    );
}

#[test]
fn what_would_count_for_nothing_is_an_error() {
    let provider = |rest: &str| {
        format!("providers:\n- name: a\n  api: anthropic\n  base_url: http://a\n{rest}")
    };
    let credentials = "  credentials: [{name: k, secret: s, weight: 2}]\n";
    for (rest, place, why) in [
        (format!("{credentials}  auth: none\n"), "5:16: providers[0].credentials", "never be used"),
        (
            format!("{credentials}  credential_strategy: fill_first\n"),
            "5:46: providers[0].credentials[0].weight",
            "round_robin",
        ),
        (
            format!("{credentials}  headers: {{X-Api-Key: k}}\n"),
            "6:12: providers[0].headers.x-api-key",
            "also carries the credential",
        ),
        (
            "  max_tokens_field: max_tokens\n".to_owned(),
            "5:21: providers[0].max_tokens_field",
            "only counts with `api: openai`",
        ),
    ] {
        refused(&provider(&rest), place, why);
    }
}

#[test]
fn a_model_in_process_speaks_openai() {
    let anthropic = A.replace("openai", "anthropic").replace("http://a/v1", "embedded:nano");
    refused(&anthropic, "1:28: providers[0].api", "must be openai");
}
