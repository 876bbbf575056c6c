//! Tools and the choice among them, both ways.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{FREE_INPUT, block};
use crate::{
    Error, Result,
    agent::Options,
    chat::{Extensions, Tool, ToolChoice},
    wire::fields::{join, require, take},
};

const CHOICE: &str = "tool_choice";

pub(super) fn decode_all(tools: Vec<Map<String, Value>>) -> Result<Vec<Tool>> {
    let mut names = BTreeSet::new();
    let mut decoded = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let at = format!("tools[{index}]");
        let tool = decode(tool, &at)?;
        if !tool.name.is_empty() && !names.insert(tool.name.clone()) {
            let message = format!("there are two tools named `{}`", tool.name);
            return Err(Error::invalid(join(&at, "name"), message));
        }
        decoded.push(tool);
    }
    Ok(decoded)
}

/// A tool of a kind that only Anthropic has is carried whole.
fn decode(mut tool: Map<String, Value>, at: &str) -> Result<Tool> {
    let kind: Option<String> = take(&mut tool.clone(), "type", at)?;
    if kind.is_some_and(|kind| kind != "custom" && kind != "function") {
        return Ok(Tool { extensions: Extensions(tool), ..Tool::default() });
    }
    tool.shift_remove("type");
    let cache = block::cache_hint(&tool);
    tool.shift_remove("cache_control");
    let name: String = require(&mut tool, "name", at)?;
    if name.is_empty() {
        return Err(Error::invalid(join(at, "name"), "a tool's name must not be empty"));
    }
    let schema: Map<String, Value> = require(&mut tool, "input_schema", at)?;
    Ok(Tool {
        name,
        description: take(&mut tool, "description", at)?,
        input_schema: Some(schema.into()),
        strict: take(&mut tool, "strict", at)?,
        custom: false,
        cache,
        extensions: Extensions(tool),
    })
}

/// Writes a tool; `own`: its extensions are of this format. `None`: this format has no word for it.
///
/// A tool that takes free text becomes one that takes an object with a single text.
pub(super) fn encode(tool: &Tool, own: bool) -> Option<Value> {
    if tool.name.is_empty() {
        return own.then(|| Value::Object(tool.extensions.0.clone()));
    }
    let mut written = Map::new();
    written.insert("name".into(), tool.name.as_str().into());
    if let Some(description) = &tool.description {
        written.insert("description".into(), description.as_str().into());
    }
    written.insert("input_schema".into(), schema(tool));
    if let Some(strict) = tool.strict {
        written.insert("strict".into(), strict.into());
    }
    if own {
        written.extend(tool.extensions.0.clone());
    }
    if let Some(hint) = &tool.cache {
        written.insert("cache_control".into(), block::cache_control(hint));
    }
    Some(written.into())
}

/// Anthropic insists on a schema, and on its being one of an object.
fn schema(tool: &Tool) -> Value {
    if tool.custom {
        return json!({
            "type": "object",
            "properties": { FREE_INPUT: { "type": "string" } },
            "required": [FREE_INPUT],
        });
    }
    match &tool.input_schema {
        Some(Value::Object(schema)) if schema.contains_key("type") => schema.clone().into(),
        Some(Value::Object(schema)) => {
            let mut typed = Map::new();
            typed.insert("type".into(), "object".into());
            typed.extend(schema.clone());
            typed.into()
        }
        _ => json!({ "type": "object", "properties": {} }),
    }
}

/// Which tools may be called, and whether several at once.
///
/// Where the gateway adds tools of its own, it is not known yet whether the choice is among them.
pub(super) fn decode_choice(
    choice: Option<Map<String, Value>>,
    tools: &[Tool],
    agent: &Options,
) -> Result<(Option<ToolChoice>, Option<bool>)> {
    let Some(mut choice) = choice else { return Ok((None, None)) };
    let kind: String = require(&mut choice, "type", CHOICE)?;
    let one: Option<bool> = take(&mut choice, "disable_parallel_tool_use", CHOICE)?;
    let decoded = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" if tools.is_empty() && !agent.adds_tools() => {
            let message = "`tool_choice` requires a tool, but there are none";
            return Err(Error::invalid(CHOICE, message));
        }
        "any" => ToolChoice::Required,
        "tool" => named(&mut choice, tools, agent)?,
        _ => {
            let message = "`tool_choice.type` must be `auto`, `any`, `tool` or `none`";
            return Err(Error::invalid("tool_choice.type", message));
        }
    };
    Ok((Some(decoded), one.map(|one| !one)))
}

fn named(choice: &mut Map<String, Value>, tools: &[Tool], agent: &Options) -> Result<ToolChoice> {
    let name: String = require(choice, "name", CHOICE)?;
    let own_name = |tool: &Tool| {
        tool.extensions.0.get("name").and_then(Value::as_str).is_some_and(|it| it == name)
    };
    let is_there =
        tools.iter().any(|tool| tool.name == name || (tool.name.is_empty() && own_name(tool)));
    if is_there || agent.adds_tools() {
        return Ok(ToolChoice::Named(name));
    }
    let message = format!("`tool_choice` names `{name}`, which is not among the tools");
    Err(Error::invalid("tool_choice.name", message))
}

/// Writes the choice. `None`: nothing needs to be said.
pub(super) fn encode_choice(
    choice: Option<&ToolChoice>,
    parallel: Option<bool>,
    own: bool,
) -> Option<Value> {
    let mut written = match choice {
        None if parallel == Some(false) => json!({ "type": "auto" }),
        None => return None,
        Some(ToolChoice::None) => return Some(json!({ "type": "none" })),
        Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        Some(ToolChoice::Required) => json!({ "type": "any" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": name }),
        Some(ToolChoice::Other(value)) if own => value.clone(),
        Some(ToolChoice::Other(_)) => json!({ "type": "auto" }),
    };
    if let (Some(parallel), Some(object)) = (parallel, written.as_object_mut()) {
        object.insert("disable_parallel_tool_use".into(), (!parallel).into());
    }
    Some(written)
}
