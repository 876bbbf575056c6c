//! A response is continued by its id: the provider is told the whole conversation.

use dormouse_core::{
    Code,
    files::{NewFile, Shelf},
};
use serde_json::{Value, json};

use crate::bench::{Bench, answer};

fn said(text: &str) -> String {
    answer(json!({ "content": text }))
}

async fn kept(bench: &Bench, tenant: &str, id: &str) -> Result<Value, Code> {
    let kept = bench.gateway.responses().get(tenant, id).await;
    kept.map(|kept| kept.response).map_err(|error| error.code())
}

#[tokio::test]
async fn a_response_is_kept_as_it_was_given_and_continued_by_its_id() {
    let bench = Bench::new(vec![said("Hello."), said("Ada."), said("Bye.")]);
    let first = json!({ "model": "m", "input": "I am Ada.", "instructions": "Be brief." });
    let one = bench.ask("acme", "1", &first).await.expect("an answer");
    assert_eq!(kept(&bench, "acme", "resp_1").await.as_ref(), Ok(&one.response));

    let second = json!({ "model": "m", "input": "Who am I?", "previous_response_id": "resp_1" });
    let two = bench.ask("acme", "2", &second).await.expect("an answer");
    assert_eq!(two.response["previous_response_id"], "resp_1");
    let third = json!({
        "model": "m", "input": "Thanks.", "previous_response_id": "resp_2", "instructions": "Be kind.",
    });
    bench.ask("acme", "3", &third).await.expect("an answer");

    let said = [
        ("system", "Be kind."),
        ("user", "I am Ada."),
        ("assistant", "Hello."),
        ("user", "Who am I?"),
        ("assistant", "Ada."),
        ("user", "Thanks."),
    ];
    let expected: Value =
        said.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
    assert_eq!(bench.told(), expected);
}

#[tokio::test]
async fn a_file_that_an_earlier_response_was_shown_may_be_deleted() {
    let bench = Bench::new(vec![said("a"), said("b")]);
    let new = NewFile {
        filename: "notes.txt".into(),
        purpose: "assistants".into(),
        media_type: "text/plain".into(),
        content: "notes".into(),
    };
    let kept = bench.gateway.keep_file("acme", Shelf::Files, new);
    let file = bench.run(kept).await.unwrap().id;
    let parts = json!([{ "type": "input_file", "file_id": file }]);
    let named = json!({ "model": "m", "input": [{ "role": "user", "content": parts }] });
    bench.ask("acme", "1", &named).await.expect("an answer");
    bench.run(bench.gateway.delete_file("acme", Shelf::Files, &file)).await.unwrap();

    let mut next = json!({ "model": "m", "input": "So?", "previous_response_id": "resp_1" });
    bench.ask("acme", "2", &next).await.expect("an answer");
    let text = format!("[The file {file} was deleted.]");
    assert_eq!(bench.told()[0]["content"], text);
    next["input"] = named["input"].clone();
    let error = bench.ask("acme", "3", &next).await.expect_err("the file is not there");
    assert_eq!((error.code(), error.param()), (Code::NotFound, Some("file_id")));
}

#[tokio::test]
async fn a_conversation_goes_on_from_any_of_its_responses() {
    let bench = Bench::new(vec![said("a"), said("b"), said("c")]);
    let ask =
        |previous: Value| json!({ "model": "m", "input": "x", "previous_response_id": previous });
    bench.ask("acme", "1", &ask(Value::Null)).await.expect("an answer");
    bench.ask("acme", "2", &ask("resp_1".into())).await.expect("an answer");
    bench.ask("acme", "3", &ask("resp_1".into())).await.expect("an answer");
    assert_eq!(bench.told().as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn an_unknown_response_or_a_foreign_one_cannot_be_continued() {
    let bench = Bench::new(vec![said("a")]);
    let first = json!({ "model": "m", "input": "x" });
    bench.ask("acme", "1", &first).await.expect("an answer");
    for (tenant, id) in [("acme", "resp_9"), ("other", "resp_1")] {
        let body = json!({ "model": "m", "input": "x", "previous_response_id": id });
        let error = bench.ask(tenant, "2", &body).await.expect_err("unknown");
        assert_eq!(error.code(), Code::PreviousResponseNotFound);
        assert_eq!(error.param(), Some("previous_response_id"));
    }
    assert_eq!(kept(&bench, "other", "resp_1").await, Err(Code::NotFound));
}

#[tokio::test]
async fn nothing_is_kept_that_should_not_be() {
    let bench = Bench::new(vec![said("a")]);
    let body = json!({ "model": "m", "input": "x", "store": false });
    bench.ask("acme", "1", &body).await.expect("an answer");
    assert_eq!(kept(&bench, "acme", "resp_1").await, Err(Code::NotFound));

    let bench = Bench::set(vec![said("a")], &[("DORMOUSE_RESPONSES_RETENTION", "0s")]);
    bench.ask("acme", "1", &json!({ "model": "m", "input": "x" })).await.expect("an answer");
    assert_eq!(kept(&bench, "acme", "resp_1").await, Err(Code::NotFound));
}

#[tokio::test]
async fn an_answer_that_failed_is_kept_as_failed() {
    let broken =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    let bench = Bench::new(vec![broken.to_owned()]);
    let body = json!({ "model": "m", "input": "x", "stream": true });
    let received = bench.ask("acme", "1", &body).await.expect("a stream");
    assert_eq!(received.error.expect("an error").code(), Code::UpstreamFailed);
    let there = kept(&bench, "acme", "resp_1").await.expect("kept");
    assert_eq!(
        (&there["status"], &there["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    assert_eq!(there["output"][0]["status"], "incomplete");
}

#[tokio::test]
async fn a_free_text_tool_is_a_function_to_a_provider_that_has_none() {
    let call = json!({ "id": "c1", "type": "function", "function": {
        "name": "patch", "arguments": "{\"input\": \"*** Begin\\n\"}",
    } });
    let bench = Bench::new(vec![answer(json!({ "tool_calls": [call] })), said("Done.")]);
    let tools = json!([{ "type": "custom", "name": "patch", "description": "Patches." }]);
    let body = json!({ "model": "m", "input": "Patch it.", "tools": tools });
    let one = bench.ask("acme", "1", &body).await.expect("an answer");
    let item = &one.response["output"][0];
    assert_eq!(item["type"], "custom_tool_call");
    assert_eq!(item["input"], "*** Begin\n");

    let output = json!([{ "type": "custom_tool_call_output", "call_id": "c1", "output": "ok" }]);
    let body =
        json!({ "model": "m", "input": output, "previous_response_id": "resp_1", "tools": tools });
    bench.ask("acme", "2", &body).await.expect("an answer");
    let told = bench.told();
    assert_eq!(told[1]["tool_calls"][0]["function"]["arguments"], r#"{"input":"*** Begin\n"}"#);
    assert_eq!(told[2], json!({ "role": "tool", "tool_call_id": "c1", "content": "ok" }));
}
