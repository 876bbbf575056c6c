//! Gemini's `generateContent` and `streamGenerateContent`.
#![expect(clippy::indexing_slicing, reason = "indexing JSON values gives null for what is missing")]

use serde_json::{Value, json};

use super::{Form, Speech, event, object};
use crate::upstream::log::Received;

pub(super) struct Gemini;

/// The model in a path such as `/v1beta/models/echo:generateContent`.
pub(super) fn model(path: &str) -> Option<&str> {
    let (model, method) = path.strip_prefix("/v1beta/models/")?.split_once(':')?;
    ["generateContent", "streamGenerateContent?alt=sse"].contains(&method).then_some(model)
}

impl Form for Gemini {
    fn said(&self, asked: &Value) -> Option<String> {
        Some(asked["contents"].as_array()?.last()?["parts"][0]["text"].as_str()?.to_owned())
    }

    fn streams(&self, request: &Received) -> bool {
        request.path.contains(":streamGenerateContent")
    }

    fn whole(&self, speech: &Speech, request: &Received) -> Value {
        let text = speech.text.concat();
        let said = (!text.is_empty()).then(|| json!({ "text": text }));
        let parts: Vec<Value> = said.into_iter().chain(calls(speech)).collect();
        response(speech, request, &parts, true)
    }

    fn events(&self, speech: &Speech, request: &Received) -> Vec<String> {
        let said = speech.text.iter().map(|text| json!({ "text": text }));
        let pieces = said.chain(calls(speech));
        let mut events: Vec<Value> =
            pieces.map(|part| response(speech, request, &[part], false)).collect();
        events.push(response(speech, request, &[json!({ "text": "" })], true));
        events.iter().map(event).collect()
    }
}

/// Calls have no ids here.
fn calls(speech: &Speech) -> impl Iterator<Item = Value> {
    speech.tools.iter().map(
        |(name, arguments)| json!({ "functionCall": { "name": name, "args": object(arguments) } }),
    )
}

fn response(speech: &Speech, request: &Received, parts: &[Value], last: bool) -> Value {
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
    let mut usage = json!({ "promptTokenCount": speech.input_tokens });
    if last {
        candidate["finishReason"] = "STOP".into();
        usage["candidatesTokenCount"] = speech.output_tokens.into();
        usage["totalTokenCount"] = (speech.input_tokens + speech.output_tokens).into();
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage,
        "modelVersion": request.name(), "responseId": "scripted",
    })
}
