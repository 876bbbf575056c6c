//! Ollama's own chat.
#![expect(clippy::indexing_slicing, reason = "indexing JSON values gives null for what is missing")]

use serde_json::{Value, json};

use super::{Form, Speech, object};
use crate::upstream::log::Received;

pub(super) struct Ollama;

impl Form for Ollama {
    fn said(&self, asked: &Value) -> Option<String> {
        Some(asked["messages"].as_array()?.last()?["content"].as_str()?.to_owned())
    }

    /// Unless told otherwise, like Ollama.
    fn streams(&self, request: &Received) -> bool {
        request.json()["stream"] != false
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn whole(&self, speech: &Speech, request: &Received) -> Value {
        let mut message = json!({ "role": "assistant", "content": speech.text.concat() });
        if !speech.tools.is_empty() {
            message["tool_calls"] = calls(speech).collect();
        }
        done(speech, object_of(request, &message))
    }

    fn events(&self, speech: &Speech, request: &Received) -> Vec<String> {
        let said = speech.text.iter();
        let said = said.map(|text| json!({ "role": "assistant", "content": text }));
        let called = calls(speech)
            .map(|call| json!({ "role": "assistant", "content": "", "tool_calls": [call] }));
        let pieces = said.chain(called).map(|message| object_of(request, &message));
        let last = object_of(request, &json!({ "role": "assistant", "content": "" }));
        let objects = pieces.chain([done(speech, last)]);
        objects.map(|object| format!("{object}\n")).collect()
    }
}

/// Calls have no ids here.
fn calls(speech: &Speech) -> impl Iterator<Item = Value> {
    speech.tools.iter().map(
        |(name, arguments)| json!({ "function": { "name": name, "arguments": object(arguments) } }),
    )
}

fn object_of(request: &Received, message: &Value) -> Value {
    json!({
        "model": request.name(), "created_at": "2025-07-24T20:37:44.685127Z",
        "message": message, "done": false,
    })
}

fn done(speech: &Speech, mut object: Value) -> Value {
    object["done"] = true.into();
    object["done_reason"] = "stop".into();
    object["prompt_eval_count"] = speech.input_tokens.into();
    object["eval_count"] = speech.output_tokens.into();
    object
}
