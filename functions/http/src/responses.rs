//! `/v1/responses/{id}`: responses that were kept.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{Error, gateway::Gateway, wire::openai_responses};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    caller::Authenticated,
    extract::{Path, Query},
    problem::Problem,
    runs::events,
};

/// How many items a page has if the caller does not say, and at most.
const PAGE: usize = 20;
const MAX_PAGE: usize = 100;

/// What of a response to show.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    stream: bool,
    /// The number of the last event that the caller has seen.
    starting_after: Option<u64>,
    /// One value; a list does not fit into what is read of a query, so a list's last value counts.
    #[serde(alias = "include[]")]
    include: Option<String>,
}

/// Which items to list.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    after: Option<String>,
    limit: Option<usize>,
    order: Option<String>,
    #[serde(alias = "include[]")]
    include: Option<String>,
}

/// Shows one response, or streams it if it was asked for with `background`.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(view): Query<View>,
) -> Result<Response, Problem> {
    let mut kept = gateway.response(&caller.tenant, &id).await?;
    if view.stream {
        let Some(run) = gateway.run_of_response(&caller.tenant, &id).await? else {
            let message =
                "only a response that was asked for with `background` can be streamed again";
            return Err(Error::invalid("stream", message).into());
        };
        let (tenant, seen) = (&caller.tenant, view.starting_after);
        return Ok(events::stream(&gateway, tenant, &run.id, seen, events::Form::OfResponse));
    }
    if let Some(Value::Array(items)) = kept.response.get_mut("output") {
        openai_responses::show(items, view.include.as_deref());
    }
    Ok(Json(kept.response).into_response())
}

/// Ends a response that was asked for with `background`, and shows it. One that is over stays as it is.
pub(crate) async fn cancel(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(view): Query<View>,
) -> Result<Json<Value>, Problem> {
    gateway.response(&caller.tenant, &id).await?;
    let Some(run) = gateway.run_of_response(&caller.tenant, &id).await? else {
        let message = "only a response that was asked for with `background` can be cancelled";
        return Err(Error::invalid("id", message).into());
    };
    gateway.cancel(&caller.tenant, &run.id).await?;
    let mut kept = gateway.response(&caller.tenant, &id).await?;
    if let Some(Value::Array(items)) = kept.response.get_mut("output") {
        openai_responses::show(items, view.include.as_deref());
    }
    Ok(Json(kept.response))
}

/// Deletes one response.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    gateway.delete_response(&caller.tenant, &id).await?;
    Ok(Json(json!({ "id": id, "object": "response", "deleted": true })))
}

/// Lists what the model was given, the newest first.
pub(crate) async fn input_items(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let limit = selection.limit.unwrap_or(PAGE);
    if limit == 0 || limit > MAX_PAGE {
        let message = format!("`limit` must be from 1 to {MAX_PAGE}");
        return Err(Error::invalid("limit", message).into());
    }
    let mut items = gateway.response(&caller.tenant, &id).await?.input;
    match selection.order.as_deref() {
        None | Some("desc") => items.reverse(),
        Some("asc") => {}
        Some(_) => return Err(Error::invalid("order", "`order` must be asc or desc").into()),
    }
    if let Some(after) = &selection.after {
        let place = items.iter().position(|item| item_id(item) == Some(after));
        let place = place.ok_or_else(|| Error::invalid("after", "there is no such item"))?;
        items.drain(..=place);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    openai_responses::show(&mut items, selection.include.as_deref());
    let id_of = |item: Option<&Value>| item.and_then(item_id).unwrap_or_default().to_owned();
    let (first, last) = (id_of(items.first()), id_of(items.last()));
    Ok(Json(json!({
        "object": "list",
        "data": items,
        "first_id": first,
        "last_id": last,
        "has_more": has_more,
    })))
}

fn item_id(item: &Value) -> Option<&str> {
    item.get("id").and_then(Value::as_str)
}
