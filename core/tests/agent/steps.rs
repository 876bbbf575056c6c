//! What a run does, step by step.

use std::sync::atomic::Ordering;

use dormouse_core::{
    agent::idempotency_key,
    chat::{Dialect, Event, PartKind},
};
use futures::{FutureExt, StreamExt};
use serde_json::json;

use crate::bench::{Bench, Reply, calls, question, question_in, says};

const CHAT: Dialect = Dialect::OpenAiChat;

#[tokio::test]
async fn a_call_is_run_and_its_result_is_told_to_the_model() {
    let call = ("c1", "add", r#"{"a": 1, "b": 2}"#);
    let bench = Bench::new([calls([call]), says("It is 3.")]);

    let answer = bench.whole(CHAT, question("m")).await;

    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "It is 3.");
    assert_eq!(choice["message"].get("tool_calls"), None, "the caller has nothing to run");
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 20, "both calls of the model count");
    assert_eq!(answer["dormouse"]["ending"], "done");
    let asked = bench.asked();
    assert_eq!(asked[0].get("dormouse"), None, "no provider is told of the gateway's own field");
    assert_eq!(asked[0]["tools"][0]["function"]["name"], "add");
    let messages = asked[1]["messages"].as_array().unwrap();
    assert_eq!(messages[1]["tool_calls"][0]["id"], "c1");
    assert_eq!(messages[2], json!({ "role": "tool", "tool_call_id": "c1", "content": "3" }));
}

#[tokio::test]
async fn each_question_begins_with_the_bytes_of_the_one_before() {
    let call = |id| calls([(id, "add", r#"{"a": 1, "b": 2}"#)]);
    let bench = Bench::new([call("c1"), call("c2"), says("3")]);
    bench.whole(CHAT, question("m")).await;
    let told = bench.told();
    assert_eq!(told.len(), 3);
    assert!(told.windows(2).all(|two| two[1].starts_with(&two[0])), "{told:#?}");
}

#[tokio::test]
async fn calls_of_one_answer_run_beside_each_other() {
    let bench = Bench::new([calls([("a", "meet", "{}"), ("b", "meet", "{}")]), says("done")]);
    bench.whole(CHAT, question("m")).await;
    let messages = bench.asked()[1]["messages"].clone();
    let ids: Vec<_> =
        messages.as_array().unwrap()[2..].iter().map(|it| &it["tool_call_id"]).collect();
    assert_eq!(ids, ["a", "b"], "and their results are in the order of the calls");
}

#[tokio::test]
async fn a_tool_that_fails_is_for_the_model_to_deal_with() {
    let broken = ("b", "add", r#"{"a": "one"}"#);
    let bench = Bench::new([
        calls([("a", "fail", "{}"), broken, ("c", "add", "no json")]),
        says("I could not."),
    ]);
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    let messages = bench.asked()[1]["messages"].clone();
    let said = |at: usize| messages[at]["content"].as_str().unwrap().to_owned();
    assert_eq!(said(2), "Error: no such file");
    assert!(said(3).contains("input."), "{}", said(3));
    assert!(said(4).contains("not JSON"), "{}", said(4));
    assert_eq!(
        bench.log.calls.lock().unwrap().len(),
        1,
        "what a tool does not take never reaches it"
    );
}

#[tokio::test]
async fn a_result_is_cut_to_what_a_model_is_shown() {
    let bench = Bench::new([calls([("a", "long", "{}")]), says("long")]);
    bench.whole(CHAT, question("m")).await;
    let shown = bench.asked()[1]["messages"][2]["content"].as_str().unwrap().len();
    assert!(shown < 9000, "{shown}");
}

#[tokio::test]
async fn each_call_has_its_own_key_and_the_workspace_of_its_run() {
    let call = ("c", "add", r#"{"a": 1, "b": 2}"#);
    let bench = Bench::new([calls([call, call]), calls([call]), says("3")]);
    bench.whole(CHAT, question("m")).await;
    let made = bench.log.calls.lock().unwrap();
    let run = &made[0].1.workspace.name;
    assert!(made.iter().all(|(_, context)| &context.workspace.name == run));
    assert_eq!(made[0].1.workspace.tenant, "acme");
    let keys: Vec<&str> = made.iter().map(|(_, context)| &*context.idempotency_key).collect();
    let call = |index| dormouse_core::agent::Call {
        index,
        id: "c".into(),
        name: "add".into(),
        arguments: String::new(),
    };
    let wanted = [(1, 0), (1, 1), (2, 0)].map(|(step, at)| idempotency_key(run, step, &call(at)));
    assert_eq!(keys, wanted);
}

#[tokio::test]
async fn a_tool_of_the_caller_is_handed_back_and_ours_are_run() {
    let bench =
        Bench::new([calls([("a", "add", r#"{"a": 1, "b": 2}"#), ("b", "open_door", "{}")])]);
    let mut body = question("m");
    body["tools"] = json!([{ "type": "function", "function": { "name": "open_door" } }]);
    let answer = bench.whole(CHAT, body).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let made = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!((made.len(), &made[0]["id"]), (1, &json!("b")));
    assert_eq!(bench.log.calls.lock().unwrap().len(), 1);
    assert_eq!(answer["dormouse"]["ending"], "handed_back");
}

#[tokio::test]
async fn a_tool_that_the_caller_has_too_is_the_callers() {
    let bench = Bench::new([calls([("a", "add", r#"{"a": 1, "b": 2}"#)])]);
    let mut body = question("m");
    body["tools"] = json!([{ "type": "function", "function": { "name": "add" } }]);
    let answer = bench.whole(CHAT, body).await;
    assert_eq!(answer["choices"][0]["message"]["tool_calls"][0]["id"], "a");
    assert!(bench.log.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_demanded_of_the_first_answer_is_not_demanded_of_the_next() {
    let call = calls([("a", "add", r#"{"a": 1, "b": 2}"#)]);
    let bench = Bench::new([call, says("3")]);
    let mut body = question("m");
    body["tool_choice"] = "required".into();
    body["tools"] = json!([{ "type": "function", "function": { "name": "open_door" } }]);
    bench.whole(CHAT, body).await;
    let asked = bench.asked();
    assert_eq!((&asked[0]["tool_choice"], asked[1].get("tool_choice")), (&json!("required"), None));
}

#[tokio::test]
async fn a_request_may_demand_a_tool_of_the_gateway() {
    let named = json!({ "type": "function", "function": { "name": "add" } });
    for (dialect, demanded, sent) in [
        (CHAT, json!("required"), json!("required")),
        (CHAT, named.clone(), named.clone()),
        (Dialect::OpenAiResponses, json!("required"), json!("required")),
        (Dialect::OpenAiResponses, json!({ "type": "function", "name": "add" }), named.clone()),
        (Dialect::Anthropic, json!({ "type": "any" }), json!("required")),
        (Dialect::Anthropic, json!({ "type": "tool", "name": "add" }), named.clone()),
    ] {
        let bench = Bench::new([calls([("a", "add", r#"{"a": 1, "b": 2}"#)]), says("3")]);
        let mut body = question_in(dialect, "m");
        body["tool_choice"] = demanded.clone();
        bench.whole(dialect, body).await;
        let asked = bench.asked();
        assert_eq!((&asked[0]["tool_choice"], asked[1].get("tool_choice")), (&sent, None));

        // As it is where the gateway has none, or none of that name.
        let mut body = question_in(dialect, "m");
        body["tool_choice"] = demanded;
        body["dormouse"]["tools"] = json!(["none-*"]);
        let refused = bench.ask(dialect, body, Default::default()).await.unwrap_err();
        assert_eq!(refused.param(), Some("tool_choice"), "{refused}");
    }
}

#[tokio::test]
async fn a_request_may_choose_among_the_tools() {
    let bench = Bench::new([says("no")]);
    let mut body = question("m");
    body["dormouse"]["tools"] = json!(["add", "f*"]);
    bench.whole(CHAT, body).await;
    let tools = bench.asked()[0]["tools"].clone();
    let names: Vec<_> =
        tools.as_array().unwrap().iter().map(|it| &it["function"]["name"]).collect();
    assert_eq!(names, ["add", "fail"]);
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_by_name() {
    for (field, value, at) in [
        ("dormouse", json!({ "mode": "loop", "tools": ["ad"] }), "dormouse.tools[0]"),
        ("dormouse", json!({ "mode": "lop" }), "dormouse.mode"),
        ("dormouse", json!({ "tools": ["add"] }), "dormouse.tools"),
        ("dormouse", json!({ "steps": true }), "dormouse.steps"),
        ("n", json!(2), "n"),
    ] {
        let bench = Bench::new([]);
        let mut body = question("m");
        body[field] = value;
        let refused = bench.ask(CHAT, body, Default::default()).await.unwrap_err();
        assert_eq!(refused.param(), Some(at));
    }
}

#[tokio::test]
async fn without_the_mode_calls_are_the_callers() {
    let bench = Bench::new([calls([("a", "add", "{}")])]);
    let mut body = question("m");
    body.as_object_mut().unwrap().shift_remove("dormouse");
    let answer = bench.whole(CHAT, body.clone()).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(bench.asked()[0].get("tools"), None);

    let looped = Bench::set(&[("DORMOUSE_MODE", "loop")], [says("yes")]);
    let answer = looped.whole(CHAT, body).await;
    assert_eq!(answer["dormouse"]["ending"], "done", "a setting may say another");
}

#[tokio::test]
async fn a_model_told_in_words_prints_its_calls_and_says_when_it_is_done() {
    let call =
        r#"I will add. <tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>"#;
    let bench = Bench::new([says(call), says("So it is 3.\nDONE: It is 3.")]);
    let answer = bench.whole(CHAT, question("small")).await;
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], "It is 3.");
    let thoughts = message["reasoning_content"].as_str().unwrap();
    assert!(thoughts.contains("I will add.") && thoughts.contains("So it is 3."), "{thoughts}");
    let system = bench.asked()[0]["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(system.contains("DONE:"), "{system}");
    assert!(bench.told()[1].starts_with(&bench.told()[0]));
}

#[tokio::test]
async fn an_answer_without_the_word_is_an_answer_after_a_nudge() {
    let bench = Bench::new([says("I think 3."), says("It is 3.")]);
    let answer = bench.whole(CHAT, question("small")).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "It is 3.");
    assert_eq!(answer["dormouse"]["ending"], "done");
    let nudge = bench.asked()[1]["messages"].as_array().unwrap().last().unwrap().clone();
    assert!(nudge["content"].as_str().unwrap().contains("DONE:"), "{nudge}");
}

#[tokio::test]
async fn who_leaves_ends_the_tools() {
    let bench = Bench::new([calls([("a", "wait", "{}")])]);
    let mut answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    while bench.log.working.load(Ordering::Relaxed) == 0 {
        // Polled until the tool works.
        drop(answer.chunks.next().now_or_never());
        bench.host.run_spawned().await;
    }
    drop(answer);
    assert_eq!(bench.log.working.load(Ordering::Relaxed), 0);
    let figures = bench.gateway.figures().await.unwrap();
    assert!(figures.contains(r#"dormouse_agent_runs_total{ending="aborted"} 1"#), "{figures}");
}

#[tokio::test]
async fn what_the_model_says_is_told_as_it_says_it() {
    let bench = Bench::new([calls([("a", "add", r#"{"a": 1, "b": 2}"#)]), says("It is 3.")]);
    let events = bench.events(CHAT, question("m")).await;
    let deltas = events.iter().filter(|event| matches!(event, Event::PartDelta { .. }));
    assert_eq!(deltas.count(), 4, "one of arguments, and a word each");
    let kinds: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::PartStart { kind, .. } => Some(std::mem::discriminant(kind)),
            _ => None,
        })
        .collect();
    let of = |kind: PartKind| std::mem::discriminant(&kind);
    let wanted = [
        of(PartKind::OwnCall { id: String::new(), name: String::new() }),
        of(PartKind::ToolResult { call_id: String::new(), parts: Vec::new(), is_error: false }),
        of(PartKind::Text),
    ];
    assert_eq!(kinds, wanted);
}

#[tokio::test]
async fn a_provider_that_fails_later_is_an_error_in_the_stream() {
    let bench = Bench::new([calls([("a", "add", r#"{"a": 1, "b": 2}"#)]), Reply::Fails]);
    let sent = bench.stream(CHAT, question("m")).await;
    assert!(sent.contains("it is gone") && sent.trim_end().ends_with("data: [DONE]"), "{sent}");
}
