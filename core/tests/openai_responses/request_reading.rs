//! What is read of a request.

use dormouse_core::chat::{
    Dialect, Document, Image, Message, OutputFormat, Part, Request, Role, Signature, ToolChoice,
};
use serde_json::{Value, json};

use crate::transcript::request;

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn messages(input: Value) -> Vec<Message> {
    request(&json!({ "input": input })).messages
}

fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

fn said(role: Role, words: &str) -> Message {
    Message::text(role, words)
}

fn names(request: &Request) -> Vec<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[test]
fn a_text_is_a_message_and_instructions_come_first() {
    let request = request(&json!({ "input": "Hi", "instructions": "Be brief." }));
    assert_eq!(request.messages, [said(Role::System, "Be brief."), said(Role::User, "Hi")]);
}

#[test]
fn roles_and_kinds_of_content_are_told_apart() {
    let url = "data:image/png;base64,AA==";
    let input = json!([
        { "role": "developer", "content": "Rules." },
        { "type": "message", "role": "user", "content": [
            { "type": "input_text", "text": "See." },
            { "type": "input_image", "image_url": url, "detail": "low" },
            { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA==" },
            { "type": "input_file", "file_id": "file_1" },
        ] },
        { "role": "assistant", "content": [
            { "type": "output_text", "text": "Seen.", "annotations": [] },
            { "type": "refusal", "refusal": "No." },
        ] },
    ]);
    let messages = messages(input);
    assert_eq!(messages[0], said(Role::Developer, "Rules."));
    let image = Image { url: url.into(), detail: Some("low".into()), cache: None };
    let document = Document {
        url: "data:application/pdf;base64,AA==".into(),
        title: Some("a.pdf".into()),
        cache: None,
    };
    let parts = &messages[1].parts;
    assert_eq!(parts[..3], [text("See."), Part::Image(image), Part::Document(document)]);
    assert!(matches!(&parts[3], Part::Other { dialect: Dialect::OpenAiResponses, .. }));
    assert_eq!(messages[2].parts, [text("Seen."), Part::Refusal { text: "No.".into() }]);
}

#[test]
fn what_a_model_did_in_one_turn_is_one_message() {
    let input = json!([
        { "role": "user", "content": "Go." },
        { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "Hm" }],
          "encrypted_content": "proof" },
        { "type": "message", "role": "assistant", "content": "Let me." },
        { "type": "function_call", "call_id": "a", "name": "echo", "namespace": "mcp__gw", "arguments": "{}" },
        { "type": "custom_tool_call", "call_id": "b", "name": "patch", "input": "***" },
        { "type": "web_search_call", "id": "ws_1", "status": "completed" },
        { "type": "function_call_output", "call_id": "a", "output": [{ "type": "input_text", "text": "hi" }] },
        { "type": "custom_tool_call_output", "call_id": "b", "output": "ok" },
    ]);
    let messages = messages(input);
    let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool]);
    let call = |id: &str, name: &str, arguments: &str, custom| Part::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom,
    };
    let signature = Signature {
        dialect: Dialect::OpenAiResponses,
        text: "proof".into(),
        id: Some("rs_1".into()),
    };
    let thoughts =
        Part::Reasoning { text: "Hm".into(), signature: Some(signature), redacted: false };
    assert_eq!(
        messages[1].parts[..4],
        [
            thoughts,
            text("Let me."),
            call("a", "mcp__gw__echo", "{}", false),
            call("b", "patch", "***", true)
        ]
    );
    assert!(matches!(messages[1].parts[4], Part::Other { .. }));
    let result = |call_id: &str, words: &str| Part::ToolResult {
        call_id: call_id.into(),
        parts: vec![text(words)],
        is_error: false,
        cache: None,
    };
    assert_eq!(messages[2].parts, [result("a", "hi")]);
    assert_eq!(messages[3].parts, [result("b", "ok")]);
}

#[test]
fn kinds_that_nobody_knows_are_carried_and_never_refused() {
    let input = json!([{ "type": "hologram", "id": "h", "x": 1 }, { "id": "msg_1" }]);
    let messages = messages(input);
    assert_eq!(messages.len(), 2);
    let tools = json!([{ "type": "hologram", "x": 1 }]);
    let request = request(&json!({ "tools": tools }));
    assert_eq!(request.tools[0].extensions.0["x"], 1);
}

#[test]
fn tools_in_namespaces_and_in_the_input_have_one_name_each() {
    let function = |name: &str| json!({ "type": "function", "name": name, "parameters": {} });
    let request = request(&json!({
        "tools": [
            function("now"),
            { "type": "namespace", "name": "clock", "description": "Time.", "tools": [function("sleep")] },
            { "type": "custom", "name": "patch" },
        ],
        "input": [
            { "type": "additional_tools", "role": "developer", "tools": [function("more")] },
            { "role": "user", "content": "Hi" },
        ],
        "tool_choice": { "type": "function", "name": "sleep", "namespace": "clock" },
    }));
    assert_eq!(names(&request), ["now", "clock__sleep", "patch", "more"]);
    assert!(request.tools[2].custom);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("clock__sleep".into())));
}

#[test]
fn a_choice_among_allowed_tools_takes_the_others_away() {
    let function = |name: &str| json!({ "type": "function", "name": name });
    let choice = json!({ "type": "allowed_tools", "mode": "required", "tools": [function("a")] });
    let request =
        request(&json!({ "tools": [function("a"), function("b")], "tool_choice": choice }));
    assert_eq!(names(&request), ["a"]);
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
}

#[test]
fn options_find_their_words() {
    let request = request(&json!({
        "stream": true,
        "max_output_tokens": 50,
        "reasoning": { "effort": "low", "summary": "auto", "context": "all_turns" },
        "text": { "verbosity": "low", "format": { "type": "json_schema", "name": "n", "schema": {} } },
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "prompt_cache_key": "k",
        "safety_identifier": "someone",
    }));
    assert!(request.stream.is_some_and(|options| options.include_usage));
    assert_eq!(request.max_output_tokens, Some(50));
    assert_eq!(request.reasoning.effort.as_deref(), Some("low"));
    assert_eq!(request.reasoning.summary.as_deref(), Some("auto"));
    assert!(matches!(&request.output_format, OutputFormat::JsonSchema { name, .. } if name == "n"));
    assert_eq!(request.sampling.logprobs.zip(request.sampling.top_logprobs), Some((true, 2)));
    assert_eq!(request.end_user.as_deref(), Some("someone"));
    let rest = &request.extensions.0;
    assert_eq!(rest["reasoning"], json!({ "context": "all_turns" }));
    assert_eq!(rest["text"], json!({ "verbosity": "low" }));
    assert_eq!(rest["prompt_cache_key"], "k");
}
