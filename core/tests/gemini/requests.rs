//! What is sent to Gemini, for what a caller of the OpenAI chat format said.

use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    chat::{Document, Message, Part, ReasoningOptions, Request, Role, Tool},
    wire::{Call, Called, MaxTokensField, Outgoing, gemini::Gemini, openai_chat::decode_request},
};
use serde_json::{Value, json};

const OUTGOING: Outgoing<'_> = Outgoing {
    model: "gemini-2.5-flash",
    max_output_tokens: None,
    max_tokens_field: MaxTokensField::MaxTokens,
    openai: false,
    stream: false,
    slot: None,
};

fn request(body: &Value) -> Request {
    decode_request(&Bytes::from(body.to_string())).expect("a request")
}

fn encode(request: &Request, outgoing: &Outgoing<'_>) -> Result<(Call, Value)> {
    let call = Gemini.encode_request(request, outgoing)?;
    let body = serde_json::from_slice(&call.body).expect("JSON");
    Ok((call, body))
}

fn written(body: &Value) -> Value {
    encode(&request(body), &OUTGOING).expect("a call").1
}

fn refused(body: &Value) -> Error {
    encode(&request(body), &OUTGOING).expect_err("a refusal")
}

fn ask(fields: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let more = fields.as_object().cloned().unwrap_or_default();
    body.as_object_mut().expect("an object").extend(more);
    body
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": {
        "type": "object", "properties": { "city": { "type": ["string", "null"] } },
        "additionalProperties": false,
    } } })
}

#[test]
fn the_path_names_model_and_method() {
    let path = |model, stream| {
        let outgoing = Outgoing { model, stream, ..OUTGOING };
        Ok::<_, Error>(encode(&request(&ask(&json!({}))), &outgoing)?.0.path)
    };
    assert_eq!(
        path("gemini-2.5-flash", false).expect("a path"),
        "models/gemini-2.5-flash:generateContent"
    );
    assert_eq!(
        path("tunedModels/mine", true).expect("a path"),
        "tunedModels/mine:streamGenerateContent?alt=sse"
    );
    for model in ["", "../files", "a?key=b", "a b", "a#b"] {
        assert_eq!(path(model, false).expect_err("a refusal").param(), Some("model"), "{model}");
    }
}

#[test]
fn a_conversation_with_everything() {
    let body = written(&json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
                { "type": "image_url", "image_url": { "url": "https://a.example/b/c.JPG?size=2" } },
            ] },
            { "role": "assistant", "reasoning_content": "Hm.", "content": "Let me look.", "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"at\": 1.50}" } },
                { "id": "c2", "type": "function", "function": { "name": "now", "arguments": "" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "{\"seen\": \"a cat\"}" },
            { "role": "tool", "tool_call_id": "c2", "content": "noon" },
            { "role": "user", "content": "So?" },
            { "role": "developer", "content": "In French." },
        ],
    }));
    insta::assert_json_snapshot!(body);
}

#[test]
fn every_option_has_its_word() {
    let body = written(&ask(&json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "max_tokens": 100, "stop": ["END"],
        "seed": 7, "presence_penalty": 0.1, "frequency_penalty": -0.1, "n": 2,
        "logprobs": true, "top_logprobs": 3,
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": {
            "type": "object", "properties": { "a": { "$ref": "#/$defs/b" } }, "$defs": { "b": {} } } } },
        "tools": [tool("get")], "tool_choice": { "type": "function", "function": { "name": "get" } },
        "safetySettings": [{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE" }],
        "user": "u-1", "metadata": { "a": "b" }, "store": true, "prompt_cache_key": "k",
    })));
    insta::assert_json_snapshot!(body);
}

#[test]
fn the_choice_of_tools_has_three_modes() {
    for (choice, mode) in [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")] {
        let body = written(&ask(&json!({ "tools": [tool("get")], "tool_choice": choice })));
        let config = json!({ "functionCallingConfig": { "mode": mode } });
        assert_eq!(body["toolConfig"], config, "{choice}");
    }
    let body = written(&ask(&json!({ "tools": [tool("get")] })));
    assert_eq!(body.get("toolConfig"), None);
}

#[test]
fn json_without_a_schema_is_a_mime_type() {
    let body = written(&ask(&json!({ "response_format": { "type": "json_object" } })));
    assert_eq!(body["generationConfig"], json!({ "responseMimeType": "application/json" }));
}

#[test]
fn a_cap_is_an_output_limit() {
    let outgoing = Outgoing { max_output_tokens: Some(50), ..OUTGOING };
    let capped = encode(&request(&ask(&json!({ "max_tokens": 100 }))), &outgoing);
    assert_eq!(capped.expect("a call").1["generationConfig"], json!({ "maxOutputTokens": 50 }));
    let free = written(&ask(&json!({})));
    assert_eq!(free.get("generationConfig"), None, "an omitted limit stays omitted");
}

#[test]
fn thinking_is_asked_for_as_the_generation_knows_it() {
    let thinking = |model, reasoning: ReasoningOptions| {
        let request = Request { reasoning, ..request(&ask(&json!({}))) };
        let body = encode(&request, &Outgoing { model, ..OUTGOING })?.1;
        Ok::<_, Error>(body["generationConfig"]["thinkingConfig"].clone())
    };
    let effort = |word: &str| ReasoningOptions { effort: Some(word.into()), ..Default::default() };
    for (word, level, budget) in [
        ("minimal", "minimal", 1_024),
        ("low", "low", 1_024),
        ("medium", "medium", 8_192),
        ("high", "high", 24_576),
        ("xhigh", "high", 24_576),
    ] {
        let new = thinking("gemini-3-pro-preview", effort(word)).expect("a call");
        assert_eq!(new, json!({ "includeThoughts": true, "thinkingLevel": level }));
        let old = thinking("gemini-2.5-pro", effort(word)).expect("a call");
        assert_eq!(old, json!({ "includeThoughts": true, "thinkingBudget": budget }));
    }
    let off = ReasoningOptions { enabled: Some(false), ..Default::default() };
    for off in [effort("none"), off] {
        let off = thinking("gemini-2.5-pro", off).expect("a call");
        assert_eq!(off, json!({ "thinkingBudget": 0 }));
    }
    let hidden = ReasoningOptions {
        budget_tokens: Some(2_000),
        summary: Some("omitted".into()),
        ..Default::default()
    };
    let hidden = thinking("gemini-3-pro-preview", hidden).expect("a call");
    assert_eq!(hidden, json!({ "includeThoughts": false, "thinkingBudget": 2_000 }));
    assert_eq!(thinking("gemini-2.5-pro", Default::default()).expect("a call"), Value::Null);
    let error = thinking("gemini-2.5-pro", effort("fierce")).expect_err("a refusal");
    assert_eq!(error.param(), Some("reasoning_effort"));
}

fn called(signed: &Value) -> Value {
    let mut assistant = json!({ "role": "assistant", "content": null, "tool_calls": [
        { "id": "c", "type": "function", "function": { "name": "a", "arguments": "{}" } },
        { "id": "d", "type": "function", "function": { "name": "b", "arguments": "{}" } },
    ] });
    assistant
        .as_object_mut()
        .expect("an object")
        .extend(signed.as_object().cloned().unwrap_or_default());
    json!({ "messages": [
        { "role": "user", "content": "?" },
        assistant,
        { "role": "tool", "tool_call_id": "d", "content": "1" },
        { "role": "tool", "tool_call_id": "c", "content": "2" },
    ] })
}

#[test]
fn calls_of_other_models_are_let_through_where_signatures_are_insisted_on() {
    let foreign = json!({ "reasoning_content": "Hm.", "reasoning_signature": "of another" });
    for (model, expected) in [
        ("gemini-3-flash-preview", json!("skip_thought_signature_validator")),
        ("gemini-2.5-flash", Value::Null),
    ] {
        let outgoing = Outgoing { model, ..OUTGOING };
        let body = encode(&request(&called(&foreign)), &outgoing).expect("a call").1;
        let parts = &body["contents"][1]["parts"];
        assert_eq!(parts[0], json!({ "text": "Hm.", "thought": true }));
        assert_eq!(parts[1]["thoughtSignature"], expected, "{model}");
        assert_eq!(parts[2]["thoughtSignature"], Value::Null, "only the first is signed");
    }
}

#[test]
fn a_result_is_named_by_its_call() {
    let body = written(&called(&json!({})));
    let results = &body["contents"][2]["parts"];
    assert_eq!(results[0]["functionResponse"]["name"], "b");
    assert_eq!(results[1]["functionResponse"]["name"], "a");
    let orphan = json!({ "messages": [{ "role": "tool", "tool_call_id": "x", "content": "1" }] });
    assert_eq!(refused(&orphan).param(), Some("messages[0].content[0]"));
}

#[test]
fn a_failed_tool_and_its_picture() {
    let picture = dormouse_core::chat::Image {
        url: "data:image/png;base64,AAAA".into(),
        ..Default::default()
    };
    let mut request = request(&called(&json!({})));
    request.messages[3].parts = vec![Part::ToolResult {
        call_id: "c".into(),
        parts: vec![Message::text(Role::Tool, "no").parts.remove(0), Part::Image(picture)],
        is_error: true,
        cache: None,
    }];
    let body = encode(&request, &OUTGOING).expect("a call").1;
    let expected = json!({
        "id": "c", "name": "a", "response": { "error": "no" },
        "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AAAA" } }],
    });
    assert_eq!(body["contents"][2]["parts"][1]["functionResponse"], expected);
}

#[test]
fn a_document_is_a_file() {
    let mut request = request(&ask(&json!({})));
    let document = |url: &str| Part::Document(Document { url: url.into(), ..Default::default() });
    request.messages[0].parts =
        vec![document("data:application/pdf;base64,JVBE"), document("https://a.example/b.pdf")];
    let body = encode(&request, &OUTGOING).expect("a call").1;
    let expected = json!([
        { "inlineData": { "mimeType": "application/pdf", "data": "JVBE" } },
        { "fileData": { "mimeType": "application/pdf", "fileUri": "https://a.example/b.pdf" } },
    ]);
    assert_eq!(body["contents"][0]["parts"], expected);
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let image = json!({ "type": "image_url", "image_url": { "url": "ftp://a.example/b" } });
    let audio = json!({ "type": "input_audio", "input_audio": { "data": "", "format": "wav" } });
    for (fields, param) in [
        (json!({ "logit_bias": { "1": 2 } }), "logit_bias"),
        (json!({ "grammar": "root ::= \"a\"" }), "grammar"),
        (json!({ "min_p": 0.1 }), "min_p"),
        (json!({ "modalities": ["text", "audio"] }), "modalities"),
        (json!({ "tools": [{ "type": "web_search" }] }), "tools[0]"),
        (json!({ "messages": [{ "role": "user", "content": [image] }] }), "messages[0].content[0]"),
        (json!({ "messages": [{ "role": "user", "content": [audio] }] }), "messages[0].content[0]"),
        (
            json!({ "messages": [{ "role": "assistant", "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{\"a" } } ] }] }),
            "messages[0].content[0]",
        ),
    ] {
        assert_eq!(refused(&ask(&fields)).param(), Some(param), "{fields}");
    }
    let mut request = request(&ask(&json!({})));
    request.tools = vec![Tool { name: "patch".into(), custom: true, ..Tool::default() }];
    let error = encode(&request, &OUTGOING).expect_err("a refusal");
    assert_eq!(error.param(), Some("tools[0]"));
    let harmless = json!({
        "parallel_tool_calls": false, "tools": [tool("a")], "modalities": ["text"], "n": 1,
        "verbosity": "low", "messages": [{ "role": "user", "content": "a", "name": "b" }],
    });
    assert!(encode(&self::request(&ask(&harmless)), &OUTGOING).is_ok());
}
