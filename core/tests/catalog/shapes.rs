//! Fields and values: what each may be, and what is said of anything else.

use crate::{A, problems, read, refused};

/// A model of `a` with one more field.
fn model(field: &str) -> String {
    format!("{A}models:\n- name: m\n  provider: a\n  {field}\n")
}

/// A provider with one more field.
fn provider(field: &str) -> String {
    format!("providers:\n- name: a\n  api: openai\n  base_url: http://a\n  {field}\n")
}

#[test]
fn a_missing_field_is_named() {
    refused("providers:\n- {name: a, api: ollama}\n", "2:3: providers[0].base_url", "is missing");
    let all = problems("providers:\n- auth: none\n");
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn a_field_without_a_value_is_an_error() {
    refused(&model("price:"), "5:8: models[0].price", "has no value");
    refused(&model("upstream_model: ~"), "5:19: models[0].upstream_model", "has no value");
    refused(&model("aliases:"), "5:10: models[0].aliases", "has no value");
}

#[test]
fn texts_that_look_like_something_else_need_quotation_marks() {
    for value in ["1", "1.5", "true", "0x10", "1e3", ".inf", "-7"] {
        let text = model(&format!("upstream_model: {value}"));
        refused(&text, "5:19: models[0].upstream_model", "put it in quotation marks");
        read(&model(&format!("upstream_model: '{value}'"))).unwrap();
    }
    for value in ["no", "1.2.3", "0xyz", "1_000", "e5"] {
        let catalog = read(&model(&format!("upstream_model: {value}"))).unwrap();
        assert_eq!(catalog.models()[0].upstream_model, value);
    }
}

#[test]
fn kinds_of_values_are_not_mixed_up() {
    for (field, place, why) in [
        ("aliases: b", "5:12: models[0].aliases", "must be a list"),
        ("aliases: [[b]]", "5:13: models[0].aliases[0]", "must be a text, not a list"),
        ("upstream_model: {a: b}", "5:", "must be a text, not a mapping"),
        ("price: 5", "5:10: models[0].price", "must be a mapping"),
        ("price: [5]", "5:10: models[0].price", "must be a mapping"),
        ("native_tools: 'true'", "5:17: models[0].native_tools", "must be true or false"),
        ("context_window: 0", "5:19: models[0].context_window", "whole number from 1"),
        ("context_window: '1'", "5:19: models[0].context_window", "whole number from 1"),
        ("context_window: 1.5", "5:19: models[0].context_window", "whole number from 1"),
        ("context_window: 4294967296", "5:19: models[0].context_window", "whole number from 1"),
        (
            "capabilities: {visoin: true}",
            "5:18: models[0].capabilities.visoin",
            "did you mean `vision`?",
        ),
        ("price: {input: 1, output: 1e3}", "5:29: models[0].price.output", "is not an amount"),
        ("price: {input: [], output: 1}", "5:18: models[0].price.input", "amount of dollars"),
        ("price: {input: 0.0000000001, output: 1}", "5:18: models[0].price.input", "nine decimals"),
        ("price: {input: '-2', output: 1}", "5:18: models[0].price.input", "is negative"),
        ("aliases: [a b]", "5:13: models[0].aliases[0]", "without spaces"),
        ("aliases: ['*']", "5:13: models[0].aliases[0]", "without spaces and `*`"),
        ("aliases: ['']", "5:13: models[0].aliases[0]", "is empty"),
    ] {
        let text = model(field);
        let place = if place == "5:" { "5:19: models[0].upstream_model" } else { place };
        refused(&text, place, why);
    }
}

#[test]
fn a_provider_must_be_reachable_and_its_parts_fit_together() {
    for (field, place, why) in [
        ("auth: basic", "5:9: providers[0].auth", "bearer, x-api-key"),
        ("timeouts: {idle: 0s}", "5:20: providers[0].timeouts.idle", "more than nothing"),
        ("timeouts: {idle: 5}", "5:20: providers[0].timeouts.idle", "must be a text"),
        (
            "timeouts: {first_byte: 5 s}",
            "5:26: providers[0].timeouts.first_byte",
            "500ms, 10s or 5m",
        ),
        ("headers: {'x y': a}", "5:20: providers[0].headers[\"x y\"]", "not the name of a header"),
        ("headers: {host: a}", "5:19: providers[0].headers.host", "set by the gateway itself"),
        ("headers: {a: \"b\\nc\"}", "5:16: providers[0].headers.a", "cannot be sent"),
        ("headers: {a: b, A: c}", "5:22: providers[0].headers.A", "a second time"),
        ("max_tokens_field: tokens", "5:21: providers[0].max_tokens_field", "neither max_tokens"),
        ("credentials: []", "5:16: providers[0].credentials", "empty list"),
        (
            "credentials: [{name: k, secret: \"a\\nb\"}]",
            "5:35: providers[0].credentials[0].secret",
            "visible ASCII",
        ),
    ] {
        refused(&provider(field), place, why);
    }
    for (url, why) in [
        ("ftp://a", "http:// or https://"),
        ("a", "http:// or https://"),
        ("http://u:pass@a/v1", "user name or password"),
        ("http://a/v1?key=1", "query"),
        ("http://a/v1#x", "fragment"),
        ("http:// a", "not a URL"),
        ("http://", "not a URL"),
    ] {
        let text = format!("providers: [{{name: a, api: openai, base_url: '{url}'}}]");
        refused(&text, "1:46: providers[0].base_url", why);
        assert!(!problems(&text)[0].contains("pass@"), "a password is repeated");
    }
}

#[test]
fn routes_and_patterns_say_something() {
    let all = |rest: &str| format!("{A}{rest}");
    refused(
        &all("routes: [{match: {}, protocol: ollama}]"),
        "2:18: routes[0].match",
        "at least one of host, path and methods",
    );
    for (reach, place, why) in [
        ("host: 'a:80'", "2:25: routes[0].match.host", "without scheme, port"),
        ("host: http://a", "2:25: routes[0].match.host", "without scheme"),
        ("host: '*.*'", "2:25: routes[0].match.host", "more than one `*`"),
        ("path: v1", "2:25: routes[0].match.path", "beginning of a path"),
        ("path: /v1/*", "2:25: routes[0].match.path", "beginning of a path"),
        ("methods: [get]", "2:29: routes[0].match.methods[0]", "GET, POST"),
        ("methods: []", "2:28: routes[0].match.methods", "empty list"),
    ] {
        let text = all(&format!("routes: [{{match: {{{reach}}}, protocol: ollama}}]"));
        refused(&text, place, why);
    }
    for (pattern, why) in [
        ("a*b*", "more than one `*`"),
        ("'*'", "default_provider"),
        ("gpt", "listed under `models`"),
    ] {
        let text = all(&format!("patterns: [{{match: {pattern}, provider: a}}]"));
        refused(&text, "2:20: patterns[0].match", why);
    }
    let empty = all("routes: [{match: {path: /}, protocol: ollama, models: {}}]");
    refused(&empty, "2:55: routes[0].models", "is empty");
}
