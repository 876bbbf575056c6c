//! `${NAME}`: what it stands for, and that it never changes what stands around it.

use dormouse_core::catalog::Catalog;
use proptest::prelude::*;

use crate::{example, refused};

fn secret(text: &str, look_up: impl Fn(&str) -> Option<String>) -> String {
    let text = format!(
        "providers: [{{name: a, api: openai, base_url: 'http://a/v1', credentials: [{{name: k, secret: \"{text}\"}}]}}]"
    );
    let catalog = Catalog::read(&text, look_up).unwrap_or_else(|problems| panic!("{problems}"));
    catalog.providers()[0].credentials[0].secret.expose().to_owned()
}

#[test]
fn variables_are_put_in() {
    let look_up = |name: &str| match name {
        "A" => Some("one".to_owned()),
        "_b2" => Some("two".to_owned()),
        _ => None,
    };
    assert_eq!(secret("${A}", look_up), "one");
    assert_eq!(secret("x-${A}-${_b2}-y", look_up), "x-one-two-y");
    assert_eq!(secret("$${A}", look_up), "${A}");
    assert_eq!(secret("$$$${A}$$", look_up), "$${A}$");
}

#[test]
fn what_a_variable_holds_is_not_expanded_again() {
    assert_eq!(secret("${A}", |_| Some("${A}$".to_owned())), "${A}$");
}

#[test]
fn a_variable_that_is_not_set_is_an_error_with_its_line() {
    let text = "providers:\n- name: a\n  api: openai\n  base_url: ${BASE}/${VERSION}\n";
    let problems = Catalog::read(text, |_| None).unwrap_err();
    let listed: Vec<_> = problems.listed().iter().map(ToString::to_string).collect();
    let why = |name| {
        format!(
            "4:13: providers[0].base_url: needs the environment variable {name}, which is not set"
        )
    };
    assert_eq!(listed, [why("BASE"), why("VERSION")]);
}

#[test]
fn a_dollar_sign_that_means_nothing_is_an_error() {
    for wrong in ["$", "$A", "${A", "${}", "${1A}", "${A-B}", "${A:-b}"] {
        let text = format!("providers:\n- name: a\n  api: openai\n  base_url: 'http://{wrong}'\n");
        refused(&text, "4:13: providers[0].base_url", "write `$$` for a dollar sign");
    }
}

#[test]
fn an_empty_variable_is_no_secret() {
    let text = "providers: [{name: a, api: openai, base_url: 'http://a', credentials: [{name: k, secret: '${A}'}]}]";
    let problems = Catalog::read(text, |_| Some(String::new())).unwrap_err();
    assert_eq!(problems.listed()[0].message, "is empty");
}

#[test]
fn messages_do_not_repeat_what_variables_hold() {
    let text = "
providers:
- {name: '${A}', api: '${A}', base_url: '${A}', auth: '${A}', timeouts: {idle: '${A}'}, price: {input: '${A}', output: 1}}
models:
- {name: '${A}', provider: '${A}', aliases: ['${A}'], capabilities: {tools: '${A}'}, context_window: '${A}'}
logical_models:
- {name: l, strategy: '${A}', requires: ['${A}'], candidates: [{model: '${A}'}]}
patterns: [{match: '${A}', provider: a}]
routes: [{match: {host: '${A}', path: '${A}', methods: ['${A}']}, protocol: '${A}', models: {x: '${A}'}}]
default_model: '${A}'
default_provider: '${A}'
";
    let problems = Catalog::read(text, |_| Some("hunter2 :/@hush".to_owned())).unwrap_err();
    assert!(problems.listed().len() > 20, "{problems}");
    assert!(!problems.to_string().contains("hunter2"), "{problems}");
    assert!(!problems.to_string().contains("hush"), "{problems}");
}

#[test]
fn the_variables_of_a_catalog_can_be_asked_for() {
    let names: Vec<_> = Catalog::variables(&example()).into_iter().collect();
    let expected = [
        "ANTHROPIC_KEY",
        "DOCS_KEY",
        "GEMINI_KEY",
        "OPENAI_KEY_A",
        "OPENAI_KEY_B",
        "OPENAI_ORG",
        "WEATHER_KEY",
    ];
    assert_eq!(names, expected);
    assert!(Catalog::variables("a: [").is_empty());
}

proptest! {
    /// A value is put in after the YAML is read.
    #[test]
    fn a_secret_cannot_change_the_structure(value in "[!-~][ -~]{0,40}") {
        prop_assert_eq!(secret("${A}", |_| Some(value.clone())), value);
    }

    #[test]
    fn a_text_with_doubled_dollar_signs_is_the_text(value in "[a-zA-Z0-9${}#:-]{1,30}") {
        prop_assert_eq!(secret(&value.replace('$', "$$"), |_| None), value);
    }
}
