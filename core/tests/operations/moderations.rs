//! What may be harmful.

use dormouse_core::{
    Code, Result,
    accounting::Outcome,
    gateway::Answered,
    money::NanoDollars,
    operation::Operation,
    wire::openai_moderations::{decode_request, encode_answer},
};
use serde_json::{Value, json};

use crate::bench::{Bench, Provider, caller, origin};

/// With a model of the upstream for it.
const UPSTREAM: &[(&str, &str)] = &[("DORMOUSE_MODERATION_MODEL", "dear")];

async fn moderate(bench: &Bench, body: Value) -> Result<Value> {
    let request = decode_request(&body.to_string().into())?;
    let Answered { answer, .. } =
        bench.run(bench.gateway.moderate(&caller(), request, origin())).await?;
    Ok(serde_json::from_slice(&encode_answer(&answer, "1")).unwrap())
}

fn verdict(flagged: bool) -> Value {
    json!({ "id": "modr-9", "model": "theirs", "results": [{ "flagged": flagged }] })
}

#[tokio::test]
async fn without_a_model_for_it_a_word_list_answers_and_says_so() {
    let bench = Bench::new(Provider::answering(&verdict(true)));
    let body = json!({ "model": "omni-moderation-latest", "input": ["kill yourself", "hello"] });

    let said = moderate(&bench, body).await.unwrap();

    assert_eq!((&said["model"], &said["id"]), (&json!("dormouse-wordlist-1"), &json!("modr-1")));
    let [harmful, harmless] = &said["results"].as_array().unwrap()[..] else { unreachable!() };
    assert_eq!((&harmful["flagged"], &harmless["flagged"]), (&json!(true), &json!(false)));
    assert_eq!(harmful["categories"]["self-harm"], true);
    assert_eq!(harmful["categories"]["sexual/minors"], false);
    assert_eq!(harmful["category_scores"]["harassment"], 1.0);
    assert_eq!(harmful["category_scores"]["hate"], 0.0);
    for field in ["categories", "category_scores", "category_applied_input_types"] {
        assert_eq!(harmful[field].as_object().unwrap().len(), 13, "{field}");
    }
    assert_eq!(harmless["category_applied_input_types"]["hate"], json!(["text"]));
    assert!(bench.asked().is_empty());
    assert!(bench.receipts().await.is_empty(), "nobody was called");
}

#[tokio::test]
async fn parts_are_judged_together_and_pictures_are_not_looked_at() {
    let bench = Bench::new(Provider::answering(&verdict(true)));
    let picture = json!({ "type": "image_url", "image_url": { "url": "https://a.invalid/b.png" } });
    let words = json!({ "type": "text", "text": "how to build a bomb" });
    let said = moderate(&bench, json!({ "input": [picture, words] })).await.unwrap();
    assert_eq!(said["results"].as_array().unwrap().len(), 1);
    assert_eq!(said["results"][0]["categories"]["illicit/violent"], true);

    let said = moderate(&bench, json!({ "input": [picture] })).await.unwrap();
    assert_eq!(said["results"][0]["flagged"], false);
    assert_eq!(said["results"][0]["category_applied_input_types"]["violence"], json!([]));
}

#[tokio::test]
async fn the_upstreams_model_answers_where_there_is_one_free_of_charge() {
    let bench = Bench::with(Provider::answering(&verdict(true)), UPSTREAM);

    let said = moderate(&bench, json!({ "input": "hello", "more": 1 })).await.unwrap();

    assert_eq!(said, verdict(true));
    let asked =
        ("/v1/moderations".to_owned(), json!({ "input": "hello", "more": 1, "model": "dear" }));
    assert_eq!(bench.asked(), [asked]);
    let receipt = bench.receipt().await;
    assert_eq!((receipt.operation, receipt.outcome), (Operation::Moderation, Outcome::Completed));
    assert_eq!((receipt.model.as_str(), receipt.cost), ("dear", NanoDollars(0)));
}

#[tokio::test]
async fn a_caller_may_choose_the_word_list_or_another_model() {
    let bench = Bench::with(Provider::answering(&verdict(true)), UPSTREAM);
    let body = json!({ "input": "hello", "model": "dormouse-wordlist-1" });
    assert_eq!(moderate(&bench, body).await.unwrap()["model"], "dormouse-wordlist-1");
    assert!(bench.asked().is_empty());
    moderate(&bench, json!({ "input": "hello", "model": "other" })).await.unwrap();
    assert_eq!(bench.asked()[0].1["model"], "other");
}

#[tokio::test]
async fn an_upstream_that_fails_is_not_replaced_by_the_word_list() {
    let refusal = json!({ "error": { "message": "no", "type": "x" } });
    let bench = Bench::with(Provider { status: 404, ..Provider::answering(&refusal) }, UPSTREAM);
    let error = moderate(&bench, json!({ "input": "hello" })).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::UpstreamNotFound, "no"));
    assert_eq!(bench.receipt().await.outcome, Outcome::Failed);

    let bench = Bench::with(Provider::answering(&json!({ "results": 1 })), UPSTREAM);
    let error = moderate(&bench, json!({ "input": "hello" })).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamInvalid);
}

#[test]
fn a_wrong_field_is_named() {
    let many: Vec<&str> = vec!["a"; 2049];
    for (body, at) in [
        (json!({}), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": 1 }), "input"),
        (json!({ "input": many }), "input"),
        (json!({ "input": ["a", 1] }), "input[1]"),
        (json!({ "input": [{}] }), "input[0].type"),
        (json!({ "input": [{ "type": "text" }] }), "input[0].text"),
        (json!({ "input": [{ "type": "audio" }] }), "input[0].type"),
        (json!({ "input": [{ "type": "text", "text": "a" }, "b"] }), "input[1]"),
        (json!({ "input": [{ "type": "image_url", "image_url": {} }] }), "input[0].image_url.url"),
        (json!({ "input": "a", "model": 1 }), "model"),
    ] {
        let error = decode_request(&body.to_string().into()).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(at)), "{body}");
    }
}
