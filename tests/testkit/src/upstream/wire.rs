//! What a provider's answers look like on the wire: HTTP/1.1 framing, and chat completions in it.
#![expect(clippy::indexing_slicing, reason = "indexing JSON values gives null for what is missing")]

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// The last chunk of a chunked body (RFC 9112 §7.1).
pub(super) const END: &[u8] = b"0\r\n\r\n";
/// The last event of a streamed chat completion.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// Status line and headers of an answer whose body has `length` bytes; `None`: comes in chunks.
pub(super) fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> Bytes {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&match length {
        Some(length) => format!("content-length: {length}\r\n\r\n"),
        None => "transfer-encoding: chunked\r\n\r\n".to_owned(),
    });
    head.into()
}

/// A chunk of a chunked body.
pub(super) fn chunk(data: &[u8]) -> Bytes {
    let mut framed = format!("{:x}\r\n", data.len()).into_bytes();
    framed.extend_from_slice(data);
    framed.extend_from_slice(b"\r\n");
    framed.into()
}

/// A server-sent event.
pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// What a model says: text, and tools it wants called (name and arguments).
#[derive(Clone, Debug, Default)]
pub(super) struct Speech {
    pub(super) text: Vec<String>,
    pub(super) tools: Vec<(String, Vec<String>)>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Speech {
    fn finish_reason(&self) -> &'static str {
        if self.tools.is_empty() { "stop" } else { "tool_calls" }
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        })
    }

    /// As a whole chat completion.
    pub(super) fn whole(&self, model: &str) -> Value {
        let text = self.text.concat();
        let mut message = json!({ "role": "assistant", "content": text, "refusal": null });
        if !self.tools.is_empty() {
            let calls = self.tools.iter().enumerate().map(|(index, (name, arguments))| {
                let function = json!({ "name": name, "arguments": arguments.concat() });
                json!({ "id": format!("call_{index}"), "type": "function", "function": function })
            });
            message["tool_calls"] = calls.collect();
            if text.is_empty() {
                message["content"] = Value::Null;
            }
        }
        let choice = json!({
            "index": 0, "message": message, "logprobs": null,
            "finish_reason": self.finish_reason(),
        });
        json!({
            "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1_700_000_000,
            "model": model, "choices": [choice], "usage": self.usage(),
        })
    }

    /// As the events of a streamed chat completion.
    pub(super) fn events(&self, model: &str, with_usage: bool) -> Vec<String> {
        let chunk = |choices: Value| {
            json!({
                "id": "chatcmpl-scripted", "object": "chat.completion.chunk",
                "created": 1_700_000_000, "model": model, "choices": choices,
            })
        };
        let delta = |delta: Value, finish: Option<&str>| {
            chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]))
        };
        let mut events = vec![delta(json!({ "role": "assistant", "content": "" }), None)];
        events.extend(self.text.iter().map(|text| delta(json!({ "content": text }), None)));
        for (index, (name, arguments)) in self.tools.iter().enumerate() {
            let begin = json!({
                "index": index, "id": format!("call_{index}"), "type": "function",
                "function": { "name": name, "arguments": "" },
            });
            events.push(delta(json!({ "tool_calls": [begin] }), None));
            events.extend(arguments.iter().map(|piece| {
                let piece = json!({ "index": index, "function": { "arguments": piece } });
                delta(json!({ "tool_calls": [piece] }), None)
            }));
        }
        events.push(delta(json!({}), Some(self.finish_reason())));
        if with_usage {
            let mut last = chunk(json!([]));
            last["usage"] = self.usage();
            events.push(last);
        }
        events.iter().map(event).chain([DONE.to_owned()]).collect()
    }
}
