//! Embeddings, both ways.

use dormouse_core::{
    Code,
    chat::{Source, Usage},
    wire::ollama::embed::{EmbedRequest, Embedded, decode, encode},
};
use serde_json::{Value, json};

fn written(request: &EmbedRequest<'_>) -> Value {
    let call = encode(request).expect("a call");
    assert_eq!(call.path, "api/embed");
    serde_json::from_slice(&call.body).expect("JSON")
}

#[test]
fn a_batch_is_one_request() {
    let input = ["a".to_owned(), "b".to_owned()];
    let request = EmbedRequest { model: "all-minilm", input: &input, ..EmbedRequest::default() };
    assert_eq!(written(&request), json!({ "model": "all-minilm", "input": ["a", "b"] }));
    let request = EmbedRequest {
        dimensions: Some(128),
        truncate: Some(false),
        keep_alive: Some("10m".into()),
        ..request
    };
    let expected = json!({
        "model": "all-minilm", "input": ["a", "b"],
        "dimensions": 128, "truncate": false, "keep_alive": "10m",
    });
    assert_eq!(written(&request), expected);
    let error = encode(&EmbedRequest::default()).expect_err("a refusal");
    assert_eq!(error.param(), Some("model"));
}

#[test]
fn each_text_has_its_vector() {
    let body = json!({
        "model": "all-minilm", "embeddings": [[0.25, -0.5], [1, 2.5]],
        "total_duration": 14_143_917, "load_duration": 1_019_500, "prompt_eval_count": 8,
    });
    let usage = Usage { input: 8, source: Source::Reported, ..Usage::default() };
    let expected = Embedded {
        model: "all-minilm".into(),
        vectors: vec![vec![0.25, -0.5], vec![1.0, 2.5]],
        usage: Some(usage),
    };
    assert_eq!(decode(body.to_string().as_bytes(), 2).expect("vectors"), expected);
}

#[test]
fn what_has_no_vector_for_each_text_is_no_answer() {
    for body in [r#"{"embeddings": [[1]]}"#, r#"{"embeddings": 1}"#, "{}", "[", ""] {
        let error = decode(body.as_bytes(), 2).expect_err("an error");
        assert_eq!(error.code(), Code::UpstreamInvalid, "{body}");
    }
}
