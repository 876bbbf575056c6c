//! `/v1/models`: what can be asked for, in OpenAI's shape, or in Anthropic's for its clients.
//! `POST /v1/models/{id}/wake` and `…/release` start and stop the server of a model of this machine.

mod anthropic;

use axum::{
    Extension, Json,
    extract::{FromRequestParts, Request, State},
};
use dormouse_core::{chat::Dialect, gateway::Gateway, inference::Model};
use serde_json::{Value, json};

use crate::{
    caller::{Administrator, Authenticated},
    dialect::Spoken,
    extract::{Path, Query},
    problem::{self, Problem},
};

/// Every model that can be asked for.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(_): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Query(page): Query<anthropic::Page>,
) -> Result<Json<Value>, Problem> {
    let models = gateway.models().await?;
    if dialect == Dialect::Anthropic {
        return Ok(Json(page.of(&models)?));
    }
    let models: Vec<Value> = models.into_iter().map(describe).collect();
    Ok(Json(json!({ "object": "list", "data": models })))
}

/// One model.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(_): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let model = gateway.model(&id).await?;
    Ok(Json(match dialect {
        Dialect::Anthropic => anthropic::describe(&model),
        _ => describe(model),
    }))
}

/// Wakes or releases a model of this machine, for an administrator. Ids contain slashes, so the verb is
/// split off here.
pub(crate) async fn act(
    State(gateway): State<Gateway>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let Some((id, act)) = path.rsplit_once('/').and_then(|(id, verb)| Some((id, Act::of(verb)?)))
    else {
        return Err(problem::no_such_method(request).await);
    };
    let (mut parts, _) = request.into_parts();
    Administrator::from_request_parts(&mut parts, &gateway).await?;
    let server = match act {
        Act::Wake => gateway.wake(id).await?,
        Act::Release => gateway.release(id).await?,
    };
    Ok(Json(describe(Model::of_server(&server))))
}

/// What can be done with a model.
enum Act {
    Wake,
    Release,
}

impl Act {
    fn of(verb: &str) -> Option<Self> {
        match verb {
            "wake" => Some(Self::Wake),
            "release" => Some(Self::Release),
            _ => None,
        }
    }
}

/// What the provider says of a model, with the fields that clients rely on filled in.
fn describe(model: Model) -> Value {
    let mut fields = model.description;
    fields.entry("object").or_insert_with(|| json!("model"));
    fields.entry("created").or_insert_with(|| json!(0));
    fields.entry("owned_by").or_insert_with(|| json!("upstream"));
    Value::Object(fields)
}
