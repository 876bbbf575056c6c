//! The response object: what an answer says about itself, the request's own fields among it.

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::{Map, Value, json, value::RawValue};

use super::{encode_request, usage};
use crate::{
    agent::FIELD,
    chat::{Extensions, FinishReason, Request, Usage},
    wire::{
        Opening, Outgoing,
        object::{self, Object},
    },
};

/// The fields of a request that a response repeats, with what stands for one that was not given. Strict
/// clients want all of them.
fn defaults() -> [(&'static str, Value); 20] {
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
    request: Bytes,
    /// What is repeated of the request, as it stands in the object. Read when it is first wanted: where a
    /// provider's own response passes, it never is.
    repeated: Option<Bytes>,
    /// What the gateway says of the run that this is the answer of.
    about: Option<Value>,
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

impl State<'static> {
    /// How a response ends that a model has finished.
    pub(super) fn ended(reason: Option<&FinishReason>) -> Self {
        let (status, incomplete) = match reason {
            Some(FinishReason::Length) => ("incomplete", Some("max_output_tokens")),
            Some(FinishReason::ContentFilter) => ("incomplete", Some("content_filter")),
            _ => ("completed", None),
        };
        Self { status, incomplete, ..Self::default() }
    }
}

impl Response {
    /// The response to `request`.
    pub(super) fn new(request: &Request, opening: &Opening) -> Self {
        let body = match &request.original {
            Some(original) => Ok(original.body.clone()),
            None => encode_request(request, &Outgoing::default()),
        };
        Self {
            id: format!("resp_{}", opening.id),
            created: opening.created,
            model: request.model.clone(),
            request: body.unwrap_or_default(),
            repeated: None,
            about: None,
        }
    }

    /// What the provider says about its answer. Its model counts where the caller named none.
    pub(super) fn started(&mut self, model: &str) {
        if self.model.is_empty() {
            model.clone_into(&mut self.model);
        }
    }

    /// What is said about the whole answer. Of that, this format tells what the gateway itself says.
    pub(super) fn about(&mut self, fields: &Extensions) {
        if let Some(about) = fields.0.get(FIELD) {
            self.about = Some(about.clone());
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
        let mut object = self.own(state);
        object.extend(repeated(&self.request));
        object.into()
    }

    /// Writes the object, as the `response` of an event.
    pub(super) fn write(&mut self, event: &mut Object<'_>, state: State<'_>) {
        let own = self.own(state);
        let repeated = self.repeated.get_or_insert_with(|| {
            object::fields(|fields| fields.rest(&repeated(&self.request), &[]))
        });
        event.object("response", |response| {
            response.rest(&own, &[]);
            response.written(repeated);
        });
    }

    /// What is not the request's.
    fn own(&self, state: State<'_>) -> Map<String, Value> {
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
        object.extend(self.about.clone().map(|about| (FIELD.to_owned(), about)));
        object
    }
}

/// What a response repeats of the body of its request.
fn repeated(request: &[u8]) -> Map<String, Value> {
    // Most of a request is its input, which is not worth a tree.
    let given: Option<IndexMap<String, &RawValue>> = serde_json::from_slice(request).ok();
    let given = given.unwrap_or_default();
    let mut all = Map::new();
    for (field, default) in defaults() {
        let value = given.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let value = match (value.filter(|value: &Value| !value.is_null()), default) {
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
    all
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
