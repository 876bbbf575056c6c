//! Models in process, asked as a provider is.
#![expect(clippy::indexing_slicing, reason = "what is written here is known")]

use bytes::Bytes;
use dormouse_core::{
    Code,
    ports::{EmbeddedModel, HttpClient},
};
use dormouse_local::InProcess;
use futures::{StreamExt, TryStreamExt};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LIMITS, maker::Maker};

/// A template that has words for tools.
const TOOLS: &str = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}<|im_start|>\
    {{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}{% endfor %}\
    <|im_end|>{% endfor %}<|im_start|>assistant\n";

/// A client, and a model in a file.
struct Stage {
    client: InProcess,
    base: String,
    _folder: TempDir,
}

impl Stage {
    fn new(maker: &Maker) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.gguf");
        std::fs::write(&file, maker.bytes()).unwrap();
        let base = EmbeddedModel { name: file.to_str().unwrap().to_owned() }.url();
        Self { client: InProcess::new(LIMITS), base, _folder: folder }
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Bytes) {
        let request = Request::post(format!("{}{path}", self.base)).body(body.to_string().into());
        let response = self.client.send(request.unwrap()).await.unwrap();
        let status = response.status();
        let parts: Vec<Bytes> = response.into_body().try_collect().await.unwrap();
        (status, parts.concat().into())
    }

    async fn json(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let (status, body) = self.post(path, body).await;
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn ask() -> Value {
    json!({
        "model": "small",
        "messages": [{ "role": "user", "content": "the mouse" }],
        "max_tokens": 12,
        "temperature": 0,
        "ignore_eos": true,
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = ask();
    body[field] = value;
    body
}

#[tokio::test]
async fn a_model_is_listed_and_counts_as_it_answers() {
    let stage = Stage::new(&Maker::default());
    let request = Request::get(format!("{}/models", stage.base)).body(Bytes::new()).unwrap();
    let list: Vec<Bytes> =
        stage.client.send(request).await.unwrap().into_body().try_collect().await.unwrap();
    let list: Value = serde_json::from_slice(&list.concat()).unwrap();
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][0]["context_length"]),
        (&json!("small"), &json!(256))
    );

    let (_, count) = stage.json("/chat/completions/input_tokens", &ask()).await;
    let (status, answer) = stage.json("/chat/completions", &ask()).await;

    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["usage"]["prompt_tokens"], count["input_tokens"]);
    assert_eq!(answer["usage"]["completion_tokens"], 12);
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let (_, again) = stage.json("/chat/completions", &ask()).await;
    assert_eq!(again["choices"], answer["choices"]);
    let cached = again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64();
    assert_eq!(cached, count["input_tokens"].as_u64().map(|count| count - 1));
}

#[tokio::test]
async fn a_stream_says_what_a_whole_answer_says() {
    let stage = Stage::new(&Maker::default());
    let (_, whole) = stage.json("/chat/completions", &ask()).await;
    let mut body = with("stream", json!(true));
    body["stream_options"] = json!({ "include_usage": true });

    let (_, stream) = stage.post("/chat/completions", &body).await;

    let stream = String::from_utf8(stream.to_vec()).unwrap();
    let events: Vec<&str> =
        stream.split("\n\n").filter_map(|it| it.strip_prefix("data: ")).collect();
    let (done, events) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let events: Vec<Value> = events.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let text: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 12);
}

#[tokio::test]
async fn what_would_change_the_answer_and_cannot_be_had_is_refused_by_name() {
    let stage = Stage::new(&Maker::default());
    let image = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }] }]);
    for (body, named) in [
        (with("n", json!(2)), "n"),
        (with("logprobs", json!(true)), "logprobs"),
        (with("response_format", json!({ "type": "json_object" })), "response_format"),
        (with("messages", image), "messages[0].content[0]"),
        (with("logit_bias", json!({ "a": 1 })), "logit_bias"),
    ] {
        let (status, error) = stage.json("/chat/completions", &body).await;
        assert_eq!(
            (status, &error["error"]["param"]),
            (StatusCode::BAD_REQUEST, &json!(named)),
            "{error}"
        );
    }
    let (status, error) = stage.json("/chat/completions", &with("model", json!("gpt-5"))).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("model_not_found"))
    );
    let (status, _) = stage.json("/embeddings", &json!({ "input": "a" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_refused_as_llama_cpp_refuses_it() {
    let stage = Stage::new(&Maker { context: 64, ..Maker::default() });
    let long = json!([{ "role": "user", "content": "q".repeat(200) }]);

    let (status, error) = stage.json("/chat/completions", &with("messages", long)).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("exceeds the available context size (64 tokens)"), "{error}");
}

#[tokio::test]
async fn tools_reach_the_template_and_arguments_are_objects_there() {
    let stage = Stage::new(&Maker { template: TOOLS, ..Maker::default() });
    let function = json!({ "name": "weather", "arguments": "{\"city\": \"Oslo\"}" });
    let call = json!({ "id": "c1", "type": "function", "function": function });
    let messages = json!([
        { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c1", "content": "rain" },
    ]);
    let mut body = with("messages", messages);
    body["tools"] = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let count = async |body: &Value| {
        stage.json("/chat/completions/input_tokens", body).await.1["input_tokens"].as_u64().unwrap()
    };
    let with_tools = count(&body).await;

    body["messages"][1]["tool_calls"][0]["function"]["arguments"] = json!("{\"city\": \"Oslo!\"}");
    assert_eq!(count(&body).await, with_tools + 1, "one letter more in the argument");
    body["tool_choice"] = json!("none");
    assert!(count(&body).await < with_tools, "tools that may not be called are not told of");
}

#[tokio::test]
async fn a_model_whose_template_has_no_words_for_tools_is_told_of_them_in_ours() {
    let stage = Stage::new(&Maker { context: 4096, ..Maker::default() });
    let count = async |body: &Value| {
        stage.json("/chat/completions/input_tokens", body).await.1["input_tokens"].as_u64().unwrap()
    };
    let tool = |name: &str| json!([{ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } }]);
    let (without, one) = (count(&ask()).await, count(&with("tools", tool("f"))).await);
    assert!(one > without + 100, "{one} tokens with a tool, {without} without");
    assert_eq!(count(&with("tools", tool("ff"))).await, one + 1);
    let (status, answer) = stage.json("/chat/completions", &with("tools", tool("f"))).await;
    assert_eq!((status, &answer["usage"]["prompt_tokens"]), (StatusCode::OK, &json!(one)));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_tried_again() {
    let stage = Stage::new(&Maker::default());
    let file = EmbeddedModel::of(&format!("{}/", stage.base).parse().unwrap()).unwrap().name;
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let (status, error) = stage.json("/chat/completions", &ask()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("small.gguf"), "{error}");

    std::fs::write(&file, bytes).unwrap();

    assert_eq!(stage.json("/chat/completions", &ask()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_dropped_body_ends_the_answer_and_other_urls_are_not_reached() {
    let stage = Stage::new(&Maker::default());
    let body = with("stream", json!(true)).to_string();
    let request =
        Request::post(format!("{}/chat/completions", stage.base)).body(body.into()).unwrap();
    let mut body = stage.client.send(request).await.unwrap().into_body();
    body.next().await.unwrap().unwrap();
    drop(body);
    assert_eq!(stage.json("/chat/completions", &ask()).await.0, StatusCode::OK);

    let elsewhere = Request::get("http://127.0.0.1:9/models").body(Bytes::new()).unwrap();
    let error = stage.client.send(elsewhere).await.map(drop).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnreachable);
}
