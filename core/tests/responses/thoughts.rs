//! A provider's signed thoughts make their way through a caller that speaks another dialect.

use dormouse_core::Code;
use serde_json::{Value, json};

use crate::bench::{Bench, answer};

/// An answer of a provider that signs its thoughts.
fn signed() -> String {
    answer(json!({ "reasoning_content": "Hm", "reasoning_signature": "proof", "content": "4" }))
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn body(input: Value) -> Value {
    json!({ "model": "m", "input": input, "store": false })
}

fn question() -> Value {
    json!({ "role": "user", "content": "2+2?" })
}

#[tokio::test]
async fn a_signature_comes_back_to_its_provider_as_it_was() {
    let bench = Bench::new(vec![signed(), signed()]);
    let one = bench.ask("acme", "1", &body(json!([question()]))).await.expect("an answer");
    let thoughts = one.response["output"][0].clone();
    assert_eq!(thoughts["type"], "reasoning");
    assert!(!thoughts["encrypted_content"].as_str().expect("sealed").contains("proof"));

    let input = json!([question(), thoughts, one.response["output"][1], question()]);
    bench.ask("acme", "2", &body(input)).await.expect("an answer");
    let told = bench.told();
    assert_eq!(told[1]["reasoning_content"], "Hm");
    assert_eq!(told[1]["reasoning_signature"], "proof");
    assert_eq!(told[1]["content"], "4");
}

#[tokio::test]
async fn thoughts_without_a_signature_come_back_too() {
    let bench =
        Bench::new(vec![answer(json!({ "reasoning_content": "Hm", "content": "4" })), signed()]);
    let one = bench.ask("acme", "1", &body(json!([question()]))).await.expect("an answer");
    let mut thoughts = one.response["output"][0].clone();
    thoughts["summary"] = json!([]);
    let input = json!([question(), thoughts, question()]);
    bench.ask("acme", "2", &body(input)).await.expect("an answer");
    assert_eq!(bench.told()[1]["reasoning_content"], "Hm");
    assert_eq!(bench.told()[1]["reasoning_signature"], Value::Null);
}

#[tokio::test]
async fn what_was_changed_or_is_of_another_tenant_is_refused() {
    let bench = Bench::new(vec![signed()]);
    let one = bench.ask("acme", "1", &body(json!([question()]))).await.expect("an answer");
    let thoughts = one.response["output"][0].clone();
    let mut changed = thoughts.clone();
    let sealed = thoughts["encrypted_content"].as_str().expect("sealed");
    changed["encrypted_content"] = format!("{sealed}A").into();
    for (tenant, thoughts) in [("acme", changed), ("other", thoughts)] {
        let input = json!([question(), thoughts]);
        let error = bench.ask(tenant, "2", &body(input)).await.expect_err("refused");
        assert_eq!(error.code(), Code::InvalidRequest);
        assert_eq!(error.param(), Some("input[].encrypted_content"));
    }
}

#[tokio::test]
async fn a_kept_response_gives_its_provider_back_what_its_caller_never_saw() {
    let bench = Bench::new(vec![signed(), signed()]);
    let first = json!({ "model": "m", "input": "2+2?" });
    let one = bench.ask("acme", "1", &first).await.expect("an answer");
    assert_eq!(one.response["output"][0]["encrypted_content"], Value::Null);
    let second = json!({ "model": "m", "input": "Sure?", "previous_response_id": "resp_1" });
    bench.ask("acme", "2", &second).await.expect("an answer");
    assert_eq!(bench.told()[1]["reasoning_signature"], "proof");
}
