//! Items of the input that are only named: they stand for items of responses that are kept.

use dormouse_core::{Code, Result};
use serde_json::{Value, json};

use crate::bench::{Bench, Received, answer};

/// A response of two items, thoughts and a call, kept as `resp_1`.
async fn kept() -> Bench {
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "now", "arguments": "{}" } });
    let called = json!({ "content": null, "reasoning_content": "Hm.", "tool_calls": [call] });
    let bench = Bench::new(vec![answer(called), answer(json!({ "content": "Noon." }))]);
    let body = json!({ "model": "m", "input": "What time is it?", "tools": [tool()] });
    bench.ask("acme", "1", &body).await.expect("an answer");
    bench
}

fn tool() -> Value {
    json!({ "type": "function", "name": "now", "parameters": { "type": "object", "properties": {} } })
}

/// Asks again with these items and the result of the call.
async fn ask(bench: &Bench, tenant: &str, named: &[Value], more: &Value) -> Result<Received> {
    let result = json!({ "type": "function_call_output", "call_id": "call_1", "output": "12:00" });
    let mut input = vec![json!({ "role": "user", "content": "What time is it?" })];
    input.extend_from_slice(named);
    input.push(result);
    let mut body =
        json!({ "model": "m", "input": input, "tools": [tool()], "instructions": "Be brief." });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.clone());
    }
    bench.ask(tenant, "2", &body).await
}

fn named(id: &str) -> Value {
    json!({ "type": "item_reference", "id": id })
}

#[tokio::test]
async fn an_item_that_is_named_is_told_to_the_provider_in_full() {
    for store in [true, false] {
        let bench = kept().await;
        let named = [named("rs_1_0"), json!({ "id": "fc_1_1" })];
        let received = ask(&bench, "acme", &named, &json!({ "store": store })).await;
        assert_eq!(
            received.expect("an answer").response["output"][0]["content"][0]["text"],
            "Noon."
        );

        let told = bench.told();
        let roles: Vec<_> = told.as_array().expect("a list").iter().map(|it| &it["role"]).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool"], "{told}");
        assert_eq!(told[2]["tool_calls"][0]["id"], "call_1");
        assert_eq!(told[2]["reasoning_content"], "Hm.", "thoughts and call are one turn");
    }
}

#[tokio::test]
async fn what_is_kept_is_the_item_and_not_its_name() {
    let bench = kept().await;
    ask(&bench, "acme", &[named("fc_1_1")], &json!({})).await.expect("an answer");
    let kept = bench.gateway.responses().get("acme", "resp_2").await.expect("kept");
    assert_eq!(kept.input[1]["call_id"], "call_1", "{:?}", kept.input);
}

#[tokio::test]
async fn items_of_the_input_can_be_named_and_with_a_response_before_them() {
    let bench = kept().await;
    let named = [named("msg_1_in0")];
    let more = json!({ "previous_response_id": "resp_1" });
    ask(&bench, "acme", &named, &more).await.expect("an answer");
    let told = bench.told();
    let texts: Vec<_> =
        told.as_array().expect("a list").iter().map(|it| (&it["role"], &it["content"])).collect();
    assert_eq!(texts[0], (&json!("system"), &json!("Be brief.")));
    assert_eq!(texts[1], (&json!("user"), &json!("What time is it?")), "the earlier response");
    assert_eq!(texts[4], (&json!("user"), &json!("What time is it?")), "the named item: {told}");
}

#[tokio::test]
async fn t_40_an_unknown_item_or_a_foreign_one_is_refused_by_name() {
    for (tenant, id) in
        [("acme", "fc_9_0"), ("acme", "fc_1_7"), ("acme", "odd"), ("other", "fc_1_1")]
    {
        let bench = kept().await;
        let error = ask(&bench, tenant, &[named(id)], &json!({})).await.expect_err("a refusal");
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("input")));
        assert!(error.message().contains(id), "{error}");
    }
}

#[tokio::test]
async fn items_of_so_many_responses_are_not_looked_for() {
    let bench = kept().await;
    let many: Vec<Value> = (0..17).map(|number| named(&format!("fc_{number}_0"))).collect();
    let error = ask(&bench, "acme", &many, &json!({})).await.expect_err("a refusal");
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("input")));
}
