//! Tools and the choice among them, both ways.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    fields::{join, require, take, typed},
    name::{self, NAMESPACE, Names, flat},
};
use crate::{
    Error, Result,
    agent::Options,
    chat::{Extensions, Tool, ToolChoice},
};

/// Marks a tool that an item of the input defines: it is sent where it was defined.
const ADDITIONAL: &str = "additional";

/// Reads the tools of a request, those in namespaces one by one.
pub(super) fn decode_all(tools: Vec<Value>) -> Result<Vec<Tool>> {
    let mut decoded = Vec::with_capacity(tools.len());
    decode_list(tools, "tools", None, &mut decoded)?;
    let mut names = BTreeSet::new();
    for tool in decoded.iter().filter(|tool| !tool.name.is_empty()) {
        if !names.insert(&tool.name) {
            let message = format!("there are two tools named `{}`", tool.name);
            return Err(Error::invalid("tools", message));
        }
    }
    Ok(decoded)
}

/// Adds the tools that an item of the input defines. A later definition replaces an earlier one.
pub(super) fn decode_additional(value: Value, at: &str, tools: &mut Vec<Tool>) -> Result<()> {
    let mut added = Vec::new();
    decode_list(typed(value, at)?, at, None, &mut added)?;
    for mut tool in added {
        tool.extensions.0.insert(ADDITIONAL.into(), true.into());
        if !tool.name.is_empty() {
            tools.retain(|there| there.name != tool.name);
        }
        tools.push(tool);
    }
    Ok(())
}

/// A namespace that holds tools.
#[derive(Clone, Copy)]
struct Namespace<'a> {
    name: &'a str,
    description: Option<&'a str>,
}

fn decode_list(
    tools: Vec<Value>,
    at: &str,
    inside: Option<Namespace<'_>>,
    decoded: &mut Vec<Tool>,
) -> Result<()> {
    for (index, tool) in tools.into_iter().enumerate() {
        let at = format!("{at}[{index}]");
        decode(typed(tool, &at)?, &at, inside, decoded)?;
    }
    Ok(())
}

fn decode(
    mut tool: Map<String, Value>,
    at: &str,
    inside: Option<Namespace<'_>>,
    decoded: &mut Vec<Tool>,
) -> Result<()> {
    let kind: String = match tool.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => require(&mut tool, "type", at)?,
    };
    if kind == "namespace" && inside.is_none() {
        let name = named(&mut tool, at)?;
        let description: Option<String> = take(&mut tool, "description", at)?;
        let tools = require(&mut tool, "tools", at)?;
        let inside = Namespace { name: &name, description: description.as_deref() };
        return decode_list(tools, &join(at, "tools"), Some(inside), decoded);
    }
    if kind != "function" && kind != "custom" {
        // What a provider runs itself.
        decoded.push(Tool { extensions: Extensions(tool), ..Tool::default() });
        return Ok(());
    }
    tool.shift_remove("type");
    let name = named(&mut tool, at)?;
    let schema: Option<Map<String, Value>> = take(&mut tool, "parameters", at)?;
    let description = take(&mut tool, "description", at)?;
    let strict = take(&mut tool, "strict", at)?;
    if let Some(Namespace { name: namespace, description }) = inside {
        tool.insert(NAMESPACE.into(), name::origin(namespace, description, &name));
    }
    decoded.push(Tool {
        name: flat(inside.map(|it| it.name), &name),
        description,
        input_schema: schema.map(Value::Object),
        strict,
        custom: kind == "custom",
        extensions: Extensions(tool),
        ..Tool::default()
    });
    Ok(())
}

fn named(tool: &mut Map<String, Value>, at: &str) -> Result<String> {
    let name: String = require(tool, "name", at)?;
    if name.is_empty() {
        return Err(Error::invalid(join(at, "name"), "a tool's name must not be empty"));
    }
    Ok(name)
}

/// Writes the tools; `own`: their extensions are of this format. Tools of one namespace come together
/// again.
pub(super) fn encode_all(tools: &[Tool], own: bool) -> Vec<Value> {
    let mut written: Vec<Value> = Vec::new();
    for tool in tools {
        let mut rest = if own { tool.extensions.0.clone() } else { Map::new() };
        if rest.shift_remove(ADDITIONAL).is_some() {
            continue;
        }
        if tool.name.is_empty() {
            written.extend(own.then(|| rest.into()));
            continue;
        }
        let Some(origin) = rest.shift_remove(NAMESPACE) else {
            written.push(encode(tool, &tool.name, rest, own));
            continue;
        };
        let name = origin.get("tool").and_then(Value::as_str).unwrap_or(&tool.name);
        let inner = encode(tool, name, rest, own);
        let namespace = origin.get("name");
        let there = written
            .iter_mut()
            .find(|it| it.get("type") == Some(&"namespace".into()) && it.get("name") == namespace);
        match there.and_then(|it| it.get_mut("tools")).and_then(Value::as_array_mut) {
            Some(tools) => tools.push(inner),
            None => written.push(json!({
                "type": "namespace",
                "name": namespace,
                "description": origin.get("description").and_then(Value::as_str).unwrap_or_default(),
                "tools": [inner],
            })),
        }
    }
    written
}

fn encode(tool: &Tool, name: &str, rest: Map<String, Value>, own: bool) -> Value {
    let mut written = Map::new();
    written.insert("type".into(), if tool.custom { "custom" } else { "function" }.into());
    written.insert("name".into(), name.into());
    if let Some(description) = &tool.description {
        written.insert("description".into(), description.as_str().into());
    }
    if !tool.custom {
        written.insert("parameters".into(), tool.input_schema.clone().into());
        // Where nothing is said, this format means yes and all others mean no.
        if let Some(strict) = tool.strict.or((!own).then_some(false)) {
            written.insert("strict".into(), strict.into());
        }
    }
    written.extend(rest);
    written.into()
}

/// Reads the choice. One that allows only some of the tools takes the others away.
///
/// Where the gateway adds tools of its own, it is not known yet whether the choice is among them.
pub(super) fn decode_choice(
    choice: Option<Value>,
    tools: &mut Vec<Tool>,
    agent: &Options,
) -> Result<Option<ToolChoice>> {
    const FIELD: &str = "tool_choice";
    let decoded = match choice {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(word)) => decode_mode(&word, FIELD)?,
        Some(Value::Object(choice)) => decode_object(choice, tools)?,
        Some(_) => {
            return Err(Error::invalid(FIELD, "`tool_choice` must be a string or an object"));
        }
    };
    match &decoded {
        _ if agent.adds_tools() => Ok(Some(decoded)),
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => {
            let message = format!("`tool_choice` names `{name}`, which is not among the tools");
            Err(Error::invalid("tool_choice.name", message))
        }
        ToolChoice::Required if tools.is_empty() => {
            Err(Error::invalid(FIELD, "`tool_choice` requires a tool, but there are none"))
        }
        _ => Ok(Some(decoded)),
    }
}

fn decode_mode(word: &str, at: &str) -> Result<ToolChoice> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => {
            let message = format!("`{at}` must be `auto`, `none`, `required` or an object");
            Err(Error::invalid(at, message))
        }
    }
}

fn decode_object(mut choice: Map<String, Value>, tools: &mut Vec<Tool>) -> Result<ToolChoice> {
    const FIELD: &str = "tool_choice";
    let kind: String = typed(choice.get("type").cloned().unwrap_or_default(), "tool_choice.type")?;
    match kind.as_str() {
        "function" | "custom" => {
            let name: String = require(&mut choice, "name", FIELD)?;
            let namespace: Option<String> = take(&mut choice, "namespace", FIELD)?;
            Ok(ToolChoice::Named(flat(namespace.as_deref(), &name)))
        }
        "allowed_tools" => {
            let allowed: Vec<Map<String, Value>> = require(&mut choice, "tools", FIELD)?;
            tools.retain(|tool| allowed.iter().any(|it| allows(it, tool)));
            let mode: Option<String> = take(&mut choice, "mode", FIELD)?;
            decode_mode(mode.as_deref().unwrap_or("auto"), "tool_choice.mode")
        }
        _ => Ok(ToolChoice::Other(choice.into())),
    }
}

/// Whether an entry of the allowed tools means this one: by its name, its namespace, or its kind.
fn allows(entry: &Map<String, Value>, tool: &Tool) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    if tool.name.is_empty() {
        return tool.extensions.0.get("type") == entry.get("type");
    }
    let namespace = tool.extensions.0.get(NAMESPACE).and_then(|origin| origin.get("name"));
    match (text("type"), text("name")) {
        (Some("namespace"), Some(name)) => namespace.and_then(Value::as_str) == Some(name),
        (_, Some(name)) => tool.name == flat(text("namespace"), name),
        _ => false,
    }
}

/// Writes the choice.
pub(super) fn encode_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(flat) => {
            let custom = tools.iter().any(|tool| tool.name == *flat && tool.custom);
            let names = Names::of(tools);
            let (namespace, name) = names.split(flat);
            let kind = if custom { "custom" } else { "function" };
            let mut written = json!({ "type": kind, "name": name });
            if let (Some(namespace), Some(fields)) = (namespace, written.as_object_mut()) {
                fields.insert(NAMESPACE.into(), namespace.into());
            }
            written
        }
        ToolChoice::Other(value) => value.clone(),
    }
}
