//! What callers of each dialect are told: plans and reviews as thoughts, the answer once, at the end.

use serde_json::{Value, json};

use super::{CHAT, DIALECTS, formed, runs, said, with};
use crate::bench::{Bench, Reply, frames, says};
use dormouse_core::chat::Dialect;

/// What streamed answers say, and what they say as thoughts.
fn streamed(dialect: Dialect, sent: &str) -> (String, String) {
    let (mut answer, mut thoughts) = (String::new(), String::new());
    for frame in frames(sent) {
        let (said, thought): (&Value, &Value) = match dialect {
            Dialect::OpenAiResponses => {
                let delta = &frame["delta"];
                match frame["type"].as_str().unwrap() {
                    "response.output_text.delta" => (delta, &Value::Null),
                    kind if kind.starts_with("response.reasoning") && kind.ends_with(".delta") => {
                        (&Value::Null, delta)
                    }
                    _ => (&Value::Null, &Value::Null),
                }
            }
            Dialect::Anthropic => (&frame["delta"]["text"], &frame["delta"]["thinking"]),
            _ => {
                let delta = &frame["choices"][0]["delta"];
                (&delta["content"], &delta["reasoning_content"])
            }
        };
        answer += said.as_str().unwrap_or_default();
        thoughts += thought.as_str().unwrap_or_default();
    }
    (answer, thoughts)
}

fn everything() -> [Reply; 7] {
    [
        says("task"),
        says("1. Add."),
        says("It is 4."),
        says("VERDICT: no\n- wrong"),
        says("It is 5."),
        says("SCORE: 2\n- wrong"),
        says("It is 3."),
    ]
}

#[tokio::test]
async fn thoughts_are_thoughts_and_the_answer_is_told_once() {
    let wanted = [
        "Kind of request: task",
        "Plan:\n1. Add.",
        "Draft:\nIt is 4.",
        "Verification:\nVERDICT: no",
        "Draft:\nIt is 5.",
        "Critique:\nSCORE: 2",
        "Draft:\nIt is 3.",
    ];
    for dialect in DIALECTS {
        let body = || with(dialect, "m", &json!({ "intent": true, "plan": true, "critique": 1 }));
        let whole = Bench::new(everything()).whole(dialect, body()).await;
        let sent = Bench::new(everything()).stream(dialect, body()).await;
        for (answer, thoughts) in [said(dialect, &whole), streamed(dialect, &sent)] {
            assert_eq!(answer, "It is 3.", "{dialect:?}");
            for thought in wanted {
                assert!(thoughts.contains(thought), "{dialect:?}: {thought}: {thoughts}");
            }
        }
        assert!(sent.contains("\"ending\":\"done\""), "{sent}");
    }
}

#[tokio::test]
async fn a_draft_that_is_only_checked_is_held_until_it_counts() {
    for dialect in DIALECTS {
        let script = || [says("three"), says(r#"{"n": 3}"#)];
        let body = || formed(dialect, &json!({ "correct": true }));
        let whole = Bench::new(script()).whole(dialect, body()).await;
        let sent = Bench::new(script()).stream(dialect, body()).await;
        for (answer, thoughts) in [said(dialect, &whole), streamed(dialect, &sent)] {
            assert_eq!((&*answer, &*thoughts), (r#"{"n": 3}"#, "Draft:\nthree"), "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn what_is_run_and_looked_up_is_told_as_calls_and_results() {
    for (dialect, call) in [
        (Dialect::OpenAiResponses, "\"mcp_call\""),
        (Dialect::Anthropic, "\"server_tool_use\""),
        (CHAT, "\"tool_call\""),
    ] {
        let bench = || {
            let code = says("```python\nprint(3)\n```");
            Bench::able(runs, [code]).web([r#"{"Answer": "3", "AnswerType": "calc"}"#])
        };
        let body = || with(dialect, "m", &json!({ "web": true, "run_code": true, "steps": true }));
        let whole = bench().whole(dialect, body()).await;
        let sent = bench().stream(dialect, body()).await;
        for told in [&whole.to_string(), &sent] {
            assert!(told.contains(call), "{told}");
            assert!(told.contains("\"web_search\"") && told.contains("\"python\""), "{told}");
            assert!(told.contains("exit status: 0"), "{told}");
        }
        assert_eq!(said(dialect, &whole).0, "```python\nprint(3)\n```", "{dialect:?}");
    }
}

#[tokio::test]
async fn what_was_cut_is_told_as_it_is() {
    let bench = Bench::new([Reply::Cut("I will")]);
    let whole = bench.whole(CHAT, with(CHAT, "m", &json!({ "critique": 2 }))).await;
    assert_eq!(said(CHAT, &whole).0, "I will");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(bench.asked().len(), 1);
}
