//! What a caller asks, in each dialect that is served: an agent at work with tools, and one question.

use bytes::Bytes;
use dormouse_core::chat::Dialect;
use serde_json::{Value, json};

/// How much a caller has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A system prompt and a question: less than a kilobyte.
    Small,
    /// A system prompt, tools, and several calls with their results: 20 kB, as coding agents send.
    Large,
}

/// Calls, each with its result, in the large conversation.
const CALLS: usize = 8;
const TOOLS: [&str; 8] =
    ["read_file", "write_file", "list_files", "search", "run", "fetch", "ask_user", "finish"];
const QUESTION: &str = "Why does the parser refuse an empty list? Find out, and mend it.";

/// The body of a request for a streamed answer. `None`: the dialect is not served.
pub fn request(dialect: Dialect, size: Size) -> Option<Bytes> {
    let large = size == Size::Large;
    let body = match dialect {
        Dialect::OpenAiChat => chat(large),
        Dialect::OpenAiResponses => responses(large),
        Dialect::Anthropic => anthropic(large),
        _ => return None,
    };
    Some(Bytes::from(body.to_string()))
}

fn chat(large: bool) -> Value {
    let mut messages = vec![
        json!({ "role": "system", "content": system(large) }),
        json!({ "role": "user", "content": QUESTION }),
    ];
    for (id, arguments, result) in calls(large) {
        let function = json!({ "name": "read_file", "arguments": arguments.to_string() });
        messages.push(json!({
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{ "id": id, "type": "function", "function": function }],
        }));
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": result }));
    }
    let mut body = json!({
        "model": "bench",
        "messages": messages,
        "temperature": 0.7,
        "max_tokens": 4096,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    if let (true, Value::Object(body)) = (large, &mut body) {
        let tool = |(name, about, schema)| {
            let function = json!({ "name": name, "description": about, "parameters": schema });
            json!({ "type": "function", "function": function })
        };
        body.insert("tools".into(), tools().map(tool).collect());
    }
    body
}

fn responses(large: bool) -> Value {
    let mut input = vec![json!({
        "type": "message",
        "role": "user",
        "content": [{ "type": "input_text", "text": QUESTION }],
    })];
    for (id, arguments, result) in calls(large) {
        let text = json!({ "type": "output_text", "text": "Let me look.", "annotations": [] });
        input.push(json!({ "type": "message", "role": "assistant", "content": [text] }));
        input.push(json!({
            "type": "function_call",
            "call_id": id,
            "name": "read_file",
            "arguments": arguments.to_string(),
        }));
        input.push(json!({ "type": "function_call_output", "call_id": id, "output": result }));
    }
    let mut body = json!({
        "model": "bench",
        "instructions": system(large),
        "input": input,
        "temperature": 0.7,
        "max_output_tokens": 4096,
        "store": false,
        "stream": true,
    });
    if let (true, Value::Object(body)) = (large, &mut body) {
        let tool = |(name, about, schema)| {
            json!({
                "type": "function",
                "name": name,
                "description": about,
                "parameters": schema,
                "strict": false,
            })
        };
        body.insert("tools".into(), tools().map(tool).collect());
    }
    body
}

fn anthropic(large: bool) -> Value {
    let mut messages = vec![json!({ "role": "user", "content": QUESTION })];
    for (id, arguments, result) in calls(large) {
        let call = json!({ "type": "tool_use", "id": id, "name": "read_file", "input": arguments });
        let text = json!({ "type": "text", "text": "Let me look." });
        messages.push(json!({ "role": "assistant", "content": [text, call] }));
        let result = json!({ "type": "tool_result", "tool_use_id": id, "content": result });
        messages.push(json!({ "role": "user", "content": [result] }));
    }
    let mut body = json!({
        "model": "bench",
        "system": [{ "type": "text", "text": system(large) }],
        "messages": messages,
        "temperature": 0.7,
        "max_tokens": 4096,
        "stream": true,
    });
    if let (true, Value::Object(body)) = (large, &mut body) {
        let tool = |(name, about, schema)| json!({ "name": name, "description": about, "input_schema": schema });
        body.insert("tools".into(), tools().map(tool).collect());
    }
    body
}

fn system(large: bool) -> String {
    let line = "You work in a repository. Read before you write; \"done\" means that tests pass.\n";
    line.repeat(if large { 40 } else { 2 })
}

/// Ids, arguments and results.
fn calls(large: bool) -> impl Iterator<Item = (String, Value, String)> {
    (0..if large { CALLS } else { 0 }).map(|number| {
        let path = format!("src/parser/part{number}.rs");
        let line = "    let parts = text.split(',').map(|it| it.trim()).collect::<Vec<_>>();\n";
        let result = format!("// {path}\n{}", line.repeat(16));
        (format!("call_{number:024}"), json!({ "path": path, "limit": 200 }), result)
    })
}

/// Names, descriptions and schemas.
fn tools() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    TOOLS.into_iter().map(|name| {
        let about = "Does what its name says, in the working tree. Paths are relative to its root.";
        let schema = json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "Where, relative to the root." },
                "limit": { "type": "integer", "minimum": 1, "description": "Lines at most." },
                "mode": { "type": "string", "enum": ["text", "bytes", "lines"] },
                "patterns": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        (name, about, schema)
    })
}
