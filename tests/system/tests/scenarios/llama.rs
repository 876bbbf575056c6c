//! In front of a real model server.

use std::path::Path;

use dormouse_testkit::process::{self, Process};
use serde_json::{Value, json};

use crate::{
    client::{Gateway, ask, ask_streamed},
    older::Older,
    sse::{finish_of, text_of},
    stage::Stage,
};

/// The name of the tiny model, and the token with which it opens a tool call.
pub(crate) const MODEL: &str = "dormouse-tiny";
const OPENS_TOOL_CALL: &str = "3";

/// More tokens than any answer of the tiny model has: its turns end after some 30, by chance.
const PLENTY: u32 = 4_000;

/// A llama.cpp server with the tiny model.
#[derive(Debug)]
pub(crate) struct Llama {
    address: String,
    _process: Process,
}

impl Llama {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further arguments.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/llama");
        let program = process::given("DORMOUSE_TEST_LLAMA").unwrap_or(script);
        // So that it tells of each slot what was last read there.
        let tells = [("LLAMA_SERVER_SLOTS_DEBUG", "1")];
        let mut process = Process::start(&program, arguments, tells);
        let address = process.address().await;
        Self { address, _process: process }
    }

    /// What to set `DORMOUSE_UPSTREAM` to.
    pub(crate) fn base_url(&self) -> String {
        format!("{}/v1", self.address)
    }

    async fn get(&self, path: &str) -> Value {
        process::use_ring();
        let response = reqwest::get(format!("{}{path}", self.address)).await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// Everything that the model read last, as its chat template has it.
    pub(crate) async fn read(&self) -> String {
        let slots = self.get("/slots").await;
        let used = slots.as_array().unwrap().iter().filter(|slot| slot["id_task"].is_number());
        let last = used.max_by_key(|slot| slot["id_task"].as_i64()).unwrap();
        last["prompt"].as_str().unwrap().to_owned()
    }

    /// How many requests it works on.
    pub(crate) async fn busy(&self) -> usize {
        let slots = self.get("/slots").await;
        slots.as_array().unwrap().iter().filter(|slot| slot["is_processing"] == true).count()
    }
}

pub(crate) async fn begin(stage: &Stage) -> (Llama, Gateway) {
    let llama = Llama::start().await;
    let gateway = stage.gateway_for(&llama.base_url(), &[]).await;
    (llama, gateway)
}

pub(crate) async fn it_answers_whole(stage: Stage) {
    let (_llama, gateway) = begin(&stage).await;

    let reply = gateway.chat(&ask(MODEL)).await;

    let answer = reply.ok();
    assert_eq!(answer["model"], MODEL);
    assert!(answer["choices"][0]["message"]["content"].is_string(), "{answer}");
    assert!(answer["usage"]["prompt_tokens"].as_u64().is_some_and(|it| it > 10), "{answer}");
    let receipt =
        gateway.get(&format!("/v1/receipts/{}", reply.header("x-dormouse-receipt"))).await.ok();
    for (ours, theirs) in
        [("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")]
    {
        assert_eq!(receipt["usage"][ours], answer["usage"][theirs], "{receipt}");
    }
}

pub(crate) async fn it_answers_in_a_stream(stage: Stage) {
    let (_llama, gateway) = begin(&stage).await;
    let mut body = ask_streamed(MODEL);
    body["stream_options"] = json!({ "include_usage": true });
    body["ignore_eos"] = json!(true);
    body["max_tokens"] = json!(40);

    let chunks = gateway.stream(&body).await.rest().await;

    assert!(text_of(&chunks).split(' ').count() > 5, "{chunks:?}");
    assert_eq!(finish_of(&chunks), Some("length"));
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 40);
}

fn weather() -> Value {
    let city = json!({ "type": "string", "enum": ["Oslo", "Paris"] });
    let parameters =
        json!({ "type": "object", "properties": { "city": city }, "required": ["city"] });
    json!([{ "type": "function", "function": { "name": "weather", "parameters": parameters } }])
}

pub(crate) async fn it_calls_tools(stage: Stage) {
    let (_llama, gateway) = begin(&stage).await;
    let mut body = ask(MODEL);
    body["tools"] = weather();
    body["tool_choice"] = json!("required");
    body["parallel_tool_calls"] = json!(false);
    body["logit_bias"] = json!({ OPENS_TOOL_CALL: 100 });

    let answer = gateway.chat(&body).await.ok();

    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "weather", "{answer}");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(["Oslo", "Paris"].contains(&arguments["city"].as_str().unwrap()), "{arguments}");

    body["stream"] = json!(true);
    let chunks = gateway.stream(&body).await.rest().await;
    assert_eq!(finish_of(&chunks), Some("tool_calls"), "{chunks:?}");
}

/// A question in the words of each dialect, with a tool that must be called, and where in the answer the
/// name of the called tool and its arguments are.
pub(crate) fn questions() -> [(&'static str, Value, &'static str, &'static str); 3] {
    let asked = json!([{ "role": "user", "content": "What is the weather?" }]);
    let parameters = weather()[0]["function"]["parameters"].clone();
    [
        (
            "/v1/chat/completions",
            json!({
                "model": MODEL, "max_tokens": PLENTY, "messages": asked, "tools": weather(),
                "tool_choice": "required", "parallel_tool_calls": false,
            }),
            "/choices/0/message/tool_calls/0/function/name",
            "/choices/0/message/tool_calls/0/function/arguments",
        ),
        (
            "/v1/responses",
            json!({
                "model": MODEL, "max_output_tokens": PLENTY, "input": asked, "store": false,
                "tools": [{ "type": "function", "name": "weather", "parameters": parameters }],
                "tool_choice": "required", "parallel_tool_calls": false,
            }),
            "/output/0/name",
            "/output/0/arguments",
        ),
        (
            "/v1/messages",
            json!({
                "model": MODEL, "max_tokens": PLENTY, "messages": asked,
                "tools": [{ "name": "weather", "input_schema": parameters }],
                "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
            }),
            "/content/0/name",
            "/content/0/input",
        ),
    ]
}

pub(crate) async fn it_is_told_of_tools_in_words(stage: Stage) {
    let llama = Llama::start().await;
    let settings = [("DORMOUSE_EMULATE_TOOLS", "true")];
    let gateway = stage.gateway_for(&llama.base_url(), &settings).await;
    for (path, body, name, arguments) in questions() {
        let answer = gateway.post(path, &body).await.ok();

        assert_eq!(answer.pointer(name), Some(&json!("weather")), "{answer}");
        let arguments = match answer.pointer(arguments) {
            Some(Value::String(json)) => serde_json::from_str(json).unwrap(),
            other => other.cloned().unwrap(),
        };
        assert!(["Oslo", "Paris"].contains(&arguments["city"].as_str().unwrap()), "{answer}");
    }
}

pub(crate) async fn it_keeps_to_a_schema(stage: Stage) {
    let (_llama, gateway) = begin(&stage).await;
    let schema = json!({
        "type": "object",
        "properties": { "awake": { "type": "boolean" }, "place": { "enum": ["nest", "tree"] } },
        "required": ["awake", "place"],
        "additionalProperties": false,
    });
    let mut body = ask(MODEL);
    body["response_format"] =
        json!({ "type": "json_schema", "json_schema": { "name": "it", "schema": schema } });

    let answer = gateway.chat(&body).await.ok();

    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let said: Value =
        serde_json::from_str(content).unwrap_or_else(|_| panic!("not JSON: {content}"));
    assert!(said["awake"].is_boolean(), "{said}");
    assert!(["nest", "tree"].contains(&said["place"].as_str().unwrap()), "{said}");
}

pub(crate) async fn t_32_an_older_one_is_counted_for_by_its_prompts(stage: Stage) {
    let llama = Llama::start().await;
    let older = Older::than(&llama.address).await;
    let gateway = stage.gateway_for(&older.base_url(), &[]).await;
    let [.., (_, asked, ..)] = questions();
    let mut with_tools = asked;
    with_tools["system"] = json!([{ "type": "text", "text": "You are a dormouse. " }]);
    with_tools["tool_choice"] = json!({ "type": "auto" });
    with_tools["max_tokens"] = json!(1);
    let mut with_results = with_tools.clone();
    let called =
        json!({ "type": "tool_use", "id": "1", "name": "weather", "input": { "city": "Oslo" } });
    let result = json!({ "type": "tool_result", "tool_use_id": "1", "content": "Snow, all day. " });
    let turns = with_results["messages"].as_array_mut().unwrap();
    turns.push(json!({ "role": "assistant", "content": [called] }));
    turns.push(json!({ "role": "user", "content": [result] }));
    for body in [with_tools, with_results] {
        let counted = gateway.post("/v1/messages/count_tokens", &body).await;
        assert_eq!(counted.header("x-dormouse-token-source"), "counted", "{counted:?}");
        let counted = counted.ok()["input_tokens"].as_u64().unwrap();
        let usage = gateway.post("/v1/messages", &body).await.ok()["usage"].clone();
        // What the server had in its cache is told apart.
        let cached = usage["cache_read_input_tokens"].as_u64().unwrap_or_default();
        let read = usage["input_tokens"].as_u64().unwrap() + cached;
        assert_eq!(counted, read, "{usage}");
    }
}

pub(crate) async fn its_models_are_listed(stage: Stage) {
    let (_llama, gateway) = begin(&stage).await;

    assert_eq!(gateway.get("/v1/models").await.ok()["data"][0]["id"], MODEL);
    assert_eq!(gateway.get(&format!("/v1/models/{MODEL}")).await.ok()["id"], MODEL);
    gateway.get("/readyz").await.ok();
}

pub(crate) async fn its_words_about_a_full_context_are_kept(stage: Stage) {
    let (llama, gateway) = begin(&stage).await;
    let mut body = ask(MODEL);
    body["messages"][0]["content"] = json!("hello ".repeat(20_000));

    let error = gateway.chat(&body).await.error(400);

    let request = reqwest::Client::new().post(format!("{}/chat/completions", llama.base_url()));
    let direct = crate::client::Reply::of(request.json(&body)).await.json();
    assert_eq!(direct["error"]["type"], "exceed_context_size_error", "{direct}");
    for field in ["message", "type", "n_prompt_tokens", "n_ctx"] {
        assert_eq!(error[field], direct["error"][field], "{field}: {error}");
    }
}
