//! Texts as vectors.

use base64::{Engine, engine::general_purpose::STANDARD};
use dormouse_core::{
    Code, Result,
    accounting::Outcome,
    chat::Source,
    embeddings::{Encoding, Input},
    gateway::Answered,
    money::NanoDollars,
    operation::Operation,
    wire::openai_embeddings::{decode_request, encode_answer},
};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::bench::{Bench, LOCAL, Provider, caller, origin};

fn answer(vectors: &[Value]) -> Value {
    let data = vectors.iter().enumerate();
    let data: Vec<Value> = data
        .map(|(index, it)| json!({ "object": "embedding", "index": index, "embedding": it }))
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": "m-1",
        "usage": { "prompt_tokens": 7, "total_tokens": 7 },
    })
}

fn base64(numbers: &[f32]) -> String {
    STANDARD.encode(numbers.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>())
}

/// Asks, and reads the answer as the caller sees it.
async fn embed(bench: &Bench, body: Value) -> Result<Value> {
    let request = decode_request(&body.to_string().into())?;
    let encoding = request.encoding;
    let Answered { answer, .. } =
        bench.run(bench.gateway.embed(&caller(), request, origin())).await?;
    Ok(serde_json::from_slice(&encode_answer(&answer, encoding)?).unwrap())
}

fn vectors(answer: &Value) -> Vec<&Value> {
    answer["data"].as_array().unwrap().iter().map(|entry| &entry["embedding"]).collect()
}

#[tokio::test]
async fn a_call_costs_what_the_provider_reports() {
    let bench = Bench::new(Provider::answering(&answer(&[json!([0.5, -1.0])])));

    let said = embed(&bench, json!({ "model": "dear", "input": "Hello" })).await.unwrap();

    assert_eq!(said["usage"], json!({ "prompt_tokens": 7, "total_tokens": 7 }));
    let receipt = bench.receipt().await;
    assert_eq!((receipt.operation, receipt.outcome), (Operation::Embeddings, Outcome::Completed));
    assert_eq!((receipt.usage.input, receipt.usage.output), (7, 0));
    assert_eq!((receipt.usage.source, receipt.cost), (Source::Reported, NanoDollars(7_000)));
    assert_eq!(bench.held().await, NanoDollars(0));
    assert_eq!(bench.asked()[0].0, "/v1/embeddings");
    let metrics = bench.gateway.figures().await.unwrap();
    assert!(metrics.contains(r#"gen_ai_operation_name="embeddings""#), "{metrics}");
}

#[tokio::test]
async fn whatever_the_provider_writes_the_caller_gets_the_encoding_it_asked_for() {
    let (numbers, text) = (json!([0.5, -1.0]), json!(base64(&[0.5, -1.0])));
    for theirs in [&numbers, &text] {
        for (asked, ours) in [("float", &numbers), ("base64", &text)] {
            let bench = Bench::new(Provider::answering(&answer(std::slice::from_ref(theirs))));
            let body = json!({ "model": "m", "input": "Hello", "encoding_format": asked });
            let said = embed(&bench, body).await.unwrap();
            assert_eq!(vectors(&said), [ours], "{theirs} asked as {asked}");
            assert_eq!(bench.asked()[0].1["encoding_format"], asked);
        }
    }
}

#[tokio::test]
async fn what_is_as_it_was_asked_for_keeps_its_bytes() {
    let mut body = answer(&[json!([0.1234567891234_f64])]);
    body["more"] = json!(true);
    let bench = Bench::new(Provider::answering(&body));
    let said = embed(&bench, json!({ "model": "m", "input": "Hello" })).await.unwrap();
    assert_eq!(said, body);
}

#[tokio::test]
async fn a_request_goes_on_as_it_came_with_the_model_that_is_meant() {
    let bench = Bench::with(
        Provider::answering(&answer(&[json!([1])])),
        &[("DORMOUSE_DEFAULT_MODEL", "usual")],
    );
    embed(&bench, json!({ "input": [[1, 2]], "user": "u", "task": "search" })).await.unwrap();
    let expected = json!({ "input": [[1, 2]], "user": "u", "task": "search", "model": "usual" });
    assert_eq!(bench.asked()[0].1, expected);
}

#[tokio::test]
async fn vectors_come_in_the_order_of_their_inputs() {
    let body = json!({
        "data": [{ "index": 1, "embedding": [2.0] }, { "index": 0, "embedding": [1.0] }],
        "usage": { "prompt_tokens": 1 },
    });
    let bench = Bench::new(Provider::answering(&body));
    let said = embed(&bench, json!({ "model": "m", "input": ["a", "b"] })).await.unwrap();
    assert_eq!(vectors(&said), [&json!([1.0]), &json!([2.0])]);
    assert_eq!(said["data"][1]["index"], 1);
}

#[tokio::test]
async fn longer_vectors_than_asked_for_are_cut_and_shorter_ones_are_an_error_that_is_paid_for() {
    let bench = Bench::new(Provider::answering(&answer(&[json!([3.0, 4.0, 12.0])])));
    let body = json!({ "model": "dear", "input": "Hello", "dimensions": 2 });
    assert_eq!(vectors(&embed(&bench, body).await.unwrap()), [&json!([0.6, 0.8])]);

    let bench = Bench::new(Provider::answering(&answer(&[json!([3.0, 4.0, 12.0])])));
    let body = json!({ "model": "dear", "input": "Hello", "dimensions": 4 });
    let error = embed(&bench, body).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("dimensions")));
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Failed, NanoDollars(7_000)));
}

#[tokio::test]
async fn counts_that_nobody_reported_are_estimated_and_marked() {
    let mut body = answer(&[json!([1.0]), json!([1.0])]);
    body["usage"] = Value::Null;
    let bench = Bench::new(Provider::answering(&body));
    let asked = json!({ "model": "dear", "input": ["12345678", "1234"] });

    let said = embed(&bench, asked).await.unwrap();

    let usage = json!({ "prompt_tokens": 3, "total_tokens": 3, "source": "estimated" });
    assert_eq!(said["usage"], usage);
    let receipt = bench.receipt().await;
    assert_eq!((receipt.usage.source, receipt.usage.input), (Source::Estimated, 3));
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let odd = [
        json!([]),
        json!({ "data": [] }),
        json!({ "data": [{ "index": 1, "embedding": [1.0] }] }),
        json!({ "data": [{ "index": 0, "embedding": "AAA=" }] }),
        json!({ "data": [{ "index": 0, "embedding": base64(&[f32::NAN]) }] }),
        json!({ "data": [{ "index": 0, "embedding": [1e300] }] }),
        json!({ "data": [{ "index": 0, "embedding": null }] }),
        answer(&[json!([1.0]), json!([1.0])]),
    ];
    for body in odd {
        let bench = Bench::new(Provider::answering(&body));
        let error = embed(&bench, json!({ "model": "m", "input": "Hello" })).await.unwrap_err();
        assert_eq!(error.code(), Code::UpstreamInvalid, "{body}");
        assert_eq!(bench.receipt().await.outcome, Outcome::Failed);
    }
}

#[tokio::test]
async fn the_worst_case_is_held_while_it_runs_and_a_caller_who_leaves_is_booked() {
    let bench = Bench::new(Provider { stalls: true, ..Provider::answering(&"{") });
    let body = json!({ "model": "dear", "input": "12345678" }).to_string();
    let request = decode_request(&body.into()).unwrap();
    let caller = caller();
    let mut call = Box::pin(bench.gateway.embed(&caller, request, origin()));
    assert!((&mut call).now_or_never().is_none());
    bench.host.run_spawned().await;
    assert!((&mut call).now_or_never().is_none(), "the answer does not end");
    assert_eq!(bench.held().await, NanoDollars(72_000), "a token a byte, and what models add");

    drop(call);

    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.usage.source), (Outcome::Aborted, Source::Estimated));
    assert_eq!(receipt.cost, NanoDollars(2_000));
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn what_a_provider_refuses_costs_nothing() {
    let body = json!({ "error": { "message": "no embeddings here", "type": "not_supported" } });
    let bench = Bench::new(Provider { status: 501, ..Provider::answering(&body) });
    let error = embed(&bench, json!({ "model": "dear", "input": "Hello" })).await.unwrap_err();
    assert_eq!(error.message(), "no embeddings here");
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Failed, NanoDollars(0)));
}

#[tokio::test]
async fn a_model_of_this_machine_is_woken() {
    let bench = Bench::new(Provider::answering(&answer(&[json!([1.0])])));
    embed(&bench, json!({ "model": LOCAL, "input": "Hello" })).await.unwrap();
    assert_eq!(bench.servers.starts(LOCAL), 1);
    let receipt = bench.receipt().await;
    assert_eq!((receipt.model.as_str(), receipt.wake_ms.is_some()), (LOCAL, true));
}

#[test]
fn inputs_come_in_four_forms() {
    let text = |text: &str| Input::Text(text.into());
    for (input, expected) in [
        (json!("a"), vec![text("a")]),
        (json!(["a", "b"]), vec![text("a"), text("b")]),
        (json!([1, 2]), vec![Input::Tokens(vec![1, 2])]),
        (json!([[1, 2], [3]]), vec![Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])]),
    ] {
        let body = json!({ "model": "m", "input": input, "encoding_format": "base64" });
        let request = decode_request(&body.to_string().into()).unwrap();
        assert_eq!((request.inputs, request.encoding), (expected, Encoding::Base64), "{input}");
    }
}

#[test]
fn a_wrong_field_is_named() {
    let many: Vec<&str> = vec!["a"; 2049];
    for (body, at) in [
        (json!({}), "input"),
        (json!({ "input": null }), "input"),
        (json!({ "input": "" }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": {} }), "input"),
        (json!({ "input": many }), "input"),
        (json!({ "input": ["a", ""] }), "input[1]"),
        (json!({ "input": ["a", 1] }), "input[1]"),
        (json!({ "input": [[]] }), "input[0]"),
        (json!({ "input": [1, -2] }), "input[1]"),
        (json!({ "input": [[1, "a"]] }), "input[0][1]"),
        (json!({ "input": "a", "model": 1 }), "model"),
        (json!({ "input": "a", "dimensions": 0 }), "dimensions"),
        (json!({ "input": "a", "dimensions": -1 }), "dimensions"),
        (json!({ "input": "a", "encoding_format": "hex" }), "encoding_format"),
    ] {
        let error = decode_request(&body.to_string().into()).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(at)), "{body}");
    }
}
