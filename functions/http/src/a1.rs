//! `/a1`: agents that the operator has defined, asked once or in sessions.
//!
//! A request has the fields of OpenAI's chat, with `message` instead of `messages` if there is one; what the
//! agent says itself (`model`) is refused. Answers have the shape of OpenAI's chat completions. A session is a
//! conversation that the gateway keeps: what holds for those of `/c1` holds for it, and its id is one of theirs.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Error, Result,
    agent::Mode,
    agents::Agent,
    conversation::{Opened, Session, transcript},
    gateway::Gateway,
    keys::Caller,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    answer::{self, Asked, Known},
    body,
    c1::{self, Chat, Selection, View, redirect},
    caller::{Administrator, Authenticated},
    extract::{Path, Query},
    problem::Problem,
};

/// The fields of a chat that the agent says instead.
const AGENTS_OWN: [&str; 1] = ["model"];

/// Lists the agents.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
) -> Json<Value> {
    let agents = gateway.agents().list();
    let data: Vec<Value> = agents.iter().map(|agent| describe(agent, &caller)).collect();
    Json(json!({ "object": "list", "data": data }))
}

/// Shows one.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(describe(&*gateway.agents().find(&name)?, &caller)))
}

/// Reads the definitions again. If anything is wrong with them, everything stays as it was.
pub(crate) async fn reload(
    State(gateway): State<Gateway>,
    Administrator(caller): Administrator,
) -> Result<Json<Value>, Problem> {
    gateway.agents().reload()?;
    Ok(list(State(gateway), Authenticated(caller)).await)
}

/// Asks an agent once; nothing is kept.
pub(crate) async fn chat(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    known: Known,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let agent = gateway.agents().find(&name)?;
    ask(gateway, caller, (&agent, None), known, body).await
}

/// Begins a session.
pub(crate) async fn begin(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let agent = gateway.agents().find(&name)?;
    let begun = gateway.begin_session(&caller, &agent).await?;
    Ok((StatusCode::CREATED, Json(describe_session(&begun.id, &begun.session))).into_response())
}

/// Lists the sessions of the caller's tenant with an agent, the newest first.
pub(crate) async fn sessions(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let agent = gateway.agents().find(&name)?;
    let (offset, limit) = selection.window()?;
    let conversations = gateway.conversations();
    let found = conversations.list_of(&caller.tenant, &agent.name, (offset, limit + 1)).await?;
    Ok(Json(c1::page(&found, (offset, limit), describe_session)))
}

/// Shows a session with all that was said.
pub(crate) async fn session(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path((name, id)): Path<(String, String)>,
    Query(view): Query<View>,
) -> Result<Response, Problem> {
    let agent = gateway.agents().find(&name)?;
    let (session, turns) = gateway.read_session(&caller, &agent, &id).await?;
    if !view.archived
        && let Some(error) = session.moved(&id)
    {
        return redirect(error, |id| format!("/a1/agents/{name}/sessions/{id}"));
    }
    let mut description = describe_session(&id, &session);
    if let Some(fields) = description.as_object_mut() {
        fields.insert("messages".into(), transcript(&turns, &caller));
    }
    Ok(Json(description).into_response())
}

/// Forgets a session, with all that it went on from.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let agent = gateway.agents().find(&name)?;
    gateway.session(&caller, &agent, &id).await?;
    gateway.conversations().delete_session(&caller.tenant, &id).await?;
    Ok(Json(json!({ "id": id, "object": "agent.session", "deleted": true })))
}

/// Goes on with a session.
pub(crate) async fn chat_in_session(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    known: Known,
    Path((name, id)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let agent = gateway.agents().find(&name)?;
    let opened = match gateway.resume_session(&caller, &agent, &id).await {
        Err(error) => {
            return redirect(error, |id| format!("/a1/agents/{name}/sessions/{id}/chat"));
        }
        opened => opened?,
    };
    ask(gateway, caller, (&agent, Some(opened)), known, body).await
}

async fn ask(
    gateway: Gateway,
    caller: Caller,
    (agent, conversing): (&Arc<Agent>, Option<Opened>),
    (Extension(id), Extension(spoken)): Known,
    body: Body,
) -> Result<Response, Problem> {
    let mut chat: Chat = body::json(&gateway, body).await?;
    if let Some(field) = AGENTS_OWN.into_iter().find(|field| chat.rest.contains_key(*field)) {
        let why = format!("`{field}`: what the agent says itself is left out here");
        return Err(Error::invalid(field, why).into());
    }
    if chat.conversation_id.is_some() {
        let why = "`conversation_id`: a session with an agent is named in the path";
        return Err(Error::invalid("conversation_id", why).into());
    }
    chat.rest.insert("model".to_owned(), agent.as_model().into());
    let request = c1::request(chat)?;
    let asked =
        Asked { request, conversing, named: None, route: spoken.route, came_by: spoken.came_by };
    answer::respond(gateway, caller, asked, id).await
}

/// Its instructions are for those who wrote them.
fn describe(agent: &Agent, caller: &Caller) -> Value {
    let mut description = json!({
        "object": "agent",
        "name": agent.name,
        "description": agent.description,
        "model": agent.model,
        "temperature": agent.temperature,
        "top_p": agent.top_p,
        "mode": agent.mode.map(Mode::as_str),
        "tools": agent.tools,
        "limits": { "max_output_tokens": agent.max_output_tokens, "max_steps": agent.max_steps },
    });
    if let Some(fields) = description.as_object_mut().filter(|_| caller.admin) {
        fields.insert("system".into(), agent.system.as_str().into());
    }
    description
}

fn describe_session(id: &str, session: &Session) -> Value {
    let mut description = c1::describe(id, session);
    if let Some(fields) = description.as_object_mut() {
        fields.insert("object".into(), "agent.session".into());
    }
    description
}
