//! The HTTP surface: one [`router`] that every host serves.
//!
//! A handler does three things: read the wire format, call the [`Gateway`], write the wire format.
//!
//! [`routes`] is the table of what is where; whatever the catalog adds goes to `answer`.

mod a1;
mod answer;
mod body;
mod c1;
mod caller;
mod correlation;
mod count;
mod date;
mod dialect;
mod embeddings;
mod extract;
mod files;
mod keys;
mod mcp;
mod models;
mod moderations;
mod problem;
mod receipts;
mod responses;
mod routes;
mod runs;
mod sandbox;
mod session;
mod state;
mod stream;
mod tenant;
mod tools;

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use dormouse_core::gateway::Gateway;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

pub use routes::{Ids, Route, routes};
pub use sandbox::sandbox_router;

/// Every route of `gateway`.
pub fn router(gateway: Gateway) -> Router {
    let add =
        |router: Router<Gateway>, route: Route| router.route(route.path(), route.into_handlers());
    routes()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(dialect::elsewhere)
        .method_not_allowed_fallback(problem::no_such_method)
        // As one layer: for each of several, every request would clone a route, and box what it answers.
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(gateway.clone(), correlation::correlate))
                .layer(middleware::from_fn_with_state(gateway.clone(), dialect::speak))
                .layer(CatchPanicLayer::custom(problem::panicked))
                .layer(Extension(Arc::new(mcp::Running::default()))),
        )
        .with_state(gateway)
}
