//! Runs, in which the gateway runs the tools: a program is written, fails, is mended and works, in a real
//! sandbox.

use dormouse_testkit::upstream::Answer;
use serde_json::{Value, json};

use crate::stage::{Stage, within};

const QUESTION: &str = "Write sum.py, which prints 1 + 2, and run it.";
const ANSWER: &str = "It prints 3.";

/// What the model does, step by step. Its first program lacks a bracket.
fn script() -> [Answer; 5] {
    let call = |name: &str, input: &Value| {
        let input = input.to_string();
        Answer::tool_calls(&[(name, &[&input])])
    };
    let write = |content| call("write_file", &json!({ "path": "sum.py", "content": content }));
    let run = || call("bash", &json!({ "command": "python3 sum.py" }));
    [write("print(1 + 2\n"), run(), write("print(1 + 2)\n"), run(), Answer::text(&[ANSWER])]
}

/// A streamed request of this dialect that has the gateway run the tools.
fn request(path: &str, model: &str) -> Value {
    let turn = json!([{ "role": "user", "content": QUESTION }]);
    let mut body = json!({ "model": model, "stream": true, "dormouse": { "mode": "loop" } });
    let field = if path == "/v1/responses" { "input" } else { "messages" };
    body[field] = turn;
    if path == "/v1/messages" {
        body["max_tokens"] = json!(1000);
    }
    body
}

pub(crate) async fn a_program_is_written_run_mended_and_reported(stage: Stage) {
    // Whatever holds programs on this machine: its own are harmless.
    let gateway = stage.gateway(&[("DORMOUSE_SANDBOX", "warn")]).await;
    for (model, path) in [
        ("chat", "/v1/chat/completions"),
        ("responses", "/v1/responses"),
        ("messages", "/v1/messages"),
    ] {
        script().into_iter().for_each(|answer| stage.upstream.once(model, answer));

        let reply = gateway.post(path, &request(path, model)).await;

        assert_eq!(reply.status, 200, "{reply:?}");
        let told = String::from_utf8_lossy(&reply.body);
        assert!(told.contains(ANSWER) && told.contains("\"ending\":\"done\""), "{told}");
        assert_eq!(stage.upstream.count(model), 5);
        let mut results = Vec::new();
        for _ in 0..5 {
            let asked = within("the request", stage.upstream.asked(model)).await.json();
            let last = asked["messages"].as_array().unwrap().last().unwrap().clone();
            results.push(last["content"].as_str().unwrap().to_owned());
        }
        assert_eq!(results[0], QUESTION);
        assert!(results[2].contains("SyntaxError"), "{}", results[2]);
        assert!(
            results[4].contains("exit status: 0") && results[4].contains('3'),
            "{}",
            results[4]
        );
        if path != "/v1/chat/completions" {
            assert!(told.contains("SyntaxError"), "the caller sees it, too: {told}");
        }
    }
}
