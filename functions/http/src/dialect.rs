//! Which dialect a request speaks, and its errors in that dialect.
//!
//! Errors arise in many places, most of which do not know who is listening. So every [`Problem`] is
//! written anew here, on its way out, in the dialect of the route.

use axum::{extract::Request, middleware::Next, response::Response};
use dormouse_core::chat::Dialect;
use http::{HeaderMap, HeaderName};

use crate::{correlation::CorrelationId, problem};

/// Only Anthropic's clients send it, and they always do.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// The dialect of the request at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken(pub(crate) Dialect);

/// Notes the dialect of every request, and answers its errors in it.
pub(crate) async fn speak(mut request: Request, next: Next) -> Response {
    let dialect = spoken(request.uri().path(), request.headers());
    request.extensions_mut().insert(Spoken(dialect));
    let correlation = request.extensions().get::<CorrelationId>().cloned();
    let response = next.run(request).await;
    problem::translate(response, dialect, correlation.as_ref())
}

fn spoken(path: &str, headers: &HeaderMap) -> Dialect {
    let below = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if below("/v1/messages") || headers.contains_key(&ANTHROPIC_VERSION) {
        Dialect::Anthropic
    } else if below("/v1/responses") {
        Dialect::OpenAiResponses
    } else if below("/v1/completions") {
        Dialect::OpenAiCompletions
    } else {
        Dialect::OpenAiChat
    }
}
