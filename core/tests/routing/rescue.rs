//! Models that have tools, and print a call all the same.

use dormouse_core::{
    chat::{Dialect, FinishReason, Original, Part, Request, Tool, ToolChoice, Whole},
    gateway::Origin,
};
use serde_json::json;

use crate::bench::{Bench, Reply, hello};

const CATALOG: &str = "
providers:
  - {name: one, api: openai, base_url: http://one/v1}
models:
  - {name: small, provider: one, rescue_tools: true}
  - {name: large, provider: one}
";

/// The four forms in which small models print a call, each as JSON inside JSON.
const PRINTED: [&str; 4] = [
    r#"{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}"#,
    r#"```json\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n```"#,
    r#"<tool_call>{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}</tool_call>"#,
    r#"<function=bash><parameter=command>ls</parameter></function>"#,
];

/// What a model says to people.
const SAID: [&str; 4] = [
    r#"Run this:\n```bash\nls\n```"#,
    r#"A call looks like `<tool_call>{\"name\": \"bash\", \"arguments\": {}}</tool_call>`."#,
    r#"```json\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n```\nis what I would call."#,
    r#"{\"name\": \"dash\", \"arguments\": {}}"#,
];

fn question(model: &str) -> Request {
    let schema = json!({
        "type": "object", "properties": { "command": { "type": "string" } }, "required": ["command"],
    });
    let tool = Tool { name: "bash".into(), input_schema: Some(schema), ..Tool::default() };
    Request { tools: vec![tool], ..hello(model) }
}

async fn asked(bench: &Bench, request: Request) -> Whole {
    let answer = bench.ask_with(request, Origin::default()).await.unwrap();
    bench.whole(answer).await.unwrap()
}

fn text(whole: &Whole) -> &str {
    match &*whole.choices[&0].parts {
        [Part::Text { text, .. }] => text,
        other => panic!("one text, not {other:?}"),
    }
}

/// What JSON inside JSON says.
fn plain(escaped: &str) -> String {
    serde_json::from_str(&format!("\"{escaped}\"")).unwrap()
}

#[tokio::test]
async fn t_09_a_call_that_is_printed_is_made() {
    for printed in PRINTED {
        let bench = Bench::new(CATALOG);
        bench.script("one", [Reply::Says(printed)]);
        let whole = asked(&bench, question("small")).await;
        let choice = &whole.choices[&0];
        let [Part::ToolCall { id, name, arguments, .. }] = &*choice.parts else {
            panic!("{printed}: {:?}", choice.parts)
        };
        assert_eq!((&**name, &**arguments), ("bash", r#"{"command":"ls"}"#));
        assert!(id.starts_with("call_"), "{id}");
        assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
        let sent = bench.calls().remove(0).body;
        assert_eq!(sent["tools"][0]["function"]["name"], "bash", "it is asked as it should be");
    }
}

#[tokio::test]
async fn t_09_what_is_shown_or_explained_is_no_call() {
    for said in SAID {
        let bench = Bench::new(CATALOG);
        bench.script("one", [Reply::Says(said)]);
        let whole = asked(&bench, question("small")).await;
        assert_eq!(text(&whole), plain(said));
        assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::Stop));
    }
}

#[tokio::test]
async fn models_of_which_it_is_not_said_are_taken_at_their_word() {
    let bench = Bench::new(CATALOG);
    bench.script("one", [Reply::Says(PRINTED[0])]);
    assert_eq!(text(&asked(&bench, question("large")).await), plain(PRINTED[0]));
}

#[tokio::test]
async fn without_tools_nothing_is_a_call() {
    for request in
        [hello("small"), Request { tool_choice: Some(ToolChoice::None), ..question("small") }]
    {
        let bench = Bench::new(CATALOG);
        bench.script("one", [Reply::Says(PRINTED[2])]);
        assert_eq!(text(&asked(&bench, request).await), plain(PRINTED[2]));
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_are_mended() {
    let call = r#"data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"bash","arguments":"{'command': 'ls'"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"REASON"}]}

data: [DONE]

"#;
    for (reason, heard) in [("tool_calls", r#"{"command":"ls"}"#), ("length", "{'command': 'ls'")] {
        let bench = Bench::new(CATALOG);
        let stream: &'static str = call.replace("REASON", reason).leak();
        bench.script("one", [Reply::Sends(stream)]);
        let whole = asked(&bench, question("small")).await;
        let [Part::ToolCall { id, arguments, .. }] = &*whole.choices[&0].parts else {
            panic!("{whole:?}")
        };
        assert_eq!((&**id, &**arguments), ("c1", heard), "{reason}");
    }
}

/// A stream of one call with these arguments, and of ten tokens read and one written.
fn calls(arguments: &str) -> Reply {
    let function = json!({ "name": "bash", "arguments": arguments });
    let call = json!([{ "index": 0, "id": "c1", "type": "function", "function": function }]);
    let said = json!({ "id": "a", "model": "m", "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "I look.", "tool_calls": call } }] });
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 10, "completion_tokens": 1 } });
    let stream = format!("data: {said}\n\ndata: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    Reply::Sends(stream.leak())
}

const HOPELESS: &str = r#"{"command": ls, "#;

#[tokio::test]
async fn a_call_that_is_beyond_mending_is_asked_for_once_more_and_both_are_paid_for() {
    let bench = Bench::new(CATALOG);
    bench.script("one", [calls(HOPELESS), calls(r#"{"command":"ls"}"#)]);

    let whole = asked(&bench, question("small")).await;

    let choice = &whole.choices[&0];
    let [Part::Text { .. }, Part::Text { .. }, Part::ToolCall { arguments, .. }] = &*choice.parts
    else {
        panic!("{:?}", choice.parts)
    };
    assert_eq!(arguments, r#"{"command":"ls"}"#);
    let usage = whole.usage.unwrap();
    assert_eq!((usage.input, usage.output), (20, 2), "each answer reports 10 and 1");
    let sent = bench.calls();
    assert_eq!(sent.len(), 2);
    let again = &sent[1].body;
    assert_eq!(again["tools"], sent[0].body["tools"]);
    let complaint = again["messages"][2]["content"].as_str().unwrap();
    assert!(complaint.starts_with("The arguments of your call of `bash` are not valid JSON."));
    assert!(complaint.ends_with("Call the tool again, correctly."), "{complaint}");
    let [receipt] = bench.receipts().await.try_into().unwrap();
    assert_eq!((receipt.usage.input, receipt.usage.output), (20, 2));
}

#[tokio::test]
async fn a_call_that_stays_beyond_mending_is_told_as_it_is() {
    let bench = Bench::new(CATALOG);
    bench.script("one", [calls(HOPELESS), calls(HOPELESS)]);
    let whole = asked(&bench, question("small")).await;
    let told = whole.choices[&0].parts.last().unwrap();
    assert!(matches!(told, Part::ToolCall { arguments, .. } if arguments == HOPELESS), "{told:?}");
    assert_eq!(bench.calls().len(), 2, "it is asked for once");
}

#[tokio::test]
async fn a_whole_answer_with_nothing_to_rescue_keeps_its_bytes() {
    let body = json!({
        "id": "a", "object": "chat.completion", "created": 1, "model": "m", "odd": [1],
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    });
    let bench = Bench::new(CATALOG);
    let said: &'static str = body.to_string().leak();
    bench.script("one", [Reply::Status(200, None, said)]);
    let asked = json!({ "model": "small", "messages": [{ "role": "user", "content": "?" }] });
    let original = Original { dialect: Dialect::OpenAiChat, body: asked.to_string().into() };
    let request = Request { stream: None, original: Some(original), ..question("small") };
    let mut answer = bench.ask_with(request, Origin::default()).await.unwrap();
    let mut bytes = None;
    while let Some(chunk) = bench.run(futures::StreamExt::next(&mut answer.chunks)).await {
        bytes = chunk.unwrap().verbatim.or(bytes);
    }
    assert_eq!(bytes.as_deref(), Some(said.as_bytes()));
}
