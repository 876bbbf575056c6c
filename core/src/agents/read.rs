//! From files to agents, or to everything that is wrong with them.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;

use super::{
    Agent, AgentFile, AgentFiles, PREFIX, Roster,
    file::{AgentEntry, File},
};
use crate::{
    Error, Result,
    agent::Mode,
    catalog::{
        path::Path,
        problem::{Finding, Findings, Problems, shortened},
        read::{Document, Read as _, with_dialect},
    },
};

/// The agents that `files` define.
pub(super) fn read(files: &dyn AgentFiles) -> Result<Roster> {
    let mut roster = Roster::new();
    let mut taken = BTreeMap::new();
    let mut wrong = Vec::new();
    for AgentFile { name, text } in files.read()? {
        let look_up = |variable: &str| files.variable(variable);
        if let Err(problems) = read_one((&name, &text), &look_up, &mut taken, &mut roster) {
            wrong.extend(problems.lines(&name));
        }
    }
    if wrong.is_empty() {
        Ok(roster)
    } else {
        Err(Error::invalid("DORMOUSE_AGENTS", wrong.join("\n")))
    }
}

/// Adds the agents of one file. `taken` is where each name is given.
fn read_one(
    (file, text): (&str, &str),
    look_up: &dyn Fn(&str) -> Option<String>,
    taken: &mut BTreeMap<String, String>,
    roster: &mut Roster,
) -> Result<(), Problems> {
    let mut document = Document::<File>::read(text, look_up)?;
    let entries = document.take().agents;
    let path = Path::default().field("agents");
    for (at, entry) in entries.into_iter().enumerate() {
        let here = path.item(at);
        check(&entry, &here, &mut document.findings);
        let agent = agent(entry);
        if agent.name.is_empty() {
            continue;
        }
        if let Some(other) = taken.get(&agent.name) {
            let why = format!("`{}` is taken already, by {other}", shortened(&agent.name));
            document.findings.push(Finding::new(here.field("name"), why));
            continue;
        }
        taken.insert(agent.name.clone(), format!("`{here}` of {file}"));
        roster.insert(agent.name.clone(), Arc::new(agent));
    }
    document.finish()
}

fn check(entry: &AgentEntry, path: &Path, findings: &mut Findings) {
    if let Some(model) = &entry.model
        && model.0.starts_with(PREFIX)
    {
        let why = format!("`{}` is an agent: name a model", shortened(&model.0));
        findings.push(Finding::new(path.field("model"), why));
    }
    if entry.mode.as_ref().is_some_and(|mode| mode.0 == Mode::Loop) {
        return;
    }
    if let Some(it) = entry.around.0.first_said() {
        let here = path.field(it.as_str());
        findings.push(Finding::new(here, "has no effect without `mode: loop`"));
    }
    let limits = path.field("limits");
    let steps = entry.limits.as_ref().and_then(|limits| limits.max_steps);
    for (given, path) in
        [(entry.tools.is_some(), path.field("tools")), (steps.is_some(), limits.field("max_steps"))]
    {
        if given {
            findings.push(Finding::new(path, "has no effect without `mode: loop`"));
        }
    }
}

fn agent(entry: AgentEntry) -> Agent {
    let limits = entry.limits.unwrap_or_default();
    Agent {
        name: entry.name.0,
        description: entry.description.map(|it| it.0),
        system: entry.system.0,
        model: entry.model.map(|it| it.0),
        temperature: entry.temperature.map(|it| it.0),
        top_p: entry.top_p.map(|it| it.0),
        max_output_tokens: limits.max_output_tokens.map(|it| it.0),
        mode: entry.mode.map(|it| it.0),
        tools: entry.tools.map(|it| it.0),
        max_steps: limits.max_steps.map(|it| it.0),
        around: entry.around.0,
    }
}

/// JSON Schema of a file.
pub(super) fn schema() -> Json {
    with_dialect(File::schema())
}
