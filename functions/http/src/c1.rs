//! `/c1`: conversations that the gateway keeps. A client sends what is new and names the conversation.
//!
//! Answers have the shape of OpenAI's chat completions, and `x-conversation-id` names the conversation. One
//! that was archived is answered with 308 and the place of the one that goes on from it.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    chat::{Dialect, Request},
    conversation::{Address, Listed, Session, transcript},
    gateway::{Compacted, Gateway, Origin},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    answer::{self, Asked, Known},
    body,
    caller::Authenticated,
    correlation::CorrelationId,
    extract::{Path, Query},
    problem::Problem,
    session,
};

/// How many conversations a page has if the caller does not say, and at most.
const PAGE: u32 = 20;
const MAX_PAGE: u32 = 100;
/// The most conversations that a page leaves out.
const MAX_OFFSET: u32 = 10_000;

/// What is asked, by whom it is answered, and where it belongs. What is not named here is a field of
/// OpenAI's chat.
#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) conversation_id: Option<String>,
    /// A text, or parts.
    message: Option<Value>,
    /// Instead of `message`: several.
    messages: Option<Vec<Value>>,
    system: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Where a request belongs, if its body does not count.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    conversation_id: Option<String>,
}

/// Which conversations to list.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    limit: Option<u32>,
    offset: Option<u32>,
}

/// How to show a conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    /// An archived one itself, instead of the way to the one that goes on from it.
    #[serde(default)]
    pub(crate) archived: bool,
}

/// Answers in a conversation, which begins with this if none is named.
pub(crate) async fn chat(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    (Extension(id), Extension(spoken)): Known,
    Query(place): Query<Place>,
    body: Body,
) -> Result<Response, Problem> {
    let mut chat: Chat = body::json(&gateway, body).await?;
    let named = place.conversation_id.or(chat.conversation_id.take());
    let address = named.map_or(Address::New, Address::Id);
    let request = request(chat)?;
    let opened = match gateway.converse(&caller, &address).await {
        Err(error) => return redirect(error, |id| format!("/c1/chat?conversation_id={id}")),
        opened => opened?,
    };
    let off = || Error::new(Code::NotFound, "this gateway keeps no conversations");
    let conversing = Some(opened.ok_or_else(off)?);
    let asked =
        Asked { request, conversing, named: None, route: spoken.route, came_by: spoken.came_by };
    answer::respond(gateway, caller, asked, id).await
}

/// Lists the conversations of the caller's tenant, the newest first.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let (offset, limit) = selection.window()?;
    let found = gateway.conversations().list(&caller.tenant, offset, limit + 1).await?;
    Ok(Json(page(&found, (offset, limit), describe)))
}

impl Selection {
    /// The first and the number of those that are wanted.
    pub(crate) fn window(self) -> Result<(u32, u32)> {
        let (limit, offset) = (self.limit.unwrap_or(PAGE), self.offset.unwrap_or_default());
        if limit == 0 || limit > MAX_PAGE {
            return Err(Error::invalid("limit", format!("`limit` must be from 1 to {MAX_PAGE}")));
        }
        if offset > MAX_OFFSET {
            return Err(Error::invalid("offset", format!("`offset` must be at most {MAX_OFFSET}")));
        }
        Ok((offset, limit))
    }
}

/// A page of what was found: one more than `limit` if there are more.
pub(crate) fn page(
    found: &[Listed],
    (offset, limit): (u32, u32),
    describe: fn(&str, &Session) -> Value,
) -> Value {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let data: Vec<Value> =
        found.iter().take(size).map(|it| describe(&it.id, &it.session)).collect();
    json!({
        "object": "list", "data": data, "limit": limit, "offset": offset,
        "has_more": found.len() > size,
    })
}

/// Shows a conversation with all its messages, in the shape of OpenAI's chat.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(view): Query<View>,
) -> Result<Response, Problem> {
    let (session, turns) = gateway.conversations().read(&caller.tenant, &id).await?;
    if !view.archived
        && let Some(error) = session.moved(&id)
    {
        return redirect(error, |id| format!("/c1/conversations/{id}"));
    }
    let mut description = describe(&id, &session);
    if let Some(fields) = description.as_object_mut() {
        fields.insert("messages".into(), transcript(&turns, &caller));
    }
    Ok(Json(description).into_response())
}

/// Deletes a conversation.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    gateway.conversations().delete(&caller.tenant, &id).await?;
    Ok(Json(json!({ "id": id, "object": "conversation", "deleted": true })))
}

/// Archives a conversation and has another go on from it, with a summary.
pub(crate) async fn compact(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    (Extension(CorrelationId(id)), Extension(_)): Known,
    Path(conversation): Path<String>,
) -> Result<Response, Problem> {
    let address = Address::Id(conversation);
    let origin = Origin { correlation_id: Some(id), ..Origin::default() };
    let Compacted { id, receipt } = match gateway.compact(&caller, &address, origin).await {
        Err(error) => {
            return redirect(error, |id| format!("/c1/conversations/{id}/compact"));
        }
        compacted => compacted?,
    };
    let session = gateway.conversations().session(&caller.tenant, &id).await?;
    let body = Bytes::from(describe(&id, &session).to_string());
    let mut response = answer::json(body, Some(&receipt));
    session::name(response.headers_mut(), Some(&id));
    Ok(response)
}

/// Points to the conversation that goes on from an archived one; any other error is answered as it is.
pub(crate) fn redirect(error: Error, to: impl Fn(&str) -> String) -> Result<Response, Problem> {
    let successor = error.details().and_then(|details| details.get("successor"));
    let place = successor.and_then(Value::as_str).map(to);
    let place = place.and_then(|place| HeaderValue::from_str(&place).ok());
    let Some(place) = place.filter(|_| error.code() == Code::ConversationArchived) else {
        return Err(error.into());
    };
    let mut response = Problem::from(error).into_response();
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, place);
    Ok(response)
}

/// The request that OpenAI's chat has for it.
pub(crate) fn request(Chat { message, messages, system, mut rest, .. }: Chat) -> Result<Request> {
    if rest.contains_key("session_id") {
        let why = "`session_id`: name the conversation by `conversation_id` here";
        return Err(Error::invalid("session_id", why));
    }
    let said = match (message, messages) {
        (Some(_), Some(_)) => {
            let why = "`message` and `messages` say the same: leave one of them out";
            return Err(Error::invalid("message", why));
        }
        (Some(content @ (Value::String(_) | Value::Array(_))), None) => {
            vec![json!({ "role": "user", "content": content })]
        }
        (None, Some(messages)) => messages,
        _ => return Err(Error::invalid("message", "`message` must be a text or a list of parts")),
    };
    let system = system.map(|text| json!({ "role": "system", "content": text }));
    rest.insert("messages".into(), system.into_iter().chain(said).collect());
    let body = Bytes::from(Value::from(rest).to_string());
    answer::format(Dialect::OpenAiChat)?.decode_request(&HeaderMap::new(), &body)
}

pub(crate) fn describe(id: &str, session: &Session) -> Value {
    json!({
        "object": "conversation",
        "id": id,
        "title": session.title,
        "name": session.name,
        "agent": session.agent,
        "created_at": session.created_at.0,
        "updated_at": session.updated_at.0,
        "turns": session.turns,
        "message_count": session.messages,
        "context_tokens": session.tokens,
        "context_tokens_source": session.source,
        "shown_from_turn": session.shown_from,
        "archived": session.is_archived(),
        "lineage": { "predecessor": session.predecessor, "successor": session.successor },
    })
}
