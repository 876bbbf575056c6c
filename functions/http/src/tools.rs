//! `/v1/tools`: the tools that a caller may use, those of a tenant's own, and calls of one by hand.
//!
//! Every key sees, registers and deletes the tools of its own tenant, and administrators with `?tenant=`
//! those of any.

use axum::{Json, body::Body, extract::State};
use dormouse_core::{
    Code, Error, Result, chat,
    chat::Part,
    gateway::Gateway,
    inference::Deadline,
    keys::Caller,
    ports::{Workspace, hex},
    tools::{Context, NewTool, Output, RegisteredTool},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    body,
    caller::{Authenticated, tenant_of},
    extract::{Path, Query},
    problem::Problem,
};

/// The longest name of a workspace, and of a key that makes a call safe to repeat, in bytes.
const MAX_NAME: usize = 128;
/// The header by which a call is known again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Whose tools are meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    /// Administrators may name any tenant.
    tenant: Option<String>,
}

/// The body of `POST /v1/tools/execute`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    input: Map<String, Value>,
    /// Keeps the files of one call for the next.
    workspace: Option<String>,
}

/// Lists the tools that may be used.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, Problem> {
    let caller = Caller { tenant: tenant_of(&caller, whose.tenant), ..caller };
    let offer = gateway.offer(&caller, None).await?;
    let data: Vec<Value> = offer.definitions().map(describe).collect();
    Ok(Json(json!({ "object": "list", "data": data, "missing": offer.missing() })))
}

/// Registers a tool of a tenant's own.
pub(crate) async fn register(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    unlimited(&caller)?;
    let tenant = tenant_of(&caller, whose.tenant);
    let new: NewTool = body::json(&gateway, body).await?;
    let registered = gateway.register_tool(&tenant, new).await?;
    Ok((StatusCode::CREATED, Json(describe_registered(&registered))))
}

/// Describes one tool: of a tenant's own also where it is called, but no values of headers.
pub(crate) async fn one(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let caller = Caller { tenant: tenant_of(&caller, whose.tenant), ..caller };
    let missing = match gateway.registered_tools().get(&caller.tenant, &name).await {
        Ok(registered) => return Ok(Json(describe_registered(&registered))),
        Err(error) if error.code() == Code::NotFound => error,
        Err(error) => return Err(error.into()),
    };
    match gateway.offer(&caller, None).await?.get(&name) {
        Some(offered) => Ok(Json(describe(offered.definition()))),
        None => Err(missing.into()),
    }
}

/// Forgets a tool of a tenant's own.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    unlimited(&caller)?;
    let tenant = tenant_of(&caller, whose.tenant);
    gateway.registered_tools().delete(&tenant, &name).await?;
    Ok(Json(json!({ "object": "tool", "name": name, "deleted": true })))
}

/// Calls a tool. What the tool does wrong is an answer, as it would be for a model.
pub(crate) async fn execute(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let call: Call = body::json(&gateway, body).await?;
    let offer = gateway.offer(&caller, None).await?;
    let offered = offer
        .get(&call.name)
        .ok_or_else(|| Error::new(Code::NotFound, offer.unknown(&call.name)).at("name"))?;
    offered.accepts(&call.input)?;
    let random = || hex(gateway.host().random().into_iter().take(16));
    let kept = call.workspace.as_deref().map(workspace_name).transpose()?;
    let workspace = Workspace {
        tenant: caller.tenant.clone(),
        name: kept.clone().unwrap_or_else(|| format!("call-{}", random())),
    };
    let idempotency_key = match idempotency_key(&headers)? {
        Some(key) => key,
        None => random(),
    };
    let scratch = kept.is_none().then(|| gateway.scratch(workspace.clone()));
    let context = Context { workspace, idempotency_key };
    let (tools, patience) = (gateway.tools(), gateway.settings().request_timeout);
    let deadline = Deadline::after(gateway.host().clone(), patience);
    let running = tools.run(offered, call.input, &context, tools.limits());
    let late = || Output::failed("the tool did not finish in the time that a request has");
    let output = deadline.within(patience, running).await.unwrap_or_else(late);
    if let Some(scratch) = scratch {
        scratch.discard().await;
    }
    Ok(Json(answer(&call.name, &output)))
}

/// Whoever is limited to some tools must not put others in their place.
fn unlimited(caller: &Caller) -> Result<()> {
    if caller.tools.is_none() {
        return Ok(());
    }
    let message = "a key that is limited to some `tools` registers and deletes none";
    Err(Error::new(Code::Forbidden, message))
}

fn answer(name: &str, output: &Output) -> Value {
    let texts = output.parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    json!({
        "object": "tool.result",
        "name": name,
        "is_error": output.is_error,
        "output": texts.collect::<Vec<_>>().join("\n"),
        "content": output.parts,
    })
}

fn workspace_name(given: &str) -> Result<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if given.is_empty() || given.len() > MAX_NAME || !given.bytes().all(fits) {
        let message = "`workspace` must be 1 to 128 letters, digits, `.`, `_` or `-`";
        return Err(Error::invalid("workspace", message));
    }
    // Apart from those of runs and sessions.
    Ok(format!("tools-{given}"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=MAX_NAME).contains(&text.len()));
    let wrong =
        || Error::invalid(IDEMPOTENCY_KEY, "`Idempotency-Key` must be 1 to 128 visible characters");
    text.map(|text| Some(text.to_owned())).ok_or_else(wrong)
}

fn describe(tool: &chat::Tool) -> Value {
    json!({
        "object": "tool",
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
    })
}

fn describe_registered(registered: &RegisteredTool) -> Value {
    let tool = &registered.tool;
    json!({
        "object": "tool",
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "method": tool.method,
        "url": tool.url,
        "headers": tool.headers.keys().collect::<Vec<_>>(),
        "timeout": tool.timeout,
        "created_at": registered.created_at.0 / 1000,
    })
}
