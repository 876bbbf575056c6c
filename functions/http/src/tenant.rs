//! `/v1/tenant/config`: what holds for a tenant, key by key, and where each value comes from.
//!
//! Everyone sees what holds for their own tenant. Administrators change what is stored of it, and with
//! `?tenant=` see and change that of others.

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Error, Result,
    gateway::Gateway,
    keys::check_tenant,
    ports::{Version, When},
    tenant::{Current, KEYS, Layer},
};
use http::{
    HeaderMap,
    header::{ETAG, IF_MATCH},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    body,
    caller::{Administrator, Authenticated, tenant_of},
    extract::Query,
    problem::Problem,
};

/// The entity tag of a tenant of which nothing is stored.
const NOTHING: &str = "nothing";

/// Whose configuration is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    /// Administrators may name any tenant.
    tenant: Option<String>,
}

/// Shows what holds, by the store.
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&caller, whose.tenant);
    check_tenant(&tenant)?;
    Ok(describe(&tenant, &gateway.tenants().read(&tenant).await?))
}

/// Replaces what is stored.
pub(crate) async fn replace(
    State(gateway): State<Gateway>,
    Administrator(caller): Administrator,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&caller, whose.tenant);
    check_tenant(&tenant)?;
    let when = condition(&headers)?;
    let said: Map<String, Value> = body::json(&gateway, body).await?;
    let layer = Layer::read(&said)?;
    Ok(describe(&tenant, &gateway.configure(&tenant, &layer, when).await?))
}

/// Deletes what is stored.
pub(crate) async fn clear(
    State(gateway): State<Gateway>,
    Administrator(caller): Administrator,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&caller, whose.tenant);
    check_tenant(&tenant)?;
    let current = gateway.tenants().clear(&tenant, condition(&headers)?).await?;
    Ok(describe(&tenant, &current))
}

/// `If-Match` (RFC 9110 §13.1.1), of one entity tag or `*`. A configuration always exists, if only by what
/// the process says, so `*` always holds.
fn condition(headers: &HeaderMap) -> Result<When> {
    let Some(wanted) = headers.get(IF_MATCH) else { return Ok(When::Any) };
    let wrong =
        || Error::invalid("If-Match", "`If-Match` must be `*` or one entity tag that was given");
    let wanted = wanted.to_str().map_err(|_| wrong())?.trim();
    if wanted == "*" {
        return Ok(When::Any);
    }
    let tag = wanted.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(wrong)?;
    if tag == NOTHING {
        return Ok(When::Absent);
    }
    tag.parse().map(|version| When::Version(Version(version))).map_err(|_| wrong())
}

fn describe(tenant: &str, current: &Current) -> Response {
    let effective = &current.effective;
    let shown = KEYS.iter().map(|key| {
        let value = json!({
            "value": effective.config.value(key),
            "source": effective.level(key).as_str(),
            "read_only": key.read_only,
            "description": key.help,
        });
        (key.name.to_owned(), value)
    });
    let config: Map<String, Value> = shown.collect();
    let tag = match current.version {
        Some(Version(version)) => format!("\"{version}\""),
        None => format!("\"{NOTHING}\""),
    };
    let body = json!({ "object": "tenant.config", "tenant": tenant, "config": config });
    ([(ETAG, tag)], Json(body)).into_response()
}
