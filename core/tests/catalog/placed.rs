//! Where problems are said to be: all of them, in order, with line and column.

use dormouse_core::catalog::Problems;

use crate::{problems, read, refused};

#[test]
fn everything_wrong_is_said_at_once() {
    let text = "\
providers:
- name: openai
  api: openia
  base_url: ftp://x
  timeout: {idle: 5s}
models:
- name: gpt
  provider: opennai
  price: {input: -1}
- name: gpt
  provider: openai
  context_window: many
default_model: gtp
";
    let expected = [
        "3:8: providers[0].api: `openia` is not one of openai, openai-responses, anthropic, gemini, ollama; did you mean `openai`?",
        "4:13: providers[0].base_url: must begin with http:// or https://",
        "5:3: providers[0].timeout: is not a known field; did you mean `timeouts`?",
        "8:13: models[0].provider: there is no provider `opennai`; did you mean `openai`?",
        "9:10: models[0].price.output: is missing",
        "9:18: models[0].price.input: `-1` is negative: a model that costs nothing costs 0",
        "10:9: models[1].name: `gpt` is taken already, by `models[0].name`",
        "12:19: models[1].context_window: must be a whole number from 1 to 4294967295",
        "13:16: default_model: there is no model `gtp`; did you mean `gpt`?",
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn problems_are_written_as_compilers_write_them() {
    let problems: Problems = read("providers: []").unwrap_err();
    let lines: Vec<_> = problems.lines("catalog.yaml").collect();
    let line = "catalog.yaml:1:12: providers: is an empty list: put something in, or leave it out";
    assert_eq!(lines, [line]);
    let error = problems.into_error("catalog.yaml");
    assert_eq!((error.param(), error.message()), (Some("DORMOUSE_CONFIG"), line));
}

#[test]
fn columns_count_characters() {
    let text = "models: [{name: 'ü', provider: wö}]";
    refused(text, "1:32: models[0].provider", "is not a name");
}

#[test]
fn what_is_not_yaml_is_said_with_its_place() {
    for (text, place) in
        [("providers: [", "2:1"), ("a: b: c", "1:5"), ("a: 'b", "1:"), ("a: *nowhere", "1:")]
    {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(": is not YAML: "), "{problems:?}");
        assert!(problems[0].starts_with(place), "{text}: {problems:?}");
    }
}

#[test]
fn what_yaml_has_beyond_data_is_refused() {
    refused("models: !!seq [{name: a, provider: machine}]", "1:9: models", "has a tag");
    refused("a: 1\n---\nb: 2\n", "2:1", "is a second document");
    refused("? [a]\n: b\n", "1:3", "where the name of a field belongs");
    refused(
        "models: [{name: a, provider: machine, price: {<<: 1, input: 1, output: 1}}]",
        "1:47: models[0].price[\"<<\"]",
        "YAML 1.2 has no merge keys",
    );
}

#[test]
fn a_field_may_be_given_once() {
    let text = "models:\n- name: a\n  provider: machine\n  name: b\n";
    refused(text, "4:3: models[0].name", "is given a second time");
}

#[test]
fn an_empty_catalog_is_none() {
    for text in ["", "# nothing\n"] {
        refused(text, "1:1", "is empty");
    }
    refused("provider_prefix: false", "1:1", "names neither a provider nor a model");
    for text in ["[]", "catalog", "~"] {
        assert!(!problems(text).is_empty());
    }
}

#[test]
fn a_hundred_problems_are_listed_and_the_rest_is_counted() {
    let text: String = (0..250).map(|at| format!("a{at}: 1\n")).collect();
    let problems = read(&text).unwrap_err();
    assert_eq!(problems.listed().len(), 100);
    assert_eq!(problems.lines("c").last().unwrap(), "c: and 150 more");
    assert!(problems.to_string().ends_with("\nand 150 more"));
}
