//! Tools and the choice among them, both ways.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::wire::fields::{join, missing, require, take, typed};
use crate::{
    Error, Result,
    agent::Options,
    chat::{Extensions, Tool, ToolChoice},
};

pub(super) fn decode_all(tools: Vec<Map<String, Value>>) -> Result<Vec<Tool>> {
    let mut names = BTreeSet::new();
    let mut decoded = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let at = format!("tools[{index}]");
        let tool = decode(tool, &at)?;
        if !tool.name.is_empty() && !names.insert(tool.name.clone()) {
            let message = format!("there are two tools named `{}`", tool.name);
            return Err(Error::invalid(join(&at, "function.name"), message));
        }
        decoded.push(tool);
    }
    Ok(decoded)
}

/// Unknown fields keep their places: those of the function stand under `function` in the extensions.
fn decode(mut tool: Map<String, Value>, at: &str) -> Result<Tool> {
    let kind: String = match tool.get("type") {
        None | Some(Value::Null) if tool.contains_key("function") => "function".into(),
        None | Some(Value::Null) => return Err(missing(&join(at, "type"))),
        Some(kind) => typed(kind.clone(), &join(at, "type"))?,
    };
    if kind != "function" {
        return Ok(Tool { extensions: Extensions(tool), ..Tool::default() });
    }
    tool.shift_remove("type");
    let mut function: Map<String, Value> = require(&mut tool, "function", at)?;
    let at = join(at, "function");
    let name: String = require(&mut function, "name", &at)?;
    if name.is_empty() {
        return Err(Error::invalid(join(&at, "name"), "a tool's name must not be empty"));
    }
    let schema: Option<Map<String, Value>> = take(&mut function, "parameters", &at)?;
    let (description, strict) =
        (take(&mut function, "description", &at)?, take(&mut function, "strict", &at)?);
    if !function.is_empty() {
        tool.insert("function".into(), function.into());
    }
    let input_schema = schema.map(Value::Object);
    let extensions = Extensions(tool);
    Ok(Tool { name, description, input_schema, strict, extensions, ..Tool::default() })
}

/// Writes a tool; `own`: its extensions are of this format. `None`: this format has no word for it.
pub(super) fn encode(tool: &Tool, own: bool) -> Option<Value> {
    if tool.name.is_empty() {
        return own.then(|| Value::Object(tool.extensions.0.clone()));
    }
    let mut function = Map::new();
    function.insert("name".into(), tool.name.as_str().into());
    let mut put = |field: &str, value: Option<Value>| {
        value.map(|value| function.insert(field.to_owned(), value));
    };
    put("description", tool.description.as_deref().map(Value::from));
    put("parameters", tool.input_schema.clone());
    put("strict", tool.strict.map(Value::from));
    let mut rest = if own { tool.extensions.0.clone() } else { Map::new() };
    if let Some(Value::Object(more)) = rest.shift_remove("function") {
        function.extend(more);
    }
    let mut written = Map::new();
    written.insert("type".into(), "function".into());
    written.insert("function".into(), function.into());
    written.extend(rest);
    Some(Value::Object(written))
}

/// Reads the choice.
///
/// Where the gateway adds tools of its own, it is not known yet whether the choice is among them.
pub(super) fn decode_choice(
    choice: Option<Value>,
    tools: &[Tool],
    agent: &Options,
) -> Result<Option<ToolChoice>> {
    const FIELD: &str = "tool_choice";
    let decoded = match choice {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => {
                let message = "`tool_choice` must be `auto`, `none`, `required` or an object";
                return Err(Error::invalid(FIELD, message));
            }
        },
        Some(Value::Object(choice)) => decode_named(choice)?,
        Some(_) => {
            return Err(Error::invalid(FIELD, "`tool_choice` must be a string or an object"));
        }
    };
    match &decoded {
        _ if agent.adds_tools() => Ok(Some(decoded)),
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => {
            let message = format!("`tool_choice` names `{name}`, which is not among the tools");
            Err(Error::invalid("tool_choice.function.name", message))
        }
        ToolChoice::Required if tools.is_empty() => {
            Err(Error::invalid(FIELD, "`tool_choice` requires a tool, but there are none"))
        }
        _ => Ok(Some(decoded)),
    }
}

fn decode_named(mut choice: Map<String, Value>) -> Result<ToolChoice> {
    const FIELD: &str = "tool_choice";
    let kind = choice.get("type").cloned().ok_or_else(|| missing("tool_choice.type"))?;
    let kind: String = typed(kind, "tool_choice.type")?;
    if kind != "function" {
        return Ok(ToolChoice::Other(Value::Object(choice)));
    }
    let mut function: Map<String, Value> = require(&mut choice, "function", FIELD)?;
    require(&mut function, "name", "tool_choice.function").map(ToolChoice::Named)
}

pub(super) fn encode_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
        ToolChoice::Other(value) => value.clone(),
    }
}
