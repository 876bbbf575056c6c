//! `/mcp`: the gateway's tools and the files of its runs, for clients of the Model Context Protocol.
//!
//! The transport is Streamable HTTP (<https://modelcontextprotocol.io/specification/2026-07-28/basic/transports>),
//! in the revision 2026-07-28, whose requests each stand for themselves, and in those before it, which begin
//! with `initialize`. The messages are those of the official Rust SDK (`rmcp`); its server is not used, since
//! it needs a runtime that WebAssembly hosts do not have, and keeps its sessions in memory.
//!
//! The gateway asks clients nothing and tells them nothing on its own: there is no stream to listen to.

mod answer;
mod batch;
mod message;
mod methods;
mod origin;
mod page;
mod resources;
mod revision;
mod running;
mod tools;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use dormouse_core::{Code, Error, gateway::Gateway, keys::Caller, mcp::Session};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ALLOW, WWW_AUTHENTICATE},
    request::Parts,
};
use rmcp::model::{InitializeRequestParams, RequestId};
use serde_json::{Value, json};

pub(crate) use self::running::Running;
use self::{
    answer::{Accepts, Refusal},
    message::{Asked, Message, Sent},
    revision::Lifecycle,
};
use crate::{body, caller};

/// Names the session of a request.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Who asks, and what is known of them beside the request.
#[derive(Clone)]
struct Peer {
    gateway: Gateway,
    caller: Caller,
    session: Option<Session>,
    lifecycle: Lifecycle,
}

/// Whether errors at this path are this module's own: they have the shape of JSON-RPC already.
pub(crate) fn answers(path: &str) -> bool {
    path == "/mcp"
}

/// Takes one message, or in the revision that has them, a batch.
pub(crate) async fn post(
    State(gateway): State<Gateway>,
    Extension(running): Extension<Arc<Running>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    take(gateway, running, &parts, body).await.unwrap_or_else(Refusal::into_response)
}

/// The gateway has no stream to listen to, which is 405. `HEAD` tells whether a client may come in.
pub(crate) async fn get(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match admit(&gateway, &parts).await {
        Err(refusal) => refusal.into_response(),
        Ok(_) if parts.method == Method::HEAD => StatusCode::OK.into_response(),
        Ok(_) => {
            let error = Error::new(Code::MethodNotAllowed, "there is no stream to listen to");
            let mut response = Refusal::of(error, None).into_response();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
            response
        }
    }
}

/// Ends a session, and forgets the files of its workspace.
pub(crate) async fn delete(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let ended = async {
        let caller = admit(&gateway, &parts).await?;
        let session = session(&gateway, &caller, &parts.headers, None).await?;
        let Some(session) = session else {
            let error = Error::invalid("mcp-session-id", "`mcp-session-id` names no session");
            return Err(Refusal::of(error, None));
        };
        let refuse = |error| Refusal::of(error, None);
        gateway.mcp_sessions().close(&caller, &session).await.map_err(refuse)?;
        resources::forget(&gateway, &caller, &session).await.map_err(refuse)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    ended.await.unwrap_or_else(Refusal::into_response)
}

/// What the protected resource is (RFC 9728), for clients that were told 401.
pub(crate) async fn metadata(State(gateway): State<Gateway>, request: Request) -> Json<Value> {
    let (parts, _) = request.into_parts();
    let base = origin::base(gateway.settings(), &parts);
    // Asked for with the resource's path behind (§3.1), the document is that resource's.
    let path = if parts.uri.path().ends_with("/mcp") { "/mcp" } else { "" };
    Json(json!({
        "resource": format!("{base}{path}"),
        "resource_name": "Dormouse",
        "bearer_methods_supported": ["header"],
    }))
}

async fn take(
    gateway: Gateway,
    running: Arc<Running>,
    parts: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = admit(&gateway, parts).await?;
    let accepts = Accepts::read(&parts.headers)?;
    message::check_form(&parts.headers)?;
    let bytes = body::read(&gateway, body).await.map_err(|error| Refusal::of(error, None))?;
    match message::read(&bytes, revision::named(&parts.headers))? {
        Sent::One(Message::Request(asked)) => {
            let lifecycle = revision::lifecycle(&parts.headers, &asked)?;
            if asked.method == "initialize" {
                return initialize(&gateway, &caller, asked, accepts).await;
            }
            let session = match lifecycle {
                Lifecycle::Session => {
                    session(&gateway, &caller, &parts.headers, Some(&asked.id)).await?
                }
                Lifecycle::Request => None,
            };
            let peer = Peer { gateway, caller, session, lifecycle };
            Ok(answer::answer(peer, asked, accepts, running).await)
        }
        Sent::One(message) => {
            let session = session(&gateway, &caller, &parts.headers, None).await?;
            revision::check_named(&parts.headers, None)?;
            notice(&running, &caller, session.as_ref(), message);
            Ok(StatusCode::ACCEPTED.into_response())
        }
        Sent::Many(messages) => {
            revision::check_named(&parts.headers, None)?;
            let session = session(&gateway, &caller, &parts.headers, None).await?;
            let peer = Peer { gateway, caller, session, lifecycle: Lifecycle::Session };
            Ok(batch::answer(peer, messages, accepts, &running).await)
        }
    }
}

/// Takes notice of what wants no answer.
fn notice(running: &Running, caller: &Caller, session: Option<&Session>, message: Message) {
    if let Message::Notification { method, params } = message
        && method == "notifications/cancelled"
        && let Some(id) = message::cancelled(params)
    {
        running.cancel(&running::key(caller, session, &id));
    }
}

/// Who calls, if they may: from no page of a foreign origin, and with a key.
async fn admit(gateway: &Gateway, parts: &Parts) -> Result<Caller, Refusal> {
    origin::check(gateway.settings(), &parts.headers).map_err(|e| Refusal::of(e, None))?;
    let identified = gateway.identify(caller::credential(&parts.headers)).await;
    identified.map_err(|error| {
        let unauthenticated = error.code() == Code::Unauthenticated;
        let mut refusal = Refusal::of(error, None);
        if unauthenticated {
            let base = origin::base(gateway.settings(), parts);
            if let Some(challenge) = challenge(&base) {
                refusal.headers().insert(WWW_AUTHENTICATE, challenge);
            }
        }
        refusal
    })
}

/// Where a client that has no key finds out what it needs (RFC 9728 §5.1).
fn challenge(base: &str) -> Option<HeaderValue> {
    let place = format!("{base}/.well-known/oauth-protected-resource/mcp");
    HeaderValue::from_str(&format!("Bearer resource_metadata=\"{place}\"")).ok()
}

/// The session that a request names. One that is gone is 404: the client begins another.
async fn session(
    gateway: &Gateway,
    caller: &Caller,
    headers: &HeaderMap,
    asked: Option<&RequestId>,
) -> Result<Option<Session>, Refusal> {
    let Some(id) = headers.get(SESSION) else { return Ok(None) };
    let found = gateway.mcp_sessions().get(caller, id.to_str().unwrap_or_default()).await;
    match found.map_err(|error| Refusal::of(error, asked.cloned()))? {
        Some(session) => Ok(Some(session)),
        None => {
            let error = Error::new(Code::NotFound, "there is no such session: begin another");
            Err(Refusal::of(error, asked.cloned()))
        }
    }
}

/// Begins a session.
async fn initialize(
    gateway: &Gateway,
    caller: &Caller,
    asked: Asked,
    accepts: Accepts,
) -> Result<Response, Refusal> {
    let Asked { id, params, .. } = asked;
    let params: InitializeRequestParams = match message::params(params) {
        Ok(params) => params,
        Err(error) => return Ok(answer::failure(StatusCode::OK, id, error, accepts)),
    };
    let revision = revision::agree(&params.protocol_version);
    let client = format!("{} {}", params.client_info.name, params.client_info.version);
    let opened = gateway.mcp_sessions().open(caller, revision.as_str(), &client).await;
    let session = opened.map_err(|error| Refusal::of(error, Some(id.clone())))?;
    let result = methods::initialized(gateway, revision);
    let mut response = answer::success(id, result, accepts);
    if let Ok(value) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(SESSION, value);
    }
    Ok(response)
}
