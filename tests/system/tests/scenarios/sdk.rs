//! The vendors' own Python SDKs, and llama.cpp's own endpoints.

use std::path::{Path, PathBuf};

use dormouse_testkit::upstream::{Answer, Api, Upstream};
use tokio::process::Command;

use crate::{
    llama::{Llama, MODEL},
    stage::{ADMIN_KEY, Stage, within},
};

/// A program that checks a gateway through one SDK.
struct Client {
    script: &'static str,
    /// The variable for the gateway's URL, and the path that belongs to it.
    base: (&'static str, &'static str),
    /// The variable for the key.
    key: &'static str,
}

const OPENAI: Client =
    Client { script: "openai_sdk.py", base: ("OPENAI_BASE_URL", "/v1"), key: "OPENAI_API_KEY" };
const RESPONSES: Client = Client { script: "openai_responses_sdk.py", ..OPENAI };
const ANTHROPIC: Client = Client {
    script: "anthropic_sdk.py",
    base: ("ANTHROPIC_BASE_URL", ""),
    key: "ANTHROPIC_API_KEY",
};

const SAME_AS_LLAMA: Client = Client {
    script: "same_as_llama.py",
    base: ("GATEWAY_BASE_URL", "/v1"),
    key: "GATEWAY_API_KEY",
};

pub(crate) async fn the_openai_sdk_works(stage: Stage) {
    works(&stage, OPENAI).await;
}

pub(crate) async fn the_anthropic_sdk_works(stage: Stage) {
    works(&stage, ANTHROPIC).await;
}

/// The official SDK of the Model Context Protocol calls the gateway's tools; no model is asked.
pub(crate) async fn the_mcp_sdk_works(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let mut check = python("mcp_sdk.py").await;
    check.env("CHECK_URL", gateway.base()).env("CHECK_KEY", ADMIN_KEY);
    run(check).await;
}

/// Runs a client against a gateway in front of the tiny model.
async fn works(stage: &Stage, client: Client) {
    let llama = Llama::start_with(&["--embeddings"]).await;
    let prices = ("DORMOUSE_PRICES", r#"{"*": {"input": "1", "output": "2"}}"#);
    let gateway = stage.gateway_for(&llama.base_url(), &[prices]).await;
    let (_, poor) = gateway.key_with_budget("0.000000001").await;
    client.check(gateway.base(), ("CHECK_KEY_WITHOUT_MONEY", poor.key())).await;
}

pub(crate) async fn the_openai_sdk_keeps_and_continues_responses(stage: Stage) {
    let llama = Llama::start().await;
    let gateway = stage.gateway_for(&llama.base_url(), &[]).await;
    let (_, other) = gateway.key_with_budget("1").await;
    RESPONSES.check(gateway.base(), ("CHECK_OTHER_KEY", other.key())).await;
}

pub(crate) async fn answers_are_those_of_llamas_own_endpoints(stage: Stage) {
    let llama = Llama::start().await;
    let gateway = stage.gateway_for(&llama.base_url(), &[]).await;
    SAME_AS_LLAMA.check(gateway.base(), ("LLAMA_BASE_URL", &llama.base_url())).await;
}

/// Every provider's answers of the core's test cases, as the SDKs put them together.
pub(crate) async fn the_sdks_hear_every_dialect_alike(stage: Stage) {
    let cases = tests().join("../core/tests/dialects/answers");
    let apis = [Api::OpenAi, Api::OpenAiResponses, Api::Anthropic, Api::Gemini, Api::Ollama];
    for api in apis {
        let dialect = api.dialect().as_str();
        play_back(&stage.upstream, &cases, dialect);
        let settings = [("DORMOUSE_UPSTREAM_API", api.as_str())];
        let gateway = stage.gateway_for(&stage.upstream.base_url_of(api), &settings).await;
        let mut check = python("oracles.py").await;
        check
            .env("CHECK_URL", gateway.base())
            .env("CHECK_KEY", ADMIN_KEY)
            .env("CHECK_CASES", &cases)
            .env("CHECK_PROVIDER", dialect);
        run(check).await;
    }
}

/// Runs in which the gateway runs the tools, as the SDKs put them together, and what the model reads when they
/// are brought back.
pub(crate) async fn the_sdks_hear_the_steps_of_a_run(stage: Stage) {
    for dialect in ["chat", "responses", "messages"] {
        for form in ["whole", "streamed", "whole-beta", "streamed-beta"] {
            let model = format!("{dialect}-{form}");
            stage.upstream.once(&model, Answer::tool_calls(&[("current_time", &["{}"])]));
            stage.upstream.once(&model, Answer::text(&["It is ", "late."]));
        }
        stage.upstream.always(&format!("{dialect}-back"), Answer::text(&["You are welcome."]));
    }
    let gateway = stage.gateway(&[]).await;
    let mut check = python("loop_sdk.py").await;
    check.env("CHECK_URL", gateway.base()).env("CHECK_KEY", ADMIN_KEY);
    run(check).await;
    for back in ["responses-back", "responses-back", "messages-back", "messages-back"] {
        let asked = within("the request", stage.upstream.asked(back)).await.json();
        let messages = asked["messages"].as_array().unwrap();
        let roles: Vec<_> = messages.iter().map(|message| &message["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "assistant", "user"], "{asked}");
        assert_eq!(messages[1]["tool_calls"][0]["function"]["name"], "current_time");
    }
}

/// Answers each case as the provider of `dialect` does, whole and streamed, each to a model of its own.
fn play_back(upstream: &Upstream, cases: &Path, dialect: &str) {
    let stream = match dialect {
        "ollama" => ("ndjson", "application/x-ndjson"),
        _ => ("sse", "text/event-stream"),
    };
    for case in std::fs::read_dir(cases).expect("the cases") {
        let case = case.expect("a case").path();
        let name = case.file_name().expect("a name").to_string_lossy();
        for (form, (extension, kind)) in
            [("whole", ("json", "application/json")), ("streamed", stream)]
        {
            let body = std::fs::read(case.join(format!("{dialect}.{extension}")));
            let body = body.expect("every provider answers every case");
            let answer = Answer::whole(200, &[("content-type", kind)], body);
            upstream.always(&format!("{name}-{dialect}-{form}"), answer);
        }
    }
}

impl Client {
    /// Runs it against the gateway at `base`.
    async fn check(self, base: &str, (name, value): (&str, &str)) {
        let mut check = python(self.script).await;
        let (variable, path) = self.base;
        check
            .env(variable, format!("{base}{path}"))
            .env(self.key, ADMIN_KEY)
            .env("CHECK_MODEL", MODEL)
            .env(name, value);
        run(check).await;
    }
}

/// How a program of `tests/clients` is run.
pub(crate) async fn python(script: &str) -> Command {
    let python = run(Command::new(tests().join("venv"))).await;
    let mut command = Command::new(Path::new(python.trim()).join("bin/python"));
    command.arg(tests().join("clients").join(script)).env("NO_PROXY", "127.0.0.1");
    command
}

/// Where the tests' own programs are.
fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a program that must succeed, and returns what it printed.
pub(crate) async fn run(mut command: Command) -> String {
    let output = within("a program to end", command.output()).await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{printed}{complaint}");
    printed
}
