//! The JSON Schema: generated, and of one mind with the reader.

use std::{collections::BTreeSet, env, fs};

use dormouse_core::catalog::Catalog;
use jsonschema::Validator;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

use crate::{example, read};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalog.schema.json");

/// `UPDATE_SCHEMA=1 cargo test` rewrites it.
#[test]
fn the_schema_in_the_documentation_is_the_one_of_the_code() {
    let expected = format!("{:#}\n", Catalog::schema());
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(SCHEMA, expected).unwrap();
        return;
    }
    let written = fs::read_to_string(SCHEMA).unwrap();
    assert!(
        written == expected,
        "run `UPDATE_SCHEMA=1 cargo test -p dormouse-core --test catalog`"
    );
}

/// Reads YAML without the catalog's reader, as an editor would.
fn json(yaml: &str) -> Value {
    let documents = Yaml::load_from_str(yaml).unwrap();
    plain(&documents[0])
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
        Yaml::Value(Scalar::Boolean(it)) => (*it).into(),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(name, value)| (name.as_str().unwrap().to_owned(), plain(value)))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&Catalog::schema()).unwrap()
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&Catalog::schema()));
}

#[test]
fn the_schema_accepts_the_example() {
    assert!(validator().is_valid(&json(&example())));
}

#[test]
fn the_example_shows_every_field() {
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    fields(&Catalog::schema(), true, &mut known);
    fields(&json(&example()), false, &mut shown);
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "not in the example of docs/catalog.md: {missing:?}");
}

/// The names of all fields in `value`, or if it is a schema, in what it describes.
fn fields(value: &Value, schema: bool, names: &mut BTreeSet<String>) {
    let named = if schema { &value["properties"] } else { value };
    names.extend(named.as_object().into_iter().flat_map(|fields| fields.keys().cloned()));
    let inner: Vec<_> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().for_each(|value| fields(value, schema, names));
}

#[test]
fn schema_and_reader_refuse_the_same_shapes() {
    let (example, validator) = (example(), validator());
    for (right, wrong) in [
        ("api: openai ", "api: openia "),
        ("api: anthropic", "apis: anthropic"),
        ("base_url: https://api.openai.com/v1", "base_url: ftp://api.openai.com"),
        ("base_url: https://api.openai.com/v1", "base_url: https://me@api.openai.com"),
        ("first_byte: 2m", "first_byte: 2"),
        ("first_byte: 2m", "first_byte: 2 minutes"),
        ("weight: 3 ", "weight: 0 "),
        ("input: \"1.25\", cached", "input: \"1,25\", cached"),
        ("input: 3,", "input: -3,"),
        ("vision: false", "vision: maybe"),
        ("vision: false", "sight: false"),
        ("aliases: [gpt-latest, gpt-5]", "aliases: []"),
        ("- name: flash\n", "- aliases: [flash]\n"),
        ("strategy: weighted", "strategy: random"),
        ("on: [transport,", "on: [everything,"),
        ("max_attempts: 2", "max_attempts: two"),
        ("match: {path: /v1/embeddings}", "match: {path: v1/embeddings}"),
        ("methods: [GET, POST]", "methods: [get]"),
        ("protocol: embeddings", "protocol: vectors"),
        ("context_window: 40960", "context_window: '40960'"),
        ("match: gpt-5-*", "match: '*gpt-5-*'"),
        ("name: bitnet", "name: bit net"),
        ("native_tools: false", "native_tools: none"),
        ("default_provider: lab", "default_providers: lab"),
        ("max_output_tokens: 8192", "max_output_tokens: 0"),
        ("max_output_tokens: 8192", "request_timeout: 1m"),
        ("name: acme", "name: _acme"),
        ("conversation_ttl: 7d", "conversation_ttl: 7 days"),
        ("conversation_compact_at: 70", "conversation_compact_at: 101"),
        ("critique: 1", "critique: 4"),
        ("critique: 1", "critiques: 1"),
        ("web: auto", "web: always"),
        ("plan: false", "plan: maybe"),
    ] {
        let broken = example.replacen(right, wrong, 1);
        assert_ne!(broken, example, "`{right}` is not in the example");
        assert!(read(&broken).is_err(), "the reader accepts `{wrong}`");
        assert!(!validator.is_valid(&json(&broken)), "the schema accepts `{wrong}`");
    }
}

#[test]
fn schema_and_reader_accept_variables_in_texts() {
    let text = "
providers: [{name: '${N}', api: ollama, base_url: '${U}', price: {input: '${P}', output: '${P}'}, timeouts: {idle: '${T}'}}]
logical_models: [{name: l, strategy: '${S}', candidates: [{model: '${N}/m'}]}]
";
    let look_up = |name: &str| match name {
        "N" => Some("a".to_owned()),
        "U" => Some("http://a".to_owned()),
        "P" => Some("1.5".to_owned()),
        "T" => Some("5s".to_owned()),
        "S" => Some("priority".to_owned()),
        _ => None,
    };
    Catalog::read(text, look_up).unwrap();
    assert!(validator().is_valid(&json(text)));
}
