//! What is done around a run: what its agent wants, or the request, or its route, as far as it can be done.

use crate::{
    Error, Result,
    agent::{
        Orchestration,
        orchestration::{Use, Wanted, Web},
    },
    chat::{OutputFormat, Part, Request, Role, Tool},
    gateway::{Gateway, Origin},
};

/// What is settled about the run of `request`, for which the gateway has `tools`.
///
/// # Errors
///
/// [`InvalidRequest`](crate::Code::InvalidRequest) for what the request wants and would have no effect. What
/// its agent or its route wants of all requests is left out where it has none.
pub(super) fn around(
    gateway: &Gateway,
    request: &Request,
    origin: &Origin,
    tools: &[Tool],
) -> Result<Orchestration> {
    let (own, of_agent) = (&request.agent.around, &request.agent.of_agent);
    let of_route = origin.route.as_ref().map(|route| route.around.clone()).unwrap_or_default();
    let Wanted { intent, plan, critique, correct, run_code, web } =
        of_agent.clone().or(own).or(&of_route);
    let has = |names: &[&str]| tools.iter().any(|tool| names.contains(&tool.name.as_str()));
    let can_run = gateway.sandbox().is_some() && has(&["python", "bash"]);
    let can_look = has(&["web_search", "web_fetch"]);
    let schema = schema(&request.output_format);
    let wants_web = |web: Option<Web>| web.is_some_and(|web| web != Web::Never);
    let refused = [
        (
            Use::Correct,
            own.correct == Some(true),
            of_agent.correct.is_none(),
            schema.is_some(),
            "no JSON Schema for the answer",
        ),
        (
            Use::RunCode,
            own.run_code == Some(true),
            of_agent.run_code.is_none(),
            can_run,
            "no sandbox, or neither `python` nor `bash` among the tools",
        ),
        (
            Use::Web,
            wants_web(own.web),
            of_agent.web.is_none(),
            can_look,
            "neither `web_search` nor `web_fetch` among the tools",
        ),
    ]
    .into_iter()
    .find(|(_, wanted, counts, possible, _)| *wanted && *counts && !possible);
    if let Some((it, .., why)) = refused {
        let field = format!("dormouse.{}", it.as_str());
        let message = format!("`{field}` has no effect: there is {why}");
        return Err(Error::invalid(field, message));
    }
    Ok(Orchestration {
        intent: intent.unwrap_or_default(),
        plan,
        critique: critique.unwrap_or_default(),
        schema: schema.filter(|_| correct.unwrap_or_default()),
        run_code: run_code.unwrap_or_default() && can_run,
        web,
        question: question(request),
    })
}

/// What the answer must fit.
fn schema(format: &OutputFormat) -> Option<serde_json::Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(serde_json::json!({ "type": "object" })),
        OutputFormat::JsonSchema { schema, .. } => Some(schema.clone()),
    }
}

/// What was asked, if the last word is a person's.
fn question(request: &Request) -> Option<String> {
    let last = request.messages.last().filter(|last| last.role == Role::User)?;
    let mut texts = Vec::new();
    for part in &last.parts {
        match part {
            Part::Text { text, .. } => texts.push(text.as_str()),
            Part::ToolResult { .. } => return None,
            _ => {}
        }
    }
    Some(texts.join("\n")).filter(|text| !text.trim().is_empty())
}
