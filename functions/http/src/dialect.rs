//! Which dialect a request speaks, by which route of the catalog it came, and its errors in that dialect.
//!
//! Errors arise in many places, most of which do not know who is listening. So every [`Problem`] is
//! written anew here, on its way out, in the dialect of the route.

use axum::{
    extract::{Request, State},
    handler::Handler,
    middleware::Next,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    catalog::{Protocol, Route},
    chat::Dialect,
    gateway::Gateway,
};
use http::{HeaderMap, HeaderName, Method, header::HOST};

use crate::{answer, correlation::CorrelationId, mcp, problem};

/// Only Anthropic's clients send it, and they always do.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// The dialect of the request at hand.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) dialect: Dialect,
    /// The catalog's route by which it came, if there is one.
    pub(crate) route: Option<Route>,
    /// The host and path by which that was found.
    pub(crate) came_by: Option<(String, String)>,
}

/// Notes the dialect of every request, and answers its errors in it.
pub(crate) async fn speak(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.host());
    let host = host.unwrap_or_default();
    let route = gateway.catalog().route(host, uri.path(), request.method()).cloned();
    let came_by = route.as_ref().map(|_| (host.to_owned(), uri.path().to_owned()));
    let own_errors = mcp::answers(uri.path());
    let dialect = match &route {
        Some(route) => of(route.protocol),
        None => spoken(uri.path(), headers),
    };
    request.extensions_mut().insert(Spoken { dialect, route, came_by });
    let correlation = request.extensions().get::<CorrelationId>().cloned();
    let response = next.run(request).await;
    if own_errors {
        return response;
    }
    problem::translate(response, dialect, correlation.as_ref())
}

/// A request to a path that only the catalog knows: an answer is asked for in the protocol of its route.
pub(crate) async fn elsewhere(State(gateway): State<Gateway>, request: Request) -> Response {
    let spoken = request.extensions().get::<Spoken>();
    let by_route = spoken.is_some_and(|spoken| spoken.route.is_some());
    if !by_route || request.method() != Method::POST {
        return problem::no_such_route(&request).into_response();
    }
    answer::answer.call(request, gateway).await
}

fn of(protocol: Protocol) -> Dialect {
    match protocol {
        Protocol::OpenAiChat | Protocol::Embeddings => Dialect::OpenAiChat,
        Protocol::OpenAiResponses => Dialect::OpenAiResponses,
        Protocol::Anthropic => Dialect::Anthropic,
        Protocol::Gemini => Dialect::Gemini,
        Protocol::Ollama => Dialect::Ollama,
        Protocol::Completions => Dialect::OpenAiCompletions,
    }
}

/// The paths of answers have a dialect each. What several dialects share, the list of models above all, is
/// told apart by its headers.
fn spoken(path: &str, headers: &HeaderMap) -> Dialect {
    let below = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let known = [
        ("/v1/messages", Dialect::Anthropic),
        ("/v1/responses", Dialect::OpenAiResponses),
        ("/v1/completions", Dialect::OpenAiCompletions),
        ("/v1/chat", Dialect::OpenAiChat),
        ("/v1/embeddings", Dialect::OpenAiChat),
        ("/v1/moderations", Dialect::OpenAiChat),
    ];
    let known = known.into_iter().find(|(prefix, _)| below(prefix));
    match known {
        Some((_, dialect)) => dialect,
        None if headers.contains_key(&ANTHROPIC_VERSION) => Dialect::Anthropic,
        None => Dialect::OpenAiChat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_dialects_apart_only_where_the_path_does_not() {
        let anthropic = HeaderMap::from_iter([(ANTHROPIC_VERSION, "2023-06-01".parse().unwrap())]);
        for (path, with, without) in [
            ("/v1/chat/completions", Dialect::OpenAiChat, Dialect::OpenAiChat),
            ("/v1/responses/resp_1", Dialect::OpenAiResponses, Dialect::OpenAiResponses),
            ("/v1/messages", Dialect::Anthropic, Dialect::Anthropic),
            ("/v1/models", Dialect::Anthropic, Dialect::OpenAiChat),
            ("/v1/messagesx", Dialect::Anthropic, Dialect::OpenAiChat),
        ] {
            assert_eq!(spoken(path, &anthropic), with, "{path}");
            assert_eq!(spoken(path, &HeaderMap::new()), without, "{path}");
        }
    }
}
