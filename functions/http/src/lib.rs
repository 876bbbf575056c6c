//! The HTTP surface: one [`router`] that every host serves.
//!
//! A handler does three things: read the wire format, call the [`Gateway`], write the wire format.
//!
//! | path                        | module         |
//! |-----------------------------|----------------|
//! | `POST /v1/chat/completions` | `answer`       |
//! | `POST /v1/completions`      | `answer`       |
//! | `POST /v1/responses`        | `answer`       |
//! | `/v1/responses/{id}[/input_items]` | `responses` |
//! | `POST /v1/messages`         | `answer`       |
//! | `POST /v1/embeddings`       | `embeddings`   |
//! | `POST /v1/moderations`      | `moderations`  |
//! | `DELETE /v1/sessions/{id}`  | `session`      |
//! | `POST /v1/messages/count_tokens` | `count`   |
//! | `/v1/models[/{id}[/wake]]`  | `models`       |
//! | `/v1/keys[/{id}]`           | `keys`         |
//! | `GET /v1/receipts[/{id}]`   | `receipts`     |
//! | `GET /healthz`, `/readyz`, `/metrics` | `state`   |
//! | `HEAD /`, `HEAD\|GET /api/hello` | `state`    |
//! | `GET /errors`               | `problem`      |

mod answer;
mod body;
mod caller;
mod correlation;
mod count;
mod dialect;
mod embeddings;
mod extract;
mod keys;
mod models;
mod moderations;
mod problem;
mod receipts;
mod responses;
mod session;
mod state;
mod stream;

use axum::{
    Router, middleware,
    routing::{delete, get, post},
};
use dormouse_core::gateway::Gateway;
use tower_http::catch_panic::CatchPanicLayer;

/// Every route of `gateway`.
pub fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(answer::answer))
        .route("/v1/responses", post(answer::answer))
        .route("/v1/responses/{id}", get(responses::one).delete(responses::delete))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/messages", post(answer::answer))
        .route("/v1/completions", post(answer::answer))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/moderations", post(moderations::moderate))
        .route("/v1/messages/count_tokens", post(count::count))
        // Names of sessions may contain slashes.
        .route("/v1/sessions/{*id}", delete(session::delete))
        .route("/", get(state::hello))
        .route("/api/hello", get(state::hello))
        .route("/v1/models", get(models::list))
        // Model ids contain slashes (`org/model`).
        .route("/v1/models/{*id}", get(models::one).post(models::act))
        .route("/v1/keys", post(keys::mint).get(keys::list))
        .route("/v1/keys/{id}", get(keys::one).delete(keys::revoke))
        .route("/v1/receipts", get(receipts::list))
        .route("/v1/receipts/{id}", get(receipts::one))
        .route("/healthz", get(state::healthz))
        .route("/readyz", get(state::readyz))
        .route("/metrics", get(state::metrics))
        .route("/errors", get(problem::catalogue))
        .fallback(dialect::elsewhere)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(gateway.clone(), dialect::speak))
        .layer(middleware::from_fn_with_state(gateway.clone(), correlation::correlate))
        .with_state(gateway)
}
