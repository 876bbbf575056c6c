//! `GET /v1/receipts`: what calls used and cost.

use axum::{Json, extract::State};
use dormouse_core::{Error, Result, accounting::Receipt, gateway::Gateway};
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
    /// Those of one run, in the order of its steps.
    run: Option<String>,
    /// Administrators may read those of any tenant.
    tenant: Option<String>,
}

/// The most receipts that are listed at once.
const MOST: u32 = 1000;
/// The longest id of a run, in bytes.
const MAX_RUN: usize = 64;

/// Lists the caller's tenant's receipts, the newest first, or those of one run.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let tenant = tenant_of(&caller, selection.tenant);
    let receipts = match selection.run {
        Some(run) => of_run(&gateway, &tenant, &run, (selection.before, selection.limit)).await?,
        None => {
            let limit = selection.limit.unwrap_or(100).clamp(1, MOST);
            gateway.ledger().receipts(&tenant, selection.before, limit).await?
        }
    };
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

async fn of_run(
    gateway: &Gateway,
    tenant: &str,
    run: &str,
    (before, limit): (Option<String>, Option<u32>),
) -> Result<Vec<Receipt>> {
    let random = run.strip_prefix("run_").unwrap_or_default();
    if random.is_empty() || run.len() > MAX_RUN || !random.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err(Error::invalid(
            "run",
            "`run` must be the id of a run: `run_` and what follows",
        ));
    }
    if before.is_some() {
        let message = "`before` goes back in time, and the receipts of a `run` go forward";
        return Err(Error::invalid("before", message));
    }
    let limit = limit.unwrap_or(MOST).clamp(1, MOST);
    let receipts = gateway.ledger().receipts_of_run(tenant, run, limit).await?;
    if receipts.is_empty() {
        // One that waits to begin has none yet; of others nothing else is known.
        gateway.runs().get(tenant, run).await?;
    }
    Ok(receipts)
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
