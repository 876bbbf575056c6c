//! What the gateway says about itself: alive, ready, and in numbers.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    gateway::{Check, Gateway},
    inference::describe_server,
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// `GET /healthz`: 200 while the process is alive, whatever it depends on.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// `/` and `/api/hello`: what Claude Code asks, without a key, to see whether anyone is there.
pub(crate) async fn hello() -> StatusCode {
    StatusCode::OK
}

/// `GET /readyz`: each dependency with its latency; 503 when one is down.
pub(crate) async fn readyz(State(gateway): State<Gateway>) -> Response {
    let readiness = gateway.readiness().await;
    let (status, word) = if readiness.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let checks: Map<String, Value> =
        readiness.checks.iter().map(|check| (check.name.to_owned(), describe(check))).collect();
    (status, Json(json!({ "status": word, "checks": checks }))).into_response()
}

/// `GET /metrics`: everything counted since the process started.
pub(crate) async fn metrics(State(gateway): State<Gateway>) -> Result<Response, Problem> {
    // https://prometheus.io/docs/specs/om/open_metrics_spec/, "Overall Structure".
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, format)], gateway.figures().await?).into_response())
}

fn describe(check: &Check) -> Value {
    let latency_ms = check.latency.as_secs_f64() * 1000.0;
    let mut description = match &check.error {
        None => json!({ "status": "ok", "latency_ms": latency_ms }),
        Some(error) => json!({
            "status": "down",
            "latency_ms": latency_ms,
            "code": error.code().as_str(),
            // Whoever may see this need not be whoever may read what a provider says.
            "remedy": error.code().remedy(),
        }),
    };
    if let (Some(servers), Some(fields)) = (&check.servers, description.as_object_mut()) {
        let models: Map<String, Value> =
            servers.iter().map(|server| (server.model.clone(), describe_server(server))).collect();
        fields.insert("models".into(), models.into());
    }
    description
}
