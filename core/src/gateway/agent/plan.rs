//! Whether a request is answered by a run, and what that has.

use super::around::around;
use crate::{
    Error, Result,
    agent::{Limits, Mode, Orchestration},
    chat::{Request, Tool, ToolChoice},
    gateway::{Gateway, Origin},
    keys::Caller,
    operation::Operation,
    tenant::Config,
    tools::{Allowed, Offer},
};

/// What a run has.
pub(in crate::gateway) struct Plan {
    /// The gateway's tools that may be used.
    pub(super) offer: Offer,
    /// Those that the model is told of: where the caller has one of the same name, that counts.
    pub(super) tools: Vec<Tool>,
    pub(super) limits: Limits,
    pub(super) around: Orchestration,
}

/// The plan of a request that is answered by a run. `None`: its caller has the hands.
///
/// # Errors
///
/// [`InvalidRequest`](crate::Code::InvalidRequest) for tools that there are not, and for what a run cannot
/// give: several answers.
pub(in crate::gateway) async fn plan(
    gateway: &Gateway,
    caller: &Caller,
    request: &Request,
    origin: &Origin,
) -> Result<Option<Plan>> {
    let effective = gateway.tenants.of(&caller.tenant).await?;
    let config = &effective.config;
    if mode(caller, request, origin, config) == Mode::Emulate
        || request.operation() != Operation::Chat
    {
        return refuse_unused(request).map(|()| None);
    }
    let is_asked = request.agent.mode.is_some() || origin.agent.is_some();
    if request.sampling.n.is_some_and(|n| n > 1) {
        let message = "`n` must be 1 where the gateway runs the tools";
        return if is_asked { Err(Error::invalid("n", message)) } else { Ok(None) };
    }
    let offer = offer(gateway, caller, request).await?;
    let theirs = |name: &str| request.tools.iter().any(|tool| tool.name == name);
    let is_shown = |tool: &&Tool| !theirs(&tool.name);
    let tools: Vec<Tool> = match &request.tool_choice {
        Some(ToolChoice::None) => Vec::new(),
        _ => offer.definitions().filter(is_shown).cloned().collect(),
    };
    check_choice(request, &tools)?;
    let around = around(gateway, request, origin, &tools)?;
    Ok(Some(Plan { offer, tools, limits: limits(request, config, gateway), around }))
}

/// What must be called is there, on one side or the other.
fn check_choice(request: &Request, ours: &[Tool]) -> Result<()> {
    const FIELD: &str = "tool_choice";
    let mut all = request.tools.iter().chain(ours);
    match &request.tool_choice {
        Some(ToolChoice::Required) if all.next().is_none() => {
            Err(Error::invalid(FIELD, "`tool_choice` requires a tool, but there are none"))
        }
        Some(ToolChoice::Named(name)) if !all.any(|tool| names(tool, name)) => {
            let message = format!("`tool_choice` names `{name}`, which is not among the tools");
            Err(Error::invalid(FIELD, message))
        }
        _ => Ok(()),
    }
}

/// Whether this is the tool of that name. What a provider has itself says its name in its own words.
fn names(tool: &Tool, name: &str) -> bool {
    let own = || tool.extensions.0.get("name").and_then(|own| own.as_str());
    tool.name == name || tool.name.is_empty() && own() == Some(name)
}

/// The request's own word counts, then that of its route, of its key, of its tenant.
fn mode(caller: &Caller, request: &Request, origin: &Origin, config: &Config) -> Mode {
    let by_route = origin.route.as_ref().and_then(|route| route.mode);
    request.agent.mode.or(by_route).or(caller.mode).unwrap_or(config.mode)
}

/// Refuses what would be without effect.
fn refuse_unused(request: &Request) -> Result<()> {
    let said = &request.agent;
    let field = match (&said.tools, said.max_steps, said.steps) {
        (Some(_), _, _) => "dormouse.tools",
        (None, Some(_), _) => "dormouse.max_steps",
        (None, None, true) => "dormouse.steps",
        (None, None, false) => match said.around.first_said() {
            Some(it) => &format!("dormouse.{}", it.as_str()),
            None => return Ok(()),
        },
    };
    let message = format!("`{field}` has no effect without `dormouse.mode`: `loop`");
    Err(Error::invalid(field.to_owned(), message))
}

/// The tools that the caller may use, and the request wants.
async fn offer(gateway: &Gateway, caller: &Caller, request: &Request) -> Result<Offer> {
    let Some(wanted) = &request.agent.tools else { return gateway.offer(caller, None).await };
    let named = wanted.iter().map(String::as_str);
    let list = Allowed::parse(named)
        .map_err(|why| Error::invalid("dormouse.tools", format!("`dormouse.tools` {why}")))?;
    let offer = gateway.offer(caller, Some(&list)).await?;
    if gateway.agents().of_model(&request.model).is_some_and(|agent| agent.tools.is_some()) {
        // Its list is for every caller: each has of it what it may use.
        return Ok(offer);
    }
    let is_name = |name: &&String| !name.contains('*') && !name.starts_with('!');
    for (index, name) in wanted.iter().enumerate().filter(|(_, name)| is_name(name)) {
        if list.allows(name) && offer.get(name).is_none() {
            let at = format!("dormouse.tools[{index}]");
            let all = gateway.offer(caller, None).await?;
            return Err(Error::invalid(at, all.unknown(name)));
        }
    }
    Ok(offer)
}

/// What a run may take: what the tenant's says, or less if the request wants less.
fn limits(request: &Request, config: &Config, gateway: &Gateway) -> Limits {
    let most = config.agent_steps.0;
    Limits {
        steps: request.agent.max_steps.map_or(most, |wanted| wanted.min(most)),
        repetitions: gateway.settings.agent_repetitions,
        time: config.agent_timeout,
    }
}
