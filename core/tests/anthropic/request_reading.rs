//! What is understood of a request.

use base64::{Engine, prelude::BASE64_STANDARD};
use dormouse_core::{
    chat::{
        CacheHint, Dialect, Document, Image, Message, OutputFormat, Part, Request, Role, Signature,
        StreamOptions, ToolChoice,
    },
    wire::anthropic::decode_request,
};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::provider::{text, tool_call};

pub(crate) fn decode(body: &Value) -> Request {
    decode_request(&HeaderMap::new(), &body.to_string().into()).expect("a request")
}

fn message(content: &Value) -> Request {
    decode(&json!({ "messages": [{ "role": "user", "content": content }] }))
}

fn part(block: &Value) -> Part {
    message(&json!([block])).messages.remove(0).parts.remove(0)
}

fn with(field: &str, value: &Value) -> Request {
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    body[field] = value.clone();
    decode(&body)
}

#[test]
fn the_least_request_is_one_message() {
    let request = message(&json!("Hi"));
    assert_eq!(request.dialect, Dialect::Anthropic);
    assert_eq!(request.messages, [Message::text(Role::User, "Hi")]);
    // t_41: a limit that is left out is no limit of 0.
    assert_eq!((request.max_output_tokens, request.stream), (None, None));
    assert_eq!(request.original.map(|original| original.dialect), Some(Dialect::Anthropic));
}

#[test]
fn the_system_prompt_comes_first_and_keeps_its_marks() {
    let cached = json!({ "type": "text", "text": "b", "cache_control": { "type": "ephemeral", "ttl": "1h" } });
    let request = with("system", &json!([{ "type": "text", "text": "a" }, cached]));
    let hint = Some(CacheHint { ttl: Some("1h".into()) });
    let expected = [text("a"), Part::Text { text: "b".into(), cache: hint }];
    assert_eq!(
        (request.messages[0].role, &request.messages[0].parts[..]),
        (Role::System, &expected[..])
    );
    assert_eq!(
        with("system", &json!("Be brief")).messages[0],
        Message::text(Role::System, "Be brief")
    );
    assert_eq!(with("system", &json!("")).messages.len(), 1);
}

#[test]
fn instructions_among_the_messages_stay_where_they_are() {
    let request = decode(&json!({ "messages": [
        { "role": "user", "content": "Hi" },
        { "role": "system", "content": "Be brief", "output_config": { "effort": "low" } },
        { "role": "assistant", "content": [] },
    ]}));
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Assistant]);
    assert_eq!(request.messages[1].extensions.0["output_config"], json!({ "effort": "low" }));
}

#[test]
fn calls_and_results_match_by_id_in_any_order() {
    let request = decode(&json!({ "messages": [
        { "role": "assistant", "content": [
            { "type": "text", "text": "Well" },
            { "type": "tool_use", "id": "t1", "name": "f", "input": { "b": 1, "a": 2 } },
            { "type": "tool_use", "id": "t2", "name": "g" },
        ]},
        { "role": "user", "content": [
            { "type": "text", "text": "And now?" },
            { "type": "tool_result", "tool_use_id": "t2", "content": [
                { "type": "text", "text": "two" },
                { "type": "image", "source": { "type": "url", "url": "https://a/b.png" } },
            ], "is_error": true, "cache_control": { "type": "ephemeral" } },
            { "type": "tool_result", "tool_use_id": "t1", "content": "one" },
        ]},
    ]}));
    let [assistant, results, user] = &request.messages[..] else { panic!("three messages") };
    let said =
        [text("Well"), tool_call("t1", "f", "{\"b\":1,\"a\":2}"), tool_call("t2", "g", "{}")];
    assert_eq!(assistant.parts, said);
    assert_eq!(results.role, Role::Tool);
    let image = Part::Image(Image { url: "https://a/b.png".into(), ..Image::default() });
    let two = Part::ToolResult {
        call_id: "t2".into(),
        parts: vec![text("two"), image],
        is_error: true,
        cache: Some(CacheHint { ttl: None }),
    };
    let one = Part::ToolResult {
        call_id: "t1".into(),
        parts: vec![text("one")],
        is_error: false,
        cache: None,
    };
    assert_eq!(results.parts, [two, one]);
    assert_eq!(*user, Message::text(Role::User, "And now?"));
}

#[test]
fn pictures_and_documents_become_urls() {
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "QUJD" });
    let url = "data:image/png;base64,QUJD".to_owned();
    let image = Part::Image(Image { url, ..Image::default() });
    assert_eq!(part(&json!({ "type": "image", "source": source })), image);
    let document =
        |source: Value| part(&json!({ "type": "document", "title": "T", "source": source }));
    let expected =
        |url: String| Part::Document(Document { url, title: Some("T".into()), cache: None });
    let pdf = json!({ "type": "base64", "media_type": "application/pdf", "data": "QUJD" });
    assert_eq!(document(pdf), expected("data:application/pdf;base64,QUJD".into()));
    assert_eq!(
        document(json!({ "type": "url", "url": "https://a" })),
        expected("https://a".into())
    );
    let plain = format!("data:text/plain;base64,{}", BASE64_STANDARD.encode("Über"));
    let text = json!({ "type": "text", "media_type": "text/plain", "data": "Über" });
    assert_eq!(document(text), expected(plain.clone()));
    let blocks = json!([{ "type": "text", "text": "Ü" }, { "type": "text", "text": "ber" }]);
    assert_eq!(document(json!({ "type": "content", "content": blocks })), expected(plain));
}

#[test]
fn what_only_anthropic_understands_is_carried_whole() {
    for block in [
        json!({ "type": "image", "source": { "type": "file", "file_id": "f1" }, "cache_control": null }),
        json!({ "type": "document", "source": { "type": "file", "file_id": "f1" }, "title": "T" }),
        json!({ "type": "search_result", "source": "s", "title": "t", "content": [] }),
        json!({ "type": "server_tool_use", "id": "s1", "name": "web_search", "input": {} }),
        json!({ "type": "web_search_tool_result", "tool_use_id": "s1", "content": [] }),
        json!({ "type": "mcp_tool_use", "id": "m1", "name": "n", "server_name": "s", "input": {} }),
    ] {
        let expected = Part::Other { dialect: Dialect::Anthropic, value: block.clone() };
        assert_eq!(part(&block), expected);
    }
}

#[test]
fn thoughts_keep_their_signatures() {
    let thinking =
        |proof: &str| part(&json!({ "type": "thinking", "thinking": "Hm", "signature": proof }));
    let signature = Some(Signature::new(Dialect::Anthropic, "s"));
    let text = "Hm".to_owned();
    let expected = Part::Reasoning { text: text.clone(), signature, redacted: false };
    assert_eq!(thinking("s"), expected);
    assert_eq!(thinking(""), Part::Reasoning { text, signature: None, redacted: false });
    let hidden = part(&json!({ "type": "redacted_thinking", "data": "x" }));
    let signature = Some(Signature::new(Dialect::Anthropic, "x"));
    assert_eq!(hidden, Part::Reasoning { text: String::new(), signature, redacted: true });
}

#[test]
fn tools_keep_what_the_vocabulary_does_not_know() {
    let search = json!({ "type": "web_search_20250305", "name": "web_search", "max_uses": 3 });
    let own = json!({
        "name": "f", "type": "custom", "description": "d", "input_schema": { "type": "object" },
        "strict": true, "defer_loading": true, "input_examples": [{}],
        "cache_control": { "type": "ephemeral" },
    });
    let request = with("tools", &json!([own, search]));
    let [f, web] = &request.tools[..] else { panic!("two tools") };
    assert_eq!((f.name.as_str(), f.description.as_deref(), f.strict), ("f", Some("d"), Some(true)));
    assert_eq!(f.cache, Some(CacheHint { ttl: None }));
    let rest = json!({ "defer_loading": true, "input_examples": [{}] });
    assert_eq!(Value::Object(f.extensions.0.clone()), rest);
    assert_eq!((web.name.as_str(), Value::Object(web.extensions.0.clone())), ("", search));
}

#[test]
fn every_choice_of_tools_is_understood() {
    for (choice, expected, parallel) in [
        (json!({ "type": "auto" }), ToolChoice::Auto, None),
        (
            json!({ "type": "any", "disable_parallel_tool_use": true }),
            ToolChoice::Required,
            Some(false),
        ),
        (json!({ "type": "tool", "name": "f" }), ToolChoice::Named("f".into()), None),
        (json!({ "type": "none" }), ToolChoice::None, None),
    ] {
        let request = decode(&json!({
            "messages": [{ "role": "user", "content": "Hi" }],
            "tools": [{ "name": "f", "input_schema": {} }],
            "tool_choice": choice,
        }));
        assert_eq!((request.tool_choice, request.parallel_tool_calls), (Some(expected), parallel));
    }
}

#[test]
fn every_kind_of_thinking_is_understood() {
    let reasoning = |thinking: Value| with("thinking", &thinking).reasoning;
    let fixed =
        reasoning(json!({ "type": "enabled", "budget_tokens": 2048, "display": "omitted" }));
    assert_eq!((fixed.enabled, fixed.budget_tokens), (Some(true), Some(2048)));
    assert_eq!(fixed.summary.as_deref(), Some("omitted"));
    let adaptive = reasoning(json!({ "type": "adaptive" }));
    assert_eq!((adaptive.enabled, adaptive.budget_tokens), (Some(true), None));
    assert_eq!(reasoning(json!({ "type": "disabled" })).enabled, Some(false));
    let newer = with("thinking", &json!({ "type": "between_tools" }));
    assert_eq!(newer.reasoning.enabled, Some(true));
    assert_eq!(newer.extensions.0["thinking"], json!({ "type": "between_tools" }));
}

#[test]
fn effort_and_format_come_from_the_output_config() {
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    let config = json!({ "effort": "xhigh", "format": format, "task_budget": { "tokens": 1 } });
    let request = with("output_config", &config);
    assert_eq!(request.reasoning.effort.as_deref(), Some("xhigh"));
    let schema = |format: OutputFormat| match format {
        OutputFormat::JsonSchema { schema, .. } => schema,
        other => panic!("{other:?}"),
    };
    assert_eq!(schema(request.output_format), json!({ "type": "object" }));
    let rest = json!({ "task_budget": { "tokens": 1 } });
    assert_eq!(request.extensions.0["output_config"], rest);
    assert_eq!(schema(with("output_format", &format).output_format), json!({ "type": "object" }));
}

#[test]
fn the_rest_is_understood_or_carried() {
    let request = decode(&json!({
        "model": "claude-x", "max_tokens": 5, "stream": true, "temperature": 0.5, "top_p": 0.25,
        "top_k": 3, "stop_sequences": ["END"],
        "metadata": { "user_id": "u", "team": "t" }, "service_tier": "auto", "odd": 1,
        "context_management": { "edits": [] }, "container": "c", "mcp_servers": [], "speed": null,
        "messages": [{ "role": "user", "content": "Hi" }],
    }));
    assert_eq!((request.model.as_str(), request.max_output_tokens), ("claude-x", Some(5)));
    assert_eq!(request.stream, Some(StreamOptions { include_usage: true }));
    let sampling = &request.sampling;
    assert_eq!(
        (sampling.temperature, sampling.top_p, sampling.top_k),
        (Some(0.5), Some(0.25), Some(3))
    );
    assert_eq!(sampling.stop, ["END"]);
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.metadata["team"], "t");
    let carried: Vec<&String> = request.extensions.0.keys().collect();
    assert_eq!(carried, ["service_tier", "odd", "context_management", "container", "mcp_servers"]);
}

#[test]
fn headers_for_a_provider_of_the_format_are_kept() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b,c"),
        ("x-claude-code-session-id", "s"),
        ("x-api-key", "secret"),
        ("authorization", "Bearer secret"),
    ] {
        headers.append(name, value.parse().expect("a value"));
    }
    let body = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    let request = decode_request(&headers, &body.to_string().into()).expect("a request");
    let kept: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    assert_eq!(kept.len(), 4);
    assert!(kept.contains(&("anthropic-beta", "b,c")) && kept.contains(&("anthropic-beta", "a")));
    assert!(kept.iter().all(|(_, value)| !value.contains("secret")));
}
