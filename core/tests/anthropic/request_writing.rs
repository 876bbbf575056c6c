//! What is sent to a provider: the caller's own bytes where possible, the meaning where not.

use bytes::Bytes;
use dormouse_core::{
    Code, Error,
    chat::{
        CacheHint, Dialect, Document, Image, Message, OutputFormat, Part, ReasoningOptions,
        Request, Role, Sampling, Signature, Tool, ToolChoice,
    },
    wire::{
        Call, MaxTokensField, Outgoing,
        anthropic::{DEFAULT_MAX_TOKENS, decode_request, encode_request},
        openai_chat,
    },
};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::provider::{text, tool_call};

const OUTGOING: Outgoing<'_> = Outgoing {
    model: "m",
    max_output_tokens: None,
    max_tokens_field: MaxTokensField::MaxTokens,
    openai: false,
    stream: false,
    slot: None,
};

/// A request in the vocabulary, from a caller of another format.
fn foreign(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::default() }
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn says(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, ..user("") }
}

fn call(request: &Request) -> Result<Call, Error> {
    encode_request(request, &OUTGOING)
}

fn sent(request: &Request) -> Value {
    serde_json::from_slice(&call(request).expect("a call").body).expect("JSON")
}

fn patched(body: &str, outgoing: &Outgoing<'_>) -> String {
    let request = decode_request(&HeaderMap::new(), &body.to_owned().into()).expect("a request");
    let sent = encode_request(&request, outgoing).expect("a call").body;
    String::from_utf8(sent.to_vec()).expect("UTF-8")
}

/// A body with odd spacing, numbers and escapes, which must all survive.
fn body(fields: &str) -> String {
    format!(
        "{{\"model\":\"m\",\"messages\":[ {{\"role\":\"user\", \"content\":\"\\u0048i\"}} ],\"odd\":1.50e0,\"max_tokens\":9{fields}}}"
    )
}

#[test]
fn t_08_a_request_that_needs_no_change_is_sent_as_it_came() {
    let body = Bytes::from(body(",\"thinking\":{\"type\":\"adaptive\"}"));
    let request = decode_request(&HeaderMap::new(), &body).expect("a request");
    assert_eq!(call(&request).expect("a call").body.as_ptr(), body.as_ptr());
}

#[test]
fn a_change_keeps_every_other_value_byte_for_byte() {
    let outgoing =
        Outgoing { model: "other", max_output_tokens: Some(4), stream: true, ..OUTGOING };
    let expected = body(",\"stream\":true").replacen("\"m\"", "\"other\"", 1);
    assert_eq!(patched(&body(""), &outgoing), expected.replace(":9", ":4"));
    assert_eq!(patched(&body(",\"stream\":true"), &OUTGOING), body(""));
    let unlimited = patched(&body("").replace(",\"max_tokens\":9", ""), &OUTGOING);
    assert!(unlimited.ends_with(&format!(",\"max_tokens\":{DEFAULT_MAX_TOKENS}}}")), "{unlimited}");
}

#[test]
fn the_version_and_the_callers_betas_are_sent() {
    let headers = |request: &Request| call(request).expect("a call").headers;
    let mut request = foreign(vec![user("Hi")]);
    assert_eq!(headers(&request)["anthropic-version"], "2023-06-01");
    request.headers.insert("anthropic-beta", "x".parse().expect("a value"));
    assert!(!headers(&request).contains_key("anthropic-beta"), "they are another format's");
    request.dialect = Dialect::Anthropic;
    request.headers.insert("anthropic-version", "2030-01-01".parse().expect("a value"));
    let sent = headers(&request);
    assert_eq!(
        (&sent["anthropic-beta"], &sent["anthropic-version"]),
        (&"x".parse().expect("a value"), &"2030-01-01".parse().expect("a value"))
    );
    assert_eq!(call(&request).expect("a call").path, "messages");
}

#[test]
fn instructions_in_front_are_the_system_prompt_and_later_ones_the_users_text() {
    let request = foreign(vec![
        Message::text(Role::System, "a"),
        Message::text(Role::Developer, "b"),
        user("Hi"),
        Message::text(Role::System, "c"),
    ]);
    let body = sent(&request);
    let block = |text: &str| json!({ "type": "text", "text": text });
    assert_eq!(body["system"], json!([block("a"), block("b")]));
    let content = json!([block("Hi"), block("<system>\nc\n</system>")]);
    assert_eq!(body["messages"], json!([{ "role": "user", "content": content }]));
}

#[test]
fn turns_alternate_and_results_join_their_neighbours() {
    let result = |id: &str, text_of: &str| {
        says(
            Role::Tool,
            vec![Part::ToolResult {
                call_id: id.into(),
                parts: vec![text(text_of)],
                is_error: id == "t2",
                cache: None,
            }],
        )
    };
    let request = foreign(vec![
        user("a"),
        says(Role::Assistant, vec![tool_call("t1", "f", "{\"x\":1}"), tool_call("t2", "g", "")]),
        result("t1", "one"),
        result("t2", "two"),
        user("b"),
    ]);
    let expected = json!([
        { "role": "user", "content": [{ "type": "text", "text": "a" }] },
        { "role": "assistant", "content": [
            { "type": "tool_use", "id": "t1", "name": "f", "input": { "x": 1 } },
            { "type": "tool_use", "id": "t2", "name": "g", "input": {} },
        ]},
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t1", "content": "one" },
            { "type": "tool_result", "tool_use_id": "t2", "content": "two", "is_error": true },
            { "type": "text", "text": "b" },
        ]},
    ]);
    assert_eq!(sent(&request)["messages"], expected);
}

#[test]
fn ids_that_anthropic_does_not_take_are_rewritten_and_stay_different() {
    let ids = |ids: [&str; 4]| -> Vec<String> {
        let calls = ids.map(|id| tool_call(id, "f", "{}")).to_vec();
        let body = sent(&foreign(vec![user("a"), says(Role::Assistant, calls)]));
        let content = body["messages"][1]["content"].as_array().expect("blocks").clone();
        content.iter().map(|block| block["id"].as_str().expect("an id").to_owned()).collect()
    };
    let rewritten = ids(["call_1-A", "call.1", "call:1", ""]);
    assert_eq!(rewritten[0], "call_1-A");
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(rewritten.iter().all(|id| !id.is_empty() && id.chars().all(fits)), "{rewritten:?}");
    let distinct: std::collections::BTreeSet<&String> = rewritten.iter().collect();
    assert_eq!(distinct.len(), 4);
    // What looks rewritten is rewritten too, or two ids could become one.
    assert_ne!(ids([&rewritten[1], "a", "b", "c"])[0], rewritten[1]);
}

#[test]
fn arguments_that_are_no_object_become_one() {
    let free =
        Part::ToolCall { id: "t".into(), name: "f".into(), arguments: "ls".into(), custom: true };
    let calls = vec![tool_call("a", "f", "{\"x\":"), tool_call("b", "f", "[1]"), free];
    let body = sent(&foreign(vec![user("a"), says(Role::Assistant, calls)]));
    let input = |index: usize| &body["messages"][1]["content"][index]["input"];
    assert_eq!(*input(0), json!({ "unparsed_arguments": "{\"x\":" }));
    assert_eq!(*input(1), json!({ "unparsed_arguments": "[1]" }));
    assert_eq!(*input(2), json!({ "input": "ls" }));
}

#[test]
fn only_thoughts_that_anthropic_signed_go_back() {
    let thought = |signature: Option<Signature>, redacted: bool| {
        let text = if redacted { String::new() } else { "Hm".into() };
        Part::Reasoning { text, signature, redacted }
    };
    let theirs = |text: &str| Some(Signature::new(Dialect::Anthropic, text));
    let parts = vec![
        thought(None, false),
        thought(Some(Signature::new(Dialect::OpenAiChat, "o")), false),
        thought(theirs("s"), false),
        thought(theirs("x"), true),
        text("Yes"),
    ];
    let body = sent(&foreign(vec![user("a"), says(Role::Assistant, parts)]));
    let expected = json!([
        { "type": "thinking", "thinking": "Hm", "signature": "s" },
        { "type": "redacted_thinking", "data": "x" },
        { "type": "text", "text": "Yes" },
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
}

#[test]
fn pictures_documents_and_marks_are_written() {
    let image = |url: &str| {
        Part::Image(Image { url: url.into(), detail: None, cache: Some(CacheHint { ttl: None }) })
    };
    let document = |url: &str| {
        Part::Document(Document { url: url.into(), title: Some("T".into()), cache: None })
    };
    let parts = vec![
        image("https://a/b.png"),
        image("data:image/png;base64,QUJD"),
        document("data:application/pdf;base64,QUJD"),
        document("data:text/plain;base64,SGk="),
    ];
    let body = sent(&foreign(vec![says(Role::User, parts)]));
    let mark = json!({ "type": "ephemeral" });
    let expected = json!([
        { "type": "image", "source": { "type": "url", "url": "https://a/b.png" }, "cache_control": mark },
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "QUJD" }, "cache_control": mark },
        { "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "QUJD" }, "title": "T" },
        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "Hi" }, "title": "T" },
    ]);
    assert_eq!(body["messages"][0]["content"], expected);
}

#[test]
fn options_are_said_in_the_formats_words() {
    let tool = Tool { name: "f".into(), ..Tool::default() };
    let free = Tool { name: "sh".into(), custom: true, ..Tool::default() };
    let request = Request {
        tools: vec![tool, free],
        tool_choice: Some(ToolChoice::Named("f".into())),
        parallel_tool_calls: Some(false),
        output_format: OutputFormat::JsonSchema {
            name: "n".into(),
            description: None,
            schema: json!({ "type": "object" }),
            strict: None,
        },
        sampling: Sampling {
            temperature: Some(1.7),
            top_p: Some(0.5),
            top_k: Some(4),
            seed: Some(1),
            stop: vec!["END".into(), "\n".into()],
            ..Sampling::default()
        },
        max_output_tokens: Some(99),
        reasoning: ReasoningOptions {
            effort: Some("minimal".into()),
            ..ReasoningOptions::default()
        },
        end_user: Some("u".into()),
        ..foreign(vec![user("Hi")])
    };
    let free = json!({ "type": "object", "properties": { "input": { "type": "string" } }, "required": ["input"] });
    let expected = json!({
        "model": "m",
        "max_tokens": 99,
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }],
        "tool_choice": { "type": "tool", "name": "f", "disable_parallel_tool_use": true },
        "tools": [
            { "name": "f", "input_schema": { "type": "object", "properties": {} } },
            { "name": "sh", "input_schema": free },
        ],
        "output_config": { "effort": "low", "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "temperature": 1.0,
        "top_p": 0.5,
        "top_k": 4,
        "stop_sequences": ["END"],
        "metadata": { "user_id": "u" },
    });
    assert_eq!(sent(&request), expected);
}

#[test]
fn thinking_fits_into_the_limit_and_leaves_no_sampling() {
    let thinks = |budget: u32, limit: Option<u32>| {
        let request = Request {
            reasoning: ReasoningOptions {
                budget_tokens: Some(budget),
                ..ReasoningOptions::default()
            },
            sampling: Sampling { temperature: Some(0.5), top_k: Some(3), ..Sampling::default() },
            max_output_tokens: limit,
            ..foreign(vec![user("Hi")])
        };
        sent(&request)
    };
    let roomy = thinks(2048, None);
    assert_eq!(roomy["max_tokens"], DEFAULT_MAX_TOKENS + 2048);
    assert_eq!(roomy["thinking"], json!({ "type": "enabled", "budget_tokens": 2048 }));
    assert_eq!((roomy.get("temperature"), roomy.get("top_k")), (None, None));
    assert_eq!(thinks(9000, Some(4096))["thinking"]["budget_tokens"], 4095);
    assert_eq!(thinks(9000, Some(100))["thinking"], json!({ "type": "disabled" }));
}

#[test]
fn what_the_format_cannot_ask_for_is_refused() {
    let sampling = |sampling: Sampling| Request { sampling, ..foreign(vec![user("Hi")]) };
    for (request, param) in [
        (sampling(Sampling { n: Some(2), ..Sampling::default() }), "n"),
        (sampling(Sampling { logprobs: Some(true), ..Sampling::default() }), "logprobs"),
        (foreign(vec![user("")]), "messages"),
    ] {
        let error = call(&request).expect_err(param);
        assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some(param)));
    }
}

#[test]
fn any_json_is_asked_for_in_words() {
    let output_format = OutputFormat::JsonObject;
    let body = sent(&Request { output_format, ..foreign(vec![user("Hi")]) });
    assert!(body["system"][0]["text"].as_str().is_some_and(|text| text.contains("JSON object")));
}

#[test]
fn t_07_tools_survive_the_way_from_chat_to_anthropic_and_back() {
    let tools = json!([{ "type": "function", "function": {
        "name": "f", "description": "d",
        "parameters": { "type": "object", "properties": { "a": { "$ref": "#/$defs/A" } }, "$defs": { "A": { "type": "string" } } },
        "strict": true,
    }}]);
    let body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }], "tools": tools });
    let mut request = openai_chat::decode_request(&body.to_string().into()).expect("a request");
    request.original = None;
    let there = Bytes::from(call(&request).expect("a call").body.to_vec());
    let mut back = decode_request(&HeaderMap::new(), &there).expect("a request");
    back.original = None;
    let body = openai_chat::encode_request(&back, &OUTGOING).expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["tools"], tools);
}

#[test]
fn a_request_of_the_format_means_the_same_when_it_is_written_anew() {
    let body = json!({
        "model": "m", "max_tokens": 9000,
        "system": [{ "type": "text", "text": "s", "cache_control": { "type": "ephemeral" } }],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "a" }] },
            { "role": "system", "content": [{ "type": "text", "text": "b" }], "output_config": { "effort": "low" } },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm", "signature": "s" },
                { "type": "server_tool_use", "id": "s1", "name": "web_search", "input": { "query": "q" } },
                { "type": "tool_use", "id": "t1", "name": "f", "input": { "b": 1, "a": 2 } },
            ]},
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t1", "content": "c", "cache_control": { "type": "ephemeral", "ttl": "1h" } }] },
        ],
        "tools": [
            { "name": "f", "input_schema": { "type": "object" }, "defer_loading": true },
            { "type": "web_search_20250305", "name": "web_search" },
        ],
        "tool_choice": { "type": "any" },
        "thinking": { "type": "enabled", "budget_tokens": 2048, "display": "omitted" },
        "output_config": { "effort": "max", "task_budget": { "tokens": 5 } },
        "temperature": 1.0, "metadata": { "user_id": "u" },
        "context_management": { "edits": [] }, "odd": { "x": [1] },
    });
    let mut request =
        decode_request(&HeaderMap::new(), &body.to_string().into()).expect("a request");
    request.original = None;
    assert_eq!(sent(&request), body);
}
