//! `POST` of a request for an answer, in any dialect that is served: `/v1/chat/completions`,
//! `/v1/completions`, `/v1/messages`, `/v1/responses`.

use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    catalog::Route,
    chat::{Dialect, Request, Whole},
    conversation::Opened,
    gateway::{Answer, Gateway, Origin},
    keys::Caller,
    ports::hex,
    wire::{self, Encode, Opening, Served, openai_responses::Keeping},
};
use futures::TryStreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use crate::{
    body,
    caller::Authenticated,
    correlation::CorrelationId,
    dialect::Spoken,
    problem::Problem,
    runs,
    session::{self, CLAUDE_CODE, SESSION},
    stream,
};

/// Headers that name the conversation, so that a model server finds its beginning in its cache.
const SESSIONS: [HeaderName; 2] = [SESSION, CLAUDE_CODE];
/// The longest name of a conversation that is taken notice of, in bytes.
const MAX_SESSION_BYTES: usize = 256;
/// Names the receipt of the call in the response.
const RECEIPT: HeaderName = HeaderName::from_static("x-dormouse-receipt");

/// What was found out about a request before.
pub(crate) type Known = (Extension<CorrelationId>, Extension<Spoken>);

/// Answers a request, whole or streamed.
pub(crate) async fn answer(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    (Extension(id), Extension(Spoken { dialect, route, came_by })): Known,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let format = format(dialect)?;
    let body = body::read(&gateway, body).await?;
    let mut request = format.decode_request(&headers, &body)?;
    session::hands(&headers, &mut request)?;
    let conversing = match session::address(&headers, &mut request)? {
        Some(address) => gateway.converse(&caller, &address).await?,
        None => None,
    };
    let named = conversation(&headers, &request);
    let later = Keeping::of(&request).is_some_and(|keeping| keeping.background);
    let asked = Asked { request, conversing, named, route, came_by };
    if later {
        return runs::begin(gateway, caller, asked, id).await;
    }
    respond(gateway, caller, asked, id).await
}

/// A request for an answer, and what is known of it.
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// The kept conversation that it belongs to.
    pub(crate) conversing: Option<Opened>,
    /// The caller's name for its conversation.
    pub(crate) named: Option<String>,
    pub(crate) route: Option<Route>,
    /// The host and path by which that was found.
    pub(crate) came_by: Option<(String, String)>,
}

/// Answers a request that was read.
pub(crate) async fn respond(
    gateway: Gateway,
    caller: Caller,
    Asked { request, conversing, named, route, came_by }: Asked,
    CorrelationId(correlation_id): CorrelationId,
) -> Result<Response, Problem> {
    // Callers may use a correlation id twice; an answer's id is its own.
    let fresh = hex(gateway.host().random().into_iter().take(16));
    let opening = Opening { id: fresh, created: gateway.host().now().0 / 1000 };
    let encoder = format(request.dialect)?.encoder(&request, opening.clone());
    // An agent's may turn out not to be kept.
    let kept = conversing.as_ref().filter(|conversing| !conversing.by_agent());
    let kept = kept.map(|conversing| conversing.id().to_owned());
    let origin = Origin {
        correlation_id: Some(correlation_id),
        conversation: named.or_else(|| kept.clone()),
        route,
        came_by,
        conversing,
        opening: Some(opening),
        ..Origin::default()
    };
    if request.stream.is_some() {
        streamed((gateway, caller), request, origin, (encoder, kept)).await
    } else {
        let answer = gateway.chat(&caller, request, origin).await?;
        Ok(whole(answer, encoder).await?)
    }
}

/// How `dialect` is spoken to us.
pub(crate) fn format(dialect: Dialect) -> Result<&'static dyn Served> {
    wire::served(dialect).ok_or_else(|| {
        Error::new(Code::RouteNotFound, format!("{} is not served here", dialect.as_str()))
    })
}

/// The conversation's name: a header's, or else what the body says. OpenAI's clients name it as the key of
/// its prompt cache; Anthropic's say who their user is, in which Claude Code names its session.
fn conversation(headers: &HeaderMap, request: &Request) -> Option<String> {
    let named = SESSIONS.iter().find_map(|name| headers.get(name)?.to_str().ok());
    let in_body = || match request.dialect {
        Dialect::Anthropic => request.end_user.as_deref(),
        _ => request.extensions.0.get("prompt_cache_key")?.as_str(),
    };
    let name = named.filter(|name| !name.is_empty()).or_else(in_body)?;
    (!name.is_empty() && name.len() <= MAX_SESSION_BYTES).then(|| name.to_owned())
}

async fn streamed(
    (gateway, caller): (Gateway, Caller),
    request: Request,
    origin: Origin,
    (encoder, kept): (Box<dyn Encode>, Option<String>),
) -> Result<Response, Problem> {
    let pace = stream::Pace::of(&gateway, &caller.tenant, &request.model);
    let answer = async move { gateway.chat(&caller, request, origin).await };
    let (begun, events) = stream::begin(pace, Box::pin(answer), encoder).await?;
    let mut response = Response::new(Body::from_stream(events));
    streams(response.headers_mut());
    if let Some(begun) = &begun {
        name_receipt(&mut response, &begun.receipt);
        session::name_run(response.headers_mut(), begun.run.as_deref());
        session::lack(response.headers_mut(), &begun.degraded);
        session::measure(response.headers_mut(), begun.context);
    }
    let conversation = begun.map_or(kept, |begun| begun.conversation);
    session::name(response.headers_mut(), conversation.as_deref());
    Ok(response)
}

/// Says in a response's headers that its body is a stream of events.
pub(crate) fn streams(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// Collects an answer, and passes the provider's own bytes on where they may pass.
async fn whole(mut answer: Answer, mut encoder: Box<dyn Encode>) -> Result<Response> {
    let mut whole = Whole::default();
    let mut body = None;
    while let Some(chunk) = answer.chunks.try_next().await? {
        for event in chunk.events {
            whole.push(event)?;
        }
        body = chunk.verbatim.or(body);
    }
    let body = body.unwrap_or_else(|| encoder.whole(&whole));
    let mut response = json(body, Some(&answer.receipt));
    session::name(response.headers_mut(), answer.conversation.as_deref());
    session::name_run(response.headers_mut(), answer.run.as_deref());
    session::lack(response.headers_mut(), &answer.degraded);
    session::measure(response.headers_mut(), answer.context);
    Ok(response)
}

/// A response with a JSON body, and the receipt of the call it comes from.
pub(crate) fn json(body: Bytes, receipt: Option<&str>) -> Response {
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(receipt) = receipt {
        name_receipt(&mut response, receipt);
    }
    response
}

fn name_receipt(response: &mut Response, receipt: &str) {
    if let Ok(value) = HeaderValue::from_str(receipt) {
        response.headers_mut().insert(RECEIPT, value);
    }
}
