//! Models that have no tools of their own.

use dormouse_core::{
    accounting::Outcome,
    chat::{FinishReason, Part, Request, Tool, Whole},
    gateway::Origin,
    money::NanoDollars,
};
use serde_json::json;

use crate::bench::{Bench, Reply, hello};

const CATALOG: &str = "
providers:
  - {name: plain, api: openai, base_url: http://plain/v1}
models:
  - {name: small, provider: plain, native_tools: false, price: {input: 1, output: 1}}
  - {name: able, provider: plain}
";

/// What a small model prints for a call, as JSON inside JSON.
const CALL: &str =
    r#"<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>"#;
/// The same without what the tool's schema requires.
const FLAWED: &str = r#"<tool_call>{\"name\": \"weather\", \"arguments\": {}}</tool_call>"#;

fn question(model: &str) -> Request {
    let schema = json!({
        "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"],
    });
    let tool = Tool { name: "weather".into(), input_schema: Some(schema), ..Tool::default() };
    Request { tools: vec![tool], ..hello(model) }
}

async fn asked(bench: &Bench, model: &str) -> Whole {
    let answer = bench.ask_with(question(model), Origin::default()).await.unwrap();
    bench.whole(answer).await.unwrap()
}

#[tokio::test]
async fn a_model_without_tools_calls_one() {
    let bench = Bench::new(CATALOG);
    bench.script("plain", [Reply::Says(CALL)]);

    let whole = asked(&bench, "small").await;

    let choice = &whole.choices[&0];
    let [Part::ToolCall { name, arguments, id, .. }] = &*choice.parts else {
        panic!("{:?}", choice.parts)
    };
    assert_eq!((&**name, &**arguments), ("weather", r#"{"city":"Oslo"}"#));
    assert!(id.starts_with("call_") && id.len() > 20, "{id}");
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
    let sent = &bench.calls()[0].body;
    assert_eq!(sent.get("tools"), None, "the model is told in words");
    assert!(sent["messages"][0]["content"].as_str().unwrap().contains("weather"), "{sent}");
}

#[tokio::test]
async fn a_model_with_tools_is_left_to_them() {
    let bench = Bench::new(CATALOG);
    asked(&bench, "able").await;
    assert_eq!(bench.calls()[0].body["tools"][0]["function"]["name"], "weather");
}

#[tokio::test]
async fn a_flawed_call_is_asked_for_once_more_and_both_are_paid_for() {
    let bench = Bench::new(CATALOG);
    bench.script("plain", [Reply::Says(FLAWED), Reply::Says(CALL)]);

    let whole = asked(&bench, "small").await;

    assert!(
        matches!(&*whole.choices[&0].parts, [Part::ToolCall { arguments, .. }] if arguments.contains("Oslo"))
    );
    assert_eq!(bench.called().len(), 2);
    let usage = whole.usage.unwrap();
    assert_eq!((usage.input, usage.output), (20, 2), "each answer reports 10 and 1");
    let [receipt] = bench.receipts().await.try_into().unwrap();
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Completed, NanoDollars(22_000)));
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_call_that_stays_flawed_is_told_as_it_is() {
    let bench = Bench::new(CATALOG);
    bench.script("plain", [Reply::Says(FLAWED), Reply::Says(FLAWED)]);
    let whole = asked(&bench, "small").await;
    assert!(
        matches!(&*whole.choices[&0].parts, [Part::ToolCall { arguments, .. }] if arguments == "{}")
    );
    assert_eq!(bench.called().len(), 2, "once more, and not for ever");
}

#[tokio::test]
async fn the_hold_covers_an_answer_that_is_asked_for_twice() {
    let bench = Bench::new(CATALOG);
    let emulated = bench.ask_with(question("small"), Origin::default()).await.unwrap();
    let held = bench.held().await;
    bench.whole(emulated).await.unwrap();
    // 100 output tokens each, and the first answer is read again.
    assert!(held >= NanoDollars(300_000), "{held:?}");
}
