//! `/v1/keys`: administrators make, see and revoke API keys.

use axum::{Json, body::Body, extract::State};
use dormouse_core::{
    Error, Result,
    agent::Mode,
    gateway::Gateway,
    keys::{Key, NewKey},
    money::Dollars,
    rates::Limits,
    tools::Allowed,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    body,
    caller::Administrator,
    extract::{Path, Query},
    problem::Problem,
};

/// The body of `POST /v1/keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    tenant: String,
    #[serde(default)]
    name: String,
    budget: Option<Dollars>,
    rate_limit_requests: Option<u32>,
    rate_limit_tokens: Option<u32>,
    mode: Option<String>,
    tools: Option<Vec<String>>,
    #[serde(default)]
    admin: bool,
}

impl Order {
    fn read(self) -> Result<NewKey> {
        let wrong = |field: &str, why| Error::invalid(field, format!("`{field}` {why}"));
        let mode = self.mode.as_deref().map(Mode::parse).transpose();
        let tools = self.tools.map(Allowed::try_from).transpose();
        Ok(NewKey {
            tenant: self.tenant,
            name: self.name,
            budget: self.budget.map(|dollars| dollars.0),
            limits: Limits { requests: self.rate_limit_requests, tokens: self.rate_limit_tokens },
            mode: mode.map_err(|why| wrong("mode", why))?,
            tools: tools.map_err(|why| wrong("tools", why))?,
            admin: self.admin,
        })
    }
}

/// Which keys to list.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    after: Option<String>,
    limit: Option<u32>,
}

/// Makes a key. Its text is in this answer and nowhere else.
pub(crate) async fn mint(
    State(gateway): State<Gateway>,
    _: Administrator,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let order: Order = body::json(&gateway, body).await?;
    let (key, text) = gateway.keys().mint(order.read()?).await?;
    let mut description = describe(&gateway, &key).await?;
    if let Some(fields) = description.as_object_mut() {
        fields.insert("key".into(), text.into());
    }
    Ok((StatusCode::CREATED, Json(description)))
}

/// Lists keys by id.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    _: Administrator,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let limit = selection.limit.unwrap_or(100).clamp(1, 1000);
    let mut data = Vec::new();
    for key in gateway.keys().list(selection.after, limit).await? {
        data.push(describe(&gateway, &key).await?);
    }
    Ok(Json(json!({ "object": "list", "data": data })))
}

/// Describes one key and its budget.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let key = gateway.keys().get(&id).await?;
    Ok(Json(describe(&gateway, &key).await?))
}

/// Revokes a key.
pub(crate) async fn revoke(
    State(gateway): State<Gateway>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    gateway.keys().revoke(&id).await?;
    Ok(Json(json!({ "object": "key", "id": id, "deleted": true })))
}

async fn describe(gateway: &Gateway, key: &Key) -> Result<Value> {
    let budget = match key.budget {
        None => Value::Null,
        Some(limit) => {
            let balance = gateway.ledger().balance(&key.tenant, &key.id, limit).await?;
            json!({
                "limit": balance.limit.to_string(),
                "settled": balance.settled.to_string(),
                "held": balance.held.to_string(),
                "remaining": balance.remaining().to_string(),
            })
        }
    };
    Ok(json!({
        "object": "key",
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "admin": key.admin,
        "created_at": key.created_at.0 / 1000,
        "budget": budget,
        "rate_limit_requests": key.limits.requests,
        "rate_limit_tokens": key.limits.tokens,
        "mode": key.mode,
        "tools": key.tools,
    }))
}
