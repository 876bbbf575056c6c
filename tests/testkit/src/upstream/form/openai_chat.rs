//! OpenAI's chat completions.
#![expect(clippy::indexing_slicing, reason = "indexing JSON values gives null for what is missing")]

use serde_json::{Value, json};

use super::{Form, Speech, event};
use crate::upstream::log::Received;

/// The last event of a streamed chat completion.
const DONE: &str = "data: [DONE]\n\n";

pub(super) struct OpenAiChat;

impl Form for OpenAiChat {
    fn said(&self, asked: &Value) -> Option<String> {
        Some(asked["messages"].as_array()?.last()?["content"].as_str()?.to_owned())
    }

    fn streams(&self, request: &Received) -> bool {
        request.json()["stream"] == true
    }

    fn whole(&self, speech: &Speech, request: &Received) -> Value {
        let text = speech.text.concat();
        let mut message = json!({ "role": "assistant", "content": text, "refusal": null });
        if !speech.tools.is_empty() {
            let calls = speech.tools.iter().enumerate().map(|(index, (name, arguments))| {
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
            "finish_reason": finish_reason(speech),
        });
        json!({
            "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1_700_000_000,
            "model": request.name(), "choices": [choice], "usage": usage(speech),
        })
    }

    fn events(&self, speech: &Speech, request: &Received) -> Vec<String> {
        let with_usage = request.json()["stream_options"]["include_usage"] == true;
        let chunk = |choices: Value| {
            json!({
                "id": "chatcmpl-scripted", "object": "chat.completion.chunk",
                "created": 1_700_000_000, "model": request.name(), "choices": choices,
            })
        };
        let delta = |delta: Value, finish: Option<&str>| {
            chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]))
        };
        let mut events = vec![delta(json!({ "role": "assistant", "content": "" }), None)];
        events.extend(speech.text.iter().map(|text| delta(json!({ "content": text }), None)));
        for (index, (name, arguments)) in speech.tools.iter().enumerate() {
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
        events.push(delta(json!({}), Some(finish_reason(speech))));
        if with_usage {
            let mut last = chunk(json!([]));
            last["usage"] = usage(speech);
            events.push(last);
        }
        events.iter().map(event).chain([DONE.to_owned()]).collect()
    }
}

fn finish_reason(speech: &Speech) -> &'static str {
    if speech.tools.is_empty() { "stop" } else { "tool_calls" }
}

fn usage(speech: &Speech) -> Value {
    json!({
        "prompt_tokens": speech.input_tokens,
        "completion_tokens": speech.output_tokens,
        "total_tokens": speech.input_tokens + speech.output_tokens,
    })
}
