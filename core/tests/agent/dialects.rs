//! What callers of each dialect see of a run, whole and streamed, and bring back.

use dormouse_core::chat::Dialect;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, calls, frames, question_in, says};

/// Two calls at once, one of which fails, and then the answer.
fn script() -> [Reply; 2] {
    let add = ("a", "add", r#"{"a":1,"b":2}"#);
    [Reply::Says("Let me see.", vec![add, ("b", "fail", "")]), says("It is 3.")]
}

#[tokio::test]
async fn chat_tells_what_is_said_and_steps_only_where_they_are_wanted() {
    let ask = |steps: bool| {
        let mut body = question_in(Dialect::OpenAiChat, "m");
        body["dormouse"]["steps"] = steps.into();
        (Bench::new(script()), body)
    };
    let (bench, body) = ask(false);
    let frames_without = frames(&bench.stream(Dialect::OpenAiChat, body).await);
    let content: String = frames_without
        .iter()
        .filter_map(|frame| frame["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(content, "Let me see.\n\nIt is 3.");
    assert!(frames_without.iter().all(|frame| frame["dormouse"].get("step").is_none()));
    assert!(frames_without.iter().all(|it| it["choices"][0]["delta"].get("tool_calls").is_none()));

    let (bench, body) = ask(true);
    let sent = frames(&bench.stream(Dialect::OpenAiChat, body).await);
    let steps: Vec<&Value> = sent.iter().filter_map(|it| it["dormouse"].get("step")).collect();
    let (bench, body) = ask(true);
    let whole = bench.whole(Dialect::OpenAiChat, body).await;
    let mut whole_steps: Vec<&Value> =
        whole["dormouse"]["steps"].as_array().unwrap().iter().collect();
    let wanted = [
        json!({ "type": "tool_call", "id": "a", "name": "add", "arguments": "{\"a\":1,\"b\":2}" }),
        json!({ "type": "tool_call", "id": "b", "name": "fail", "arguments": "{}" }),
        json!({ "type": "tool_result", "call_id": "a", "output": "3", "is_error": false }),
        json!({ "type": "tool_result", "call_id": "b", "output": "no such file", "is_error": true }),
    ];
    assert_eq!(steps.len(), 4);
    assert_eq!(steps[..2], wanted[..2].iter().collect::<Vec<_>>());
    assert!(wanted.iter().all(|step| steps.contains(&step)), "{steps:?}");
    assert!(wanted.iter().all(|step| whole_steps.contains(&step)), "{whole_steps:?}");
    assert_eq!(whole_steps.drain(..).count(), 4);
    assert_eq!(whole["choices"][0]["message"]["content"], "Let me see.\n\nIt is 3.");
}

#[tokio::test]
async fn responses_has_one_item_for_a_call_and_its_result() {
    let dialect = Dialect::OpenAiResponses;
    let sent = frames(&Bench::new(script()).stream(dialect, question_in(dialect, "m")).await);
    let numbers: Vec<u64> = sent.iter().map(|it| it["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().enumerate().all(|(at, number)| usize::try_from(*number).unwrap() == at));
    let last = sent.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    let output = last["response"]["output"].as_array().unwrap();
    let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "mcp_call", "mcp_call", "message"]);
    assert_eq!((&output[1]["output"], &output[1]["status"]), (&json!("3"), &json!("completed")));
    assert_eq!((&output[2]["output"], &output[2]["status"]), (&Value::Null, &json!("failed")));
    assert_eq!(output[2]["error"]["content"][0]["text"], "no such file");
    for (index, item) in output.iter().enumerate() {
        let of = |kind: &str| {
            sent.iter()
                .filter(|it| it["type"] == kind && it["output_index"] == index)
                .map(|it| it["item"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("response.output_item.added").len(), 1);
        assert_eq!(of("response.output_item.done"), std::slice::from_ref(item));
    }
    let whole = Bench::new(script()).whole(dialect, question_in(dialect, "m")).await;
    assert_eq!(whole["output"], last["response"]["output"], "the same, collected");
}

#[tokio::test]
async fn anthropic_has_blocks_of_the_servers_tools() {
    let dialect = Dialect::Anthropic;
    let sent = frames(&Bench::new(script()).stream(dialect, question_in(dialect, "m")).await);
    let starts: Vec<&Value> =
        sent.iter().filter(|it| it["type"] == "content_block_start").collect();
    let kinds: Vec<&Value> = starts.iter().map(|it| &it["content_block"]["type"]).collect();
    let result = "bash_code_execution_tool_result";
    assert_eq!(kinds, ["text", "server_tool_use", "server_tool_use", result, result, "text"]);
    let indices: Vec<u64> = starts.iter().map(|it| it["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
    let end = sent.iter().find(|it| it["type"] == "message_delta").unwrap();
    assert_eq!(end["delta"]["stop_reason"], "end_turn", "the caller has nothing to run");
    let whole = Bench::new(script()).whole(dialect, question_in(dialect, "m")).await;
    let content = whole["content"].as_array().unwrap();
    let whole_kinds: Vec<&Value> = content.iter().map(|it| &it["type"]).collect();
    assert_eq!(whole_kinds, kinds);
    assert_eq!(content[1]["input"], json!({ "a": 1, "b": 2 }));
    let failed = content.iter().find(|it| it["content"]["return_code"] == 1).unwrap();
    assert_eq!(failed["content"]["stderr"], "no such file");
    assert_eq!(whole["stop_reason"], "end_turn");
}

/// What the model reads of a run that its caller brings back.
async fn brought_back(dialect: Dialect, said: Value) -> Vec<Value> {
    let mut body = question_in(dialect, "m");
    body.as_object_mut().unwrap().shift_remove("dormouse");
    let next = json!({ "role": "user", "content": "Thanks." });
    let field = if dialect == Dialect::OpenAiResponses { "input" } else { "messages" };
    let list = body[field].as_array_mut().unwrap();
    match (dialect, said) {
        (Dialect::OpenAiResponses, Value::Array(items)) => list.extend(items),
        (_, said) => list.push(json!({ "role": "assistant", "content": said })),
    }
    list.push(next);
    let bench = Bench::new([says("You are welcome.")]);
    bench.whole(dialect, body).await;
    bench.asked()[0]["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_brought_back_is_read_as_calls_and_results() {
    let dialect = Dialect::Anthropic;
    let whole = Bench::new(script()).whole(dialect, question_in(dialect, "m")).await;
    let messages = brought_back(dialect, whole["content"].clone()).await;
    let roles: Vec<&Value> = messages.iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "assistant", "user"]);
    assert_eq!(messages[1]["tool_calls"][0]["id"], "a");
    let results: Vec<&Value> = messages[2..4].iter().map(|it| &it["content"]).collect();
    assert!(results.contains(&&json!("3")) && results.contains(&&json!("Error: no such file")));

    let dialect = Dialect::OpenAiResponses;
    let whole = Bench::new(script()).whole(dialect, question_in(dialect, "m")).await;
    let messages = brought_back(dialect, whole["output"].clone()).await;
    let roles: Vec<&Value> = messages.iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "tool", "assistant", "user"]);
    assert_eq!(messages[2]["content"], "3");
}

#[tokio::test]
async fn a_response_that_is_kept_holds_the_whole_run() {
    let dialect = Dialect::OpenAiResponses;
    let bench = Bench::new(script().into_iter().chain([says("6")]));
    let sent = frames(&bench.stream(dialect, question_in(dialect, "m")).await);
    let id = sent.last().unwrap()["response"]["id"].as_str().unwrap().to_owned();
    let body =
        json!({ "model": "m", "input": "And twice?", "previous_response_id": id, "store": false });
    bench.whole(dialect, body).await;
    let roles: Vec<Value> = bench.asked()[2]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["role"].clone())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "tool", "assistant", "user"]);
}

#[tokio::test]
async fn a_mixed_answer_is_whole_in_every_dialect() {
    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic] {
        let ask = || {
            let mut body = question_in(dialect, "m");
            let schema = json!({ "type": "object" });
            body["tools"] = match dialect {
                Dialect::OpenAiChat => {
                    json!([{ "type": "function", "function": { "name": "open_door" } }])
                }
                Dialect::OpenAiResponses => {
                    json!([{ "type": "function", "name": "open_door", "parameters": schema }])
                }
                _ => json!([{ "name": "open_door", "input_schema": schema }]),
            };
            let add = ("a", "add", r#"{"a":1,"b":2}"#);
            (Bench::new([calls([("d", "open_door", "{}"), add])]), body)
        };
        let (bench, body) = ask();
        let sent = bench.stream(dialect, body).await;
        let (bench, body) = ask();
        let whole = bench.whole(dialect, body).await.to_string();
        let (handed_back, reason) = match dialect {
            Dialect::OpenAiChat => ("\"tool_calls\":[", "\"finish_reason\":\"tool_calls\""),
            Dialect::OpenAiResponses => ("\"function_call\"", "\"status\":\"completed\""),
            _ => ("\"tool_use\"", "\"stop_reason\":\"tool_use\""),
        };
        for told in [&sent, &whole] {
            assert!(told.contains(handed_back) && told.contains(reason), "{told}");
            assert!(told.contains("open_door") && told.contains("handed_back"), "{told}");
        }
    }
}
