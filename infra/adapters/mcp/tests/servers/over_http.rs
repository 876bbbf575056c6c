//! Servers over HTTP.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use dormouse_core::{Code, catalog::McpPlace, settings::Headers, tools::Toolbox};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::peer::{Peer, call, client, names, text};

type Seen = Arc<Mutex<Vec<HeaderMap>>>;

/// Serves `router` on a free port of this machine, and returns where.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn at(url: &str, headers: &[(&'static str, &'static str)]) -> McpPlace {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    McpPlace::Url { url: format!("{url}/mcp"), headers: Headers(headers.collect()) }
}

/// The server of the official SDK, of which only those with a key are let in.
fn router(peer: &Peer, seen: &Seen) -> Router {
    let peer = peer.clone();
    let sessions = Arc::new(LocalSessionManager::default());
    let config = StreamableHttpServerConfig::default();
    let service = StreamableHttpService::new(move || Ok(peer.clone()), sessions, config);
    Router::new()
        .route_service("/mcp", service)
        .layer(middleware::from_fn_with_state(Arc::clone(seen), guard))
}

async fn guard(State(seen): State<Seen>, request: Request, next: Next) -> Response {
    seen.lock().unwrap().push(request.headers().clone());
    if request.headers().get("authorization").is_none_or(|it| it != "Bearer a-long-secret") {
        let mut refused = Response::new("a-long-secret is wanted".into());
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        return refused;
    }
    next.run(request).await
}

const KEY: &[(&str, &str)] = &[("authorization", "Bearer a-long-secret")];

#[tokio::test]
async fn the_tools_of_a_server_are_listed_and_called_in_the_newest_revision_it_speaks() {
    for (peer, revision) in [(Peer::default(), "2026-07-28"), (Peer::old(), "2025-11-25")] {
        let seen = Seen::default();
        let url = serve(router(&peer, &seen)).await;
        let server = client(&Arc::default(), at(&url, KEY), None);
        assert!(names(&server).await.starts_with(&["echo".to_owned()]));
        let said = call(&server, "echo", json!({ "text": "hi" })).await;
        assert_eq!(text(&said), "hi");
        assert!(call(&server, "fail", json!({})).await.is_error);
        let seen = seen.lock().unwrap();
        let last = seen.iter().rfind(|headers| headers.contains_key("content-type")).unwrap();
        assert_eq!(last["mcp-protocol-version"], revision);
    }
}

#[tokio::test]
async fn a_server_that_wants_another_credential_is_down_and_nobody_reads_the_one_it_was_shown() {
    let url = serve(router(&Peer::default(), &Seen::default())).await;
    let wrong = at(&url, &[("authorization", "Bearer another-secret")]);
    let error = client(&Arc::default(), wrong, None).tools().await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert!(error.message().contains("401"), "{error}");
    assert!(!error.message().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_that_forgot_the_session_is_asked_in_a_new_one() {
    let seen = Seen::default();
    // What is behind the address can be put in the place of another.
    let current = Arc::new(Mutex::new(router(&Peer::old(), &seen)));
    let behind = Arc::clone(&current);
    let front = Router::new().fallback(move |request: Request| {
        let router = behind.lock().unwrap().clone();
        async move { tower::ServiceExt::oneshot(router, request).await }
    });
    let url = serve(front).await;
    let server = client(&Arc::default(), at(&url, KEY), None);
    assert_eq!(text(&call(&server, "echo", json!({ "text": "one" })).await), "one");
    *current.lock().unwrap() = router(&Peer::old(), &seen);
    assert_eq!(text(&call(&server, "echo", json!({ "text": "two" })).await), "two");
}
