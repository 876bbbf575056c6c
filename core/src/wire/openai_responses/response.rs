//! The response object: what an answer says about itself, the request's own fields among it.

use serde_json::{Map, Value, json};

use super::{encode_request, usage};
use crate::{
    chat::{Request, Usage},
    wire::{Opening, Outgoing},
};

/// The fields of a request that a response repeats, with what stands for one that was not given. Strict
/// clients want all of them.
fn repeated() -> [(&'static str, Value); 20] {
    [
        ("background", false.into()),
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("max_tool_calls", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", true.into()),
        ("previous_response_id", Value::Null),
        ("prompt_cache_key", Value::Null),
        ("reasoning", json!({ "effort": null, "summary": null })),
        ("safety_identifier", Value::Null),
        ("service_tier", Value::Null),
        ("store", true.into()),
        ("temperature", Value::Null),
        ("text", json!({ "format": { "type": "text" } })),
        ("tool_choice", "auto".into()),
        ("tools", json!([])),
        ("top_logprobs", 0.into()),
        ("top_p", Value::Null),
        ("truncation", "disabled".into()),
        ("user", Value::Null),
    ]
}

/// What every event about the whole response says.
#[derive(Clone, Debug)]
pub(super) struct Response {
    /// Its id.
    pub(super) id: String,
    created: u64,
    model: String,
    repeated: Map<String, Value>,
}

/// How a response is doing.
#[derive(Clone, Debug, Default)]
pub(super) struct State<'a> {
    pub(super) status: &'static str,
    pub(super) output: &'a [Value],
    pub(super) usage: Option<&'a Usage>,
    pub(super) error: Option<Value>,
    pub(super) incomplete: Option<&'static str>,
}

impl Response {
    /// The response to `request`.
    pub(super) fn new(request: &Request, opening: &Opening) -> Self {
        let body = match &request.original {
            Some(original) => Ok(original.body.clone()),
            None => encode_request(request, &Outgoing::default()),
        };
        let given: Option<Map<String, Value>> =
            body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        let mut given = given.unwrap_or_default();
        let mut all = Map::new();
        for (field, default) in repeated() {
            let value = given.shift_remove(field).filter(|value| !value.is_null());
            let value = match (value, default) {
                (Some(Value::Object(mut value)), Value::Object(default)) => {
                    for (field, default) in default {
                        value.entry(field).or_insert(default);
                    }
                    value.into()
                }
                (value, default) => value.unwrap_or(default),
            };
            all.insert(field.to_owned(), value);
        }
        if let Some(Value::Array(tools)) = all.get_mut("tools") {
            tools.iter_mut().for_each(complete);
        }
        let id = format!("resp_{}", opening.id);
        Self { id, created: opening.created, model: request.model.clone(), repeated: all }
    }

    /// What the provider says about its answer. Its model counts where the caller named none.
    pub(super) fn started(&mut self, model: &str) {
        if self.model.is_empty() {
            model.clone_into(&mut self.model);
        }
    }

    /// The provider's own response goes to the caller.
    pub(super) fn passed(&mut self, id: &str, model: &str, created: Option<u64>) {
        id.clone_into(&mut self.id);
        model.clone_into(&mut self.model);
        self.created = created.unwrap_or(self.created);
    }

    /// The object.
    pub(super) fn object(&self, state: State<'_>) -> Value {
        let mut object = Map::new();
        object.insert("id".into(), self.id.as_str().into());
        object.insert("object".into(), "response".into());
        object.insert("created_at".into(), self.created.into());
        object.insert("status".into(), state.status.into());
        object.insert("error".into(), state.error.into());
        let incomplete = state.incomplete.map(|reason| json!({ "reason": reason }));
        object.insert("incomplete_details".into(), incomplete.into());
        object.insert("model".into(), self.model.as_str().into());
        object.insert("output".into(), state.output.to_vec().into());
        object.insert("usage".into(), state.usage.map(usage::encode).into());
        object.extend(self.repeated.clone());
        object.into()
    }
}

/// A function has all its fields in a response.
fn complete(tool: &mut Value) {
    if let Some(tool) = tool.as_object_mut()
        && tool.get("type").and_then(Value::as_str) == Some("function")
    {
        for field in ["description", "parameters", "strict"] {
            tool.entry(field).or_insert(Value::Null);
        }
    }
}
