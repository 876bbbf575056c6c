//! The list of a provider's models.

use serde_json::{Map, Value, json};

use std::sync::Arc;

use crate::{
    Code, Error, Result,
    agents::Agent,
    catalog,
    ports::{ModelServer, ServerState},
    wire::ModelList,
};

/// A model, as its provider describes it: an object with at least an `id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The name to ask for.
    pub id: String,
    /// Everything the provider says, `id` included.
    pub description: Map<String, Value>,
}

impl Model {
    /// A name that the catalog lists, with the model if it stands for one alone.
    pub fn listed((name, model): (&str, Option<&Arc<catalog::Model>>)) -> Self {
        let mut description = Map::new();
        description.insert("id".into(), name.into());
        description
            .insert("owned_by".into(), model.map_or("dormouse", |it| it.place.name()).into());
        let facts = model.map(|model| &model.facts);
        // The names that clients look for: OpenRouter's and LM Studio's, and Anthropic's.
        if let Some(window) = facts.and_then(|facts| facts.context_window) {
            description.insert("context_length".into(), window.into());
            description.insert("max_input_tokens".into(), window.into());
        }
        if let Some(most) = facts.and_then(|facts| facts.max_output_tokens) {
            description.insert("max_output_tokens".into(), most.into());
        }
        Self { id: name.to_owned(), description }
    }

    /// An agent, which is asked for like a model.
    pub fn of_agent(agent: &Agent) -> Self {
        let mut description = Map::new();
        description.insert("id".into(), agent.as_model().into());
        description.insert("owned_by".into(), "dormouse".into());
        if let Some(about) = &agent.description {
            description.insert("description".into(), about.as_str().into());
        }
        Self { id: agent.as_model(), description }
    }

    /// A model of this machine, and how its server is.
    pub fn of_server(server: &ModelServer) -> Self {
        let mut description = Map::new();
        description.insert("id".into(), server.model.as_str().into());
        description.insert("owned_by".into(), "dormouse".into());
        description.insert("dormouse".into(), describe(server));
        Self { id: server.model.clone(), description }
    }
}

/// How the server of a model is, for clients.
pub fn describe(server: &ModelServer) -> Value {
    let mut description = json!({
        "state": server.state.as_str(),
        "active": server.active,
        "queued": server.queued,
        "expected_wake_seconds": server.expected_wake.map(|time| time.as_secs_f64()),
        "waking_for_seconds": server.waking_for.map(|time| time.as_secs_f64()),
        "progress": server.progress,
    });
    if let (ServerState::Failed { reason, retry_in }, Some(fields)) =
        (&server.state, description.as_object_mut())
    {
        fields.insert("reason".into(), reason.as_str().into());
        fields.insert("retry_in_seconds".into(), retry_in.as_secs_f64().into());
    }
    description
}

/// Reads a provider's list of models. Entries without an id are no models and left out.
pub(super) fn decode(body: &[u8], list: ModelList) -> Result<Vec<Model>> {
    let unreadable =
        || Error::new(Code::UpstreamInvalid, "the provider's list of models cannot be read");
    let mut object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| unreadable().caused_by(error))?;
    let Some(Value::Array(items)) = object.remove(list.items) else { return Err(unreadable()) };
    let model = |item: Value| {
        let Value::Object(mut description) = item else { return None };
        let id = description.get(list.id)?.as_str()?;
        let id = id.strip_prefix(list.prefix).unwrap_or(id).to_owned();
        if list.id != "id" {
            description.insert("id".into(), id.as_str().into());
        }
        Some(Model { id, description })
    };
    Ok(items.into_iter().filter_map(model).collect())
}
