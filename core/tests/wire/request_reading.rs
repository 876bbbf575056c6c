//! What is understood of a caller's request.

use bytes::Bytes;
use dormouse_core::{
    Error,
    chat::{
        CacheHint, Dialect, Image, OutputFormat, Part, Request, Role, StreamOptions, Tool,
        ToolChoice,
    },
    wire::openai_chat::decode_request,
};
use serde_json::{Value, json};

use crate::provider::{reasoning, text, tool_call};

pub(crate) fn decode(body: &Value) -> Result<Request, Error> {
    decode_request(&Bytes::from(body.to_string()))
}

/// A request that asks something, with more fields.
pub(crate) fn with(fields: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let fields = fields.as_object().cloned().unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.extend(fields);
    }
    body
}

fn read(fields: &Value) -> Request {
    decode(&with(fields)).expect("a request")
}

fn messages(messages: &Value) -> Vec<dormouse_core::chat::Message> {
    read(&json!({ "messages": messages })).messages
}

#[test]
fn the_smallest_request_leaves_everything_to_the_provider() {
    let body = Bytes::from("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    let request = decode_request(&body).expect("a request");
    assert_eq!(request.model, "");
    assert_eq!(request.messages[0].parts, [text("Hi")]);
    assert_eq!((request.max_output_tokens, request.stream), (None, None));
    assert_eq!(request.output_format, OutputFormat::Text);
    assert_eq!(request.sampling, dormouse_core::chat::Sampling::default());
    let original = request.original.expect("the body");
    assert_eq!((original.dialect, original.body), (Dialect::OpenAiChat, body));
}

#[test]
fn every_field_of_the_vocabulary_is_read() {
    let request = read(&json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "presence_penalty": -2, "frequency_penalty": 2,
        "seed": -7, "n": 2, "stop": ["a", "b"], "logprobs": true, "top_logprobs": 20,
        "max_tokens": 5, "max_completion_tokens": 6, "parallel_tool_calls": false,
        "reasoning_effort": "high", "user": "u", "metadata": { "k": "v" },
        "stream": true, "stream_options": { "include_usage": true, "include_obfuscation": false },
    }));
    let sampling = &request.sampling;
    assert_eq!(
        (sampling.temperature, sampling.top_p, sampling.top_k),
        (Some(0.5), Some(0.9), Some(40))
    );
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(-2.0), Some(2.0)));
    assert_eq!((sampling.seed, sampling.n), (Some(-7), Some(2)));
    assert_eq!(sampling.stop, ["a", "b"]);
    assert_eq!((sampling.logprobs, sampling.top_logprobs), (Some(true), Some(20)));
    assert_eq!(request.max_output_tokens, Some(6), "the newer field wins");
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.reasoning.effort.as_deref(), Some("high"));
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.metadata["k"], "v");
    assert_eq!(request.stream, Some(StreamOptions { include_usage: true }));
    let rest = json!({ "stream_options": { "include_obfuscation": false } });
    assert_eq!(Value::Object(request.extensions.0), rest);
}

#[test]
fn null_means_absent() {
    let fields = [
        "model",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "n",
        "stop",
        "logprobs",
        "top_logprobs",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "logit_bias",
        "store",
        "service_tier",
        "prediction",
        "modalities",
        "audio",
        "verbosity",
        "prompt_cache_key",
        "functions",
        "function_call",
    ];
    let nulls: serde_json::Map<_, _> =
        fields.map(|field| (field.into(), Value::Null)).into_iter().collect();
    let request = Request { original: None, ..read(&Value::Object(nulls)) };
    let plain = Request { original: None, model: String::new(), ..read(&json!({})) };
    assert_eq!(request, plain);
}

#[test]
fn what_the_vocabulary_has_no_word_for_is_carried() {
    let fields = json!({
        "logit_bias": { "50256": -100 }, "store": true, "service_tier": "flex", "modalities": ["text"],
        "prediction": { "type": "content", "content": "x" }, "audio": { "voice": "alloy", "format": "wav" },
        "verbosity": "low", "prompt_cache_key": "k", "functions": [{ "name": "f" }],
        "function_call": { "name": "f" }, "chat_template_kwargs": { "enable_thinking": false },
        "cache_prompt": true, "odd": null,
    });
    assert_eq!(Value::Object(read(&fields).extensions.0), fields);
}

#[test]
fn every_role_is_read() {
    let read = messages(&json!([
        { "role": "system", "content": "a", "name": "n" },
        { "role": "developer", "content": "b" },
        { "role": "user", "content": [{ "type": "text", "text": "c" }] },
        { "role": "assistant", "content": "d" },
        { "role": "tool", "tool_call_id": "t", "content": "e" },
        { "role": "function", "name": "f", "content": "g" },
    ]));
    let roles: Vec<Role> = read.iter().map(|message| message.role).collect();
    let expected =
        [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool, Role::Tool];
    assert_eq!(roles, expected);
    assert_eq!(read[0].name.as_deref(), Some("n"));
    assert_eq!(read[2].parts, [text("c")]);
    let result = |call_id: &str, content: &str| {
        let (call_id, parts) = (call_id.into(), vec![text(content)]);
        Part::ToolResult { call_id, parts, is_error: false, cache: None }
    };
    assert_eq!(read[4].parts, [result("t", "e")]);
    assert_eq!(read[5].parts, [result("", "g")]);
    assert_eq!(read[5].extensions.0["role"], "function");
}

#[test]
fn every_kind_of_part_is_read() {
    let audio =
        json!({ "type": "input_audio", "input_audio": { "data": "UklG", "format": "wav" } });
    let read = messages(&json!([{ "role": "user", "content": [
        { "type": "text", "text": "a", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBO", "detail": "low" } },
        { "type": "image_url", "image_url": "https://example.com/a.png" },
        { "type": "refusal", "refusal": "no" },
        audio,
    ]}]));
    let image = |url: &str, detail: Option<&str>| {
        Part::Image(Image { url: url.into(), detail: detail.map(Into::into), cache: None })
    };
    let expected = [
        Part::Text { text: "a".into(), cache: Some(CacheHint { ttl: Some("1h".into()) }) },
        image("data:image/png;base64,iVBO", Some("low")),
        image("https://example.com/a.png", None),
        Part::Refusal { text: "no".into() },
        Part::Other { dialect: Dialect::OpenAiChat, value: audio },
    ];
    assert_eq!(read[0].parts, expected);
}

#[test]
fn an_assistants_turn_is_thoughts_then_words_then_calls() {
    let custom =
        json!({ "id": "c2", "type": "custom", "custom": { "name": "grep", "input": "x" } });
    let read = messages(&json!([{
        "role": "assistant", "content": "Yes", "reasoning_content": "Hm", "refusal": "no",
        "audio": { "id": "a" },
        "tool_calls": [
            { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
            custom,
        ],
    }]));
    let expected = [
        reasoning("Hm"),
        text("Yes"),
        Part::Refusal { text: "no".into() },
        tool_call("c1", "f", "{}"),
        Part::Other { dialect: Dialect::OpenAiChat, value: custom },
    ];
    assert_eq!(read[0].parts, expected);
    assert_eq!(Value::Object(read[0].extensions.0.clone()), json!({ "audio": { "id": "a" } }));
}

#[test]
fn an_assistant_who_only_called_said_nothing() {
    let call =
        json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    for content in [Value::Null, json!("")] {
        let read =
            messages(&json!([{ "role": "assistant", "content": content, "tool_calls": [call] }]));
        assert_eq!(read[0].parts, [tool_call("c", "f", "{}")]);
    }
}

#[test]
fn tools_are_read_and_other_kinds_carried() {
    let custom = json!({ "type": "custom", "custom": { "name": "grep" } });
    let request = read(&json!({
        "tools": [
            { "type": "function", "function": { "name": "f", "description": "d", "strict": true,
              "parameters": { "type": "object" }, "returns": "text" }, "defer_loading": true },
            custom,
        ],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
    }));
    let Tool { name, description, input_schema, strict, extensions, .. } = &request.tools[0];
    assert_eq!((name.as_str(), description.as_deref(), *strict), ("f", Some("d"), Some(true)));
    assert_eq!(*input_schema, Some(json!({ "type": "object" })));
    let rest = json!({ "defer_loading": true, "function": { "returns": "text" } });
    assert_eq!(Value::Object(extensions.0.clone()), rest);
    assert_eq!(request.tools[1].name, "");
    assert_eq!(Value::Object(request.tools[1].extensions.0.clone()), custom);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".into())));
}

#[test]
fn choices_among_tools_are_read() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let chosen =
        |choice: &Value| read(&json!({ "tools": tools, "tool_choice": choice })).tool_choice;
    assert_eq!(chosen(&json!("auto")), Some(ToolChoice::Auto));
    assert_eq!(chosen(&json!("none")), Some(ToolChoice::None));
    assert_eq!(chosen(&json!("required")), Some(ToolChoice::Required));
    let other =
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": "auto", "tools": [] } });
    assert_eq!(chosen(&other), Some(ToolChoice::Other(other)));
}

#[test]
fn formats_are_read() {
    let format = |format: &Value| read(&json!({ "response_format": format })).output_format;
    assert_eq!(format(&json!({ "type": "text" })), OutputFormat::Text);
    assert_eq!(format(&json!({ "type": "json_object" })), OutputFormat::JsonObject);
    let schema = json!({ "type": "object" });
    let described = |name: &str, strict| {
        let (name, schema) = (name.into(), schema.clone());
        OutputFormat::JsonSchema { name, description: None, schema, strict }
    };
    let sent = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema, "strict": true } });
    assert_eq!(format(&sent), described("n", Some(true)));
    // llama.cpp's way of saying it.
    assert_eq!(
        format(&json!({ "type": "json_object", "schema": schema })),
        described("response", None)
    );
    let grammar = json!({ "type": "grammar", "value": "root ::= \"a\"" });
    let extensions = read(&json!({ "response_format": grammar })).extensions;
    assert_eq!(extensions.0["response_format"]["value"], "root ::= \"a\"");
}

#[test]
fn every_name_of_the_output_limit_is_understood() {
    let limit = |fields: &Value| read(fields).max_output_tokens;
    assert_eq!(limit(&json!({ "max_tokens": 5 })), Some(5));
    assert_eq!(limit(&json!({ "max_completion_tokens": 5 })), Some(5));
    assert_eq!(limit(&json!({ "n_predict": 5 })), Some(5));
    assert_eq!(limit(&json!({ "n_predict": -1 })), None);
    assert_eq!(limit(&json!({ "n_predict": 9, "max_tokens": 5 })), Some(5));
}
