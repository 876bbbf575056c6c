//! Runs, in which the gateway runs the tools: a program is written, fails, is mended and works, in a real sandbox,
//! on this machine or at the end of a line.

use dormouse_testkit::{process::Process, upstream::Answer};
use serde_json::{Value, json};

use crate::{
    client::Gateway,
    host::{self, Host},
    stage::{Stage, within},
};

const QUESTION: &str = "Write sum.py, which prints 1 + 2, and run it.";
const ANSWER: &str = "It prints 3.";
/// What every request of this dialect is asked of, and where.
const DIALECTS: [(&str, &str); 3] = [
    ("chat", "/v1/chat/completions"),
    ("responses", "/v1/responses"),
    ("messages", "/v1/messages"),
];
/// The key between gateways and their sandbox.
const KEY: &str = "a key that nobody guesses";

/// A sandbox elsewhere. It ends when this is dropped.
struct Elsewhere {
    url: String,
    _process: Process,
}

impl Elsewhere {
    /// Starts one that keeps its files at `stage`.
    async fn start(stage: &Stage) -> Self {
        let directory = stage.place("workspaces");
        let settings = [
            ("DORMOUSE_SANDBOX_KEY", KEY),
            ("DORMOUSE_SANDBOX_DIRECTORY", directory.to_str().unwrap()),
            WHATEVER_THERE_IS,
        ];
        let arguments = ["sandbox", "serve", "--listen", "127.0.0.1:0"];
        let mut process = Process::start(&host::server(), &arguments, settings);
        Self { url: process.address().await, _process: process }
    }

    /// The settings of gateways that use it.
    fn settings(&self) -> [(&str, &str); 2] {
        [("DORMOUSE_SANDBOX", &self.url), ("DORMOUSE_SANDBOX_KEY", KEY)]
    }
}

/// Whatever holds programs on this machine: those of these scenarios are harmless.
const WHATEVER_THERE_IS: (&str, &str) = ("DORMOUSE_SANDBOX", "warn");

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

/// The last message of the next request for `model`: what it says.
async fn read_by(stage: &Stage, model: &str) -> String {
    let asked = within("the request", stage.upstream.asked(model)).await.json();
    let last = asked["messages"].as_array().unwrap().last().unwrap();
    last["content"].as_str().unwrap().to_owned()
}

/// What the caller is told of a run that must end well.
async fn told(gateway: &Gateway, path: &str, model: &str) -> String {
    let reply = gateway.post(path, &request(path, model)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(told.contains(ANSWER) && told.contains("\"ending\":\"done\""), "{told}");
    told
}

/// A program is written, run, mended and reported, in every dialect.
async fn writes_a_program(stage: &Stage, gateway: &Gateway) {
    for (model, path) in DIALECTS {
        script().into_iter().for_each(|answer| stage.upstream.once(model, answer));

        let before = stage.upstream.count(model);
        let told = told(gateway, path, model).await;

        assert_eq!(stage.upstream.count(model), before + 5);
        let mut read = Vec::new();
        for _ in 0..5 {
            read.push(read_by(stage, model).await);
        }
        assert_eq!(read[0], QUESTION);
        assert!(read[2].contains("SyntaxError"), "{}", read[2]);
        assert!(read[4].contains("exit status: 0") && read[4].contains('3'), "{}", read[4]);
        if path != "/v1/chat/completions" {
            assert!(told.contains("SyntaxError"), "the caller sees it, too: {told}");
        }
    }
}

pub(crate) async fn a_program_is_written_run_mended_and_reported(stage: Stage) {
    if stage.host == Host::Server {
        let gateway = stage.gateway(&[WHATEVER_THERE_IS]).await;
        writes_a_program(&stage, &gateway).await;
    }
    let elsewhere = Elsewhere::start(&stage).await;
    let gateway = stage.gateway(&elsewhere.settings()).await;
    writes_a_program(&stage, &gateway).await;
}

pub(crate) async fn without_a_sandbox_model_and_caller_are_told(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_SANDBOX", "off")]).await;
    for (model, path) in DIALECTS {
        stage.upstream.once(model, Answer::tool_calls(&[("bash", &[r#"{"command":"ls"}"#])]));
        stage.upstream.once(model, Answer::text(&[ANSWER]));

        let told = told(&gateway, path, model).await;

        assert_eq!(read_by(&stage, model).await, QUESTION);
        let read = read_by(&stage, model).await;
        assert!(read.contains("sandbox"), "{read}");
        if path != "/v1/chat/completions" {
            assert!(told.contains("sandbox"), "{told}");
        }
    }
    let by_hand = json!({ "name": "bash", "input": { "command": "ls" } });
    let result = gateway.post("/v1/tools/execute", &by_hand).await.ok();
    assert_eq!(result["is_error"], true, "{result}");
    assert!(result["output"].as_str().unwrap().contains("sandbox"), "{result}");
}
