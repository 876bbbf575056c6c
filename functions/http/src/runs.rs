//! `/v1/runs`: requests that are answered whether or not their caller waits. A response of `/v1/responses` with
//! `background` is one.

pub(crate) mod events;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Error,
    gateway::{Gateway, Origin},
    keys::Caller,
    runs::Run,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::Asked,
    caller::Authenticated,
    correlation::CorrelationId,
    extract::{Path, Query},
    problem::Problem,
};

/// How many runs a page has if the caller does not say, and at most.
const PAGE: u32 = 20;
const MAX_PAGE: u32 = 100;

/// Which runs to list.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    before: Option<String>,
    limit: Option<u32>,
}

/// Takes a request that is answered whether or not its caller waits.
pub(crate) async fn begin(
    gateway: Gateway,
    caller: Caller,
    asked: Asked,
    CorrelationId(correlation_id): CorrelationId,
) -> Result<Response, Problem> {
    let Asked { request, conversing, named, route, came_by } = asked;
    let origin = Origin {
        correlation_id: Some(correlation_id),
        conversation: named,
        route,
        came_by,
        conversing,
        ..Origin::default()
    };
    let (run, kept) = gateway.answer_later(&caller, &request, origin).await?;
    if request.stream.is_none() {
        return Ok(Json(kept.response).into_response());
    }
    Ok(events::stream(&gateway, &caller.tenant, &run.id, None, events::Form::OfResponse))
}

/// Lists the runs of the caller's tenant, the newest first.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let limit = selection.limit.unwrap_or(PAGE);
    if limit == 0 || limit > MAX_PAGE {
        let message = format!("`limit` must be from 1 to {MAX_PAGE}");
        return Err(Error::invalid("limit", message).into());
    }
    let runs = gateway.runs().list(&caller.tenant, selection.before, limit).await?;
    let data: Vec<Value> = runs.iter().map(describe).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}

/// Describes one run.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let run = gateway.run(&caller.tenant, &id).await?;
    Ok(Json(describe(&run)))
}

/// Ends one run.
pub(crate) async fn cancel(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    _body: Body,
) -> Result<Json<Value>, Problem> {
    let run = gateway.cancel(&caller.tenant, &id).await?;
    Ok(Json(describe(&run)))
}

fn describe(run: &Run) -> Value {
    json!({
        "object": "run",
        "id": run.id,
        "status": run.state.as_str(),
        "model": run.model,
        "dialect": run.dialect.as_str(),
        "response": run.response(),
        "created_at": run.created_at.0,
        "updated_at": run.updated_at.0,
        "expires_at": run.expires_at.0,
        "attempts": run.attempts,
        "steps": run.steps,
        "events": run.events,
        "error": run.error,
        "correlation_id": run.correlation_id,
    })
}
