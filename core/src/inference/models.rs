//! The list of a provider's models.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Code, Error, Result,
    ports::{ModelServer, ServerState},
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

/// Reads the body of `GET /v1/models`. Entries without an id are no models and left out.
pub(super) fn decode(body: &[u8]) -> Result<Vec<Model>> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Map<String, Value>>,
    }
    let list: List = serde_json::from_slice(body).map_err(|error| {
        Error::new(Code::UpstreamInvalid, "the provider's list of models cannot be read")
            .caused_by(error)
    })?;
    let model = |description: Map<String, Value>| {
        let id = description.get("id")?.as_str()?.to_owned();
        Some(Model { id, description })
    };
    Ok(list.data.into_iter().filter_map(model).collect())
}
