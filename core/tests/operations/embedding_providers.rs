//! Texts as vectors, where the provider's format is not OpenAI's.

use base64::{Engine, engine::general_purpose::STANDARD};
use dormouse_core::{
    Code, Result,
    accounting::{Outcome, Receipt},
    chat::Source,
    gateway::Answered,
    money::NanoDollars,
    operation::Operation,
    wire::openai_embeddings::{decode_request, encode_answer},
};
use serde_json::{Value, json};

use crate::bench::{Bench, Provider, caller, origin};

const CATALOG: &str = "
providers:
  - {name: gemini, api: gemini, base_url: http://gemini/v1beta}
  - {name: ollama, api: ollama, base_url: http://ollama}
  - {name: anthropic, api: anthropic, base_url: http://anthropic/v1}
models:
  - name: far
    provider: gemini
    upstream_model: gemini-embedding-001
    price: {input: \"1\", output: \"0\"}
  - name: near
    provider: ollama
    upstream_model: all-minilm
    price: {input: \"1\", output: \"0\"}
";

/// What the provider of each model answers where it gives `vectors`.
fn answers(vectors: &[Value]) -> [(&'static str, Value); 2] {
    let values: Vec<Value> = vectors.iter().map(|it| json!({ "values": it })).collect();
    let gemini = json!({ "embeddings": values, "usageMetadata": { "promptTokenCount": 7 } });
    let ollama = json!({ "model": "all-minilm", "embeddings": vectors, "prompt_eval_count": 7 });
    [("far", gemini), ("near", ollama)]
}

fn bench(answer: &Value) -> Bench {
    Bench::with_catalog(Provider::answering(answer), CATALOG)
}

/// Asks, and reads the answer as the caller sees it.
async fn embed(bench: &Bench, body: &Value) -> Result<Value> {
    let request = decode_request(&body.to_string().into())?;
    let encoding = request.encoding;
    let caller = caller();
    let asked = bench.gateway.embed(&caller, request, origin());
    let Answered { answer, .. } = bench.run(asked).await?;
    Ok(serde_json::from_slice(&encode_answer(&answer, encoding)?).unwrap())
}

fn paid(receipt: &Receipt) -> (Operation, Outcome, u64, Source, NanoDollars) {
    let Receipt { operation, outcome, usage, cost, .. } = receipt;
    (*operation, *outcome, usage.input, usage.source, *cost)
}

#[tokio::test]
async fn each_provider_is_asked_in_its_own_words_and_the_caller_hears_its_own() {
    for (model, answer) in answers(&[json!([0.5, -1.0]), json!([0, 1])]) {
        let bench = bench(&answer);
        let said = embed(&bench, &json!({ "model": model, "input": ["a", "b"] })).await.unwrap();

        let vectors: Vec<&Value> =
            said["data"].as_array().unwrap().iter().map(|it| &it["embedding"]).collect();
        assert_eq!(vectors, [&json!([0.5, -1.0]), &json!([0.0, 1.0])]);
        assert_eq!((&said["object"], &said["data"][1]["index"]), (&json!("list"), &json!(1)));
        assert_eq!(said["usage"], json!({ "prompt_tokens": 7, "total_tokens": 7 }));
        let (path, body) = bench.asked().remove(0);
        if model == "far" {
            assert_eq!(path, "/v1beta/models/gemini-embedding-001:batchEmbedContents");
            let one = |text: &str| json!({ "model": "models/gemini-embedding-001", "content": { "parts": [{ "text": text }] } });
            assert_eq!(body, json!({ "requests": [one("a"), one("b")] }));
        } else {
            assert_eq!(path, "/api/embed");
            let expected = json!({ "model": "all-minilm", "input": ["a", "b"], "truncate": false });
            assert_eq!(body, expected);
        }
        let whole =
            (Operation::Embeddings, Outcome::Completed, 7, Source::Reported, NanoDollars(7_000));
        assert_eq!(paid(&bench.receipt().await), whole);
    }
}

#[tokio::test]
async fn base64_is_written_by_the_gateway() {
    for (model, answer) in answers(&[json!([0.5, -1.0])]) {
        let body = json!({ "model": model, "input": "a", "encoding_format": "base64" });
        let said = embed(&bench(&answer), &body).await.unwrap();
        let bytes = STANDARD.decode(said["data"][0]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, [0.5_f32, -1.0].map(f32::to_le_bytes).concat());
    }
}

#[tokio::test]
async fn fewer_dimensions_are_asked_for_and_have_length_one() {
    for (model, answer) in answers(&[json!([3.0, 4.0])]) {
        let bench = bench(&answer);
        let body = json!({ "model": model, "input": "a", "dimensions": 2 });
        let said = embed(&bench, &body).await.unwrap();
        let asked = bench.asked().remove(0).1;
        let (at, vector) = match model {
            "far" => ("/requests/0/outputDimensionality", json!([0.6, 0.8])),
            // Ollama brings every vector to length 1 itself.
            _ => ("/dimensions", json!([3.0, 4.0])),
        };
        assert_eq!(asked.pointer(at), Some(&json!(2)));
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
        };
        let (said, expected) = (numbers(&said["data"][0]["embedding"]), numbers(&vector));
        for (said, expected) in said.iter().zip(&expected) {
            assert!((said - expected).abs() < 1e-6, "{said} instead of {expected}");
        }
    }
}

#[tokio::test]
async fn vectors_that_are_longer_than_asked_for_are_cut() {
    for (model, answer) in answers(&[json!([3.0, 4.0, 12.0])]) {
        let body = json!({ "model": model, "input": "a", "dimensions": 2 });
        let said = embed(&bench(&answer), &body).await.unwrap();
        assert_eq!(said["data"][0]["embedding"].as_array().unwrap().len(), 2, "{said}");
    }
}

#[tokio::test]
async fn a_caller_reaches_what_only_the_provider_has() {
    let [(far, gemini), (near, ollama)] = answers(&[json!([1.0])]);
    let bench_far = bench(&gemini);
    let body = json!({ "model": far, "input": "a", "taskType": "RETRIEVAL_QUERY" });
    embed(&bench_far, &body).await.unwrap();
    assert_eq!(bench_far.asked()[0].1["requests"][0]["taskType"], "RETRIEVAL_QUERY");

    let bench_near = bench(&ollama);
    let body = json!({ "model": near, "input": "a", "truncate": true, "keep_alive": "10m" });
    embed(&bench_near, &body).await.unwrap();
    let asked = &bench_near.asked()[0].1;
    assert_eq!((&asked["truncate"], &asked["keep_alive"]), (&json!(true), &json!("10m")));
}

#[tokio::test]
async fn tokens_are_refused_by_name_before_anyone_is_asked() {
    for (input, at) in [(json!([1, 2]), "input"), (json!(["a", [1]]), "input[1]")] {
        for (model, answer) in answers(&[]) {
            let bench = bench(&answer);
            let error =
                embed(&bench, &json!({ "model": model, "input": input })).await.unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(at)));
            assert!(bench.asked().is_empty());
            assert_eq!(bench.receipt().await.cost, NanoDollars(0));
        }
    }
}

#[tokio::test]
async fn what_is_not_one_vector_of_numbers_for_each_text_is_no_answer() {
    let odd: [&[Value]; 4] = [&[], &[json!([1]), json!([1])], &[json!([1e300])], &[json!(["a"])]];
    for vectors in odd {
        for (model, answer) in answers(vectors) {
            let bench = bench(&answer);
            let error = embed(&bench, &json!({ "model": model, "input": "a" })).await.unwrap_err();
            assert_eq!(error.code(), Code::UpstreamInvalid, "{answer}");
            assert_eq!(bench.receipt().await.outcome, Outcome::Failed);
        }
    }
}

#[tokio::test]
async fn counts_that_the_provider_does_not_tell_are_estimated_and_marked() {
    for (model, mut answer) in answers(&[json!([1.0])]) {
        answer.as_object_mut().unwrap().retain(|field, _| field == "embeddings");
        let bench = bench(&answer);
        let said = embed(&bench, &json!({ "model": model, "input": "12345678" })).await.unwrap();
        let usage = json!({ "prompt_tokens": 2, "total_tokens": 2, "source": "estimated" });
        assert_eq!(said["usage"], usage);
    }
}

#[tokio::test]
async fn errors_are_the_provider_s_own() {
    let gemini = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": "at most 100 requests can be in one batch" } });
    let ollama = json!({ "error": "the input length exceeds the context length" });
    for (model, body) in [("far", gemini), ("near", ollama)] {
        let provider = Provider { status: 400, ..Provider::answering(&body) };
        let bench = Bench::with_catalog(provider, CATALOG);
        let error = embed(&bench, &json!({ "model": model, "input": "a" })).await.unwrap_err();
        assert!(body.to_string().contains(error.message()), "{error}");
        assert_eq!(bench.receipt().await.cost, NanoDollars(0));
    }
}

#[tokio::test]
async fn a_provider_without_embeddings_is_named() {
    let bench = bench(&json!({}));
    let body = json!({ "model": "anthropic/claude", "input": "a" });
    let error = embed(&bench, &body).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("model")));
    assert!(bench.asked().is_empty());
}
