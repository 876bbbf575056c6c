//! `GET /v1/receipts`: what calls used and cost.

use axum::{Json, extract::State};
use dormouse_core::{accounting::Receipt, gateway::Gateway};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    caller::{Authenticated, tenant_of},
    extract::{Path, Query},
    problem::Problem,
};

/// Which receipts to list.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    before: Option<String>,
    limit: Option<u32>,
    /// Administrators may read those of any tenant.
    tenant: Option<String>,
}

/// Lists the caller's tenant's receipts, the newest first.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let limit = selection.limit.unwrap_or(100).clamp(1, 1000);
    let tenant = tenant_of(&caller, selection.tenant);
    let receipts = gateway.ledger().receipts(&tenant, selection.before, limit).await?;
    let data: Vec<Value> = receipts.iter().map(describe).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}

/// Describes one receipt.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let tenant = tenant_of(&caller, selection.tenant);
    Ok(Json(describe(&gateway.ledger().receipt(&tenant, &id).await?)))
}

fn describe(receipt: &Receipt) -> Value {
    let usage = &receipt.usage;
    json!({
        "object": "receipt",
        "id": receipt.id,
        "tenant": receipt.tenant,
        "key": receipt.key,
        "operation": receipt.operation,
        "model": receipt.model,
        "started_at": receipt.started_at.0,
        "duration_ms": receipt.duration_ms,
        "wake_ms": receipt.wake_ms,
        "outcome": receipt.outcome,
        "error": receipt.error,
        "usage": {
            "input_tokens": usage.input,
            "cached_input_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
            "output_tokens": usage.output,
            "reasoning_tokens": usage.reasoning,
            "source": usage.source,
        },
        "cost": receipt.cost.to_string(),
        "correlation_id": receipt.correlation_id,
        "conversation": receipt.conversation,
        "run": receipt.run,
        "step": receipt.step,
    })
}
