//! The dialects in which a scripted provider can say the same.

mod gemini;
mod ollama;
mod openai_chat;

use serde_json::{Value, json};

use super::{MODELS, log::Received};

/// What a model says: text, and tools it wants called (name and arguments).
#[derive(Clone, Debug, Default)]
pub(super) struct Speech {
    pub(super) text: Vec<String>,
    pub(super) tools: Vec<(String, Vec<String>)>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

/// How a provider answers in one dialect.
pub(super) trait Form: Sync {
    /// What the last message of a request says, if it is text.
    fn said(&self, asked: &Value) -> Option<String>;

    /// Whether the answer to `request` is to be streamed.
    fn streams(&self, request: &Received) -> bool;

    /// The content type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// The answer as one object.
    fn whole(&self, speech: &Speech, request: &Received) -> Value;

    /// The answer as the pieces of a stream.
    fn events(&self, speech: &Speech, request: &Received) -> Vec<String>;
}

/// The dialect of a request to answer, by its path.
pub(super) fn of(request: &Received) -> Option<&'static dyn Form> {
    match request.path.as_str() {
        "/v1/chat/completions" => Some(&openai_chat::OpenAiChat),
        "/api/chat" => Some(&ollama::Ollama),
        path if gemini::model(path).is_some() => Some(&gemini::Gemini),
        _ => None,
    }
}

/// The model that a request names outside its body.
pub(super) fn model_in_path(path: &str) -> Option<&str> {
    gemini::model(path)
}

/// The list of models that a provider has at `path`.
pub(super) fn models(path: &str) -> Option<Value> {
    Some(match path {
        "/v1/models" => {
            let model =
                |id| json!({ "id": id, "object": "model", "owned_by": "script", "created": 1 });
            json!({ "object": "list", "data": MODELS.map(model) })
        }
        "/v1beta/models" => {
            let model = |id| json!({ "name": format!("models/{id}"), "displayName": id });
            json!({ "models": MODELS.map(model) })
        }
        "/api/tags" => json!({ "models": MODELS.map(|id| json!({ "name": id, "model": id })) }),
        _ => return None,
    })
}

/// A server-sent event.
pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// The arguments of a call as the object that they are; what is none is left a text.
fn object(arguments: &[String]) -> Value {
    let text = arguments.concat();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
