//! Tools and the choice among them.

use serde_json::{Map, Value, json};

use crate::{
    Result,
    chat::{Dialect, Request, Tool, ToolChoice},
    wire::unsaid::unsaid,
};

/// Writes `tools` and `toolConfig` into the body.
pub(super) fn encode(request: &Request, body: &mut Map<String, Value>) -> Result<()> {
    if !request.tools.is_empty() {
        let declarations: Vec<Value> = request.tools.iter().map(declaration).collect();
        body.insert("tools".into(), json!([{ "functionDeclarations": declarations }]));
    }
    let config = match &request.tool_choice {
        None => return Ok(()),
        Some(ToolChoice::Auto) => json!({ "mode": "AUTO" }),
        Some(ToolChoice::None) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Required) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
        Some(ToolChoice::Other(_)) => return Err(unsaid(Dialect::Gemini, "tool_choice")),
    };
    if !request.tools.is_empty() {
        body.insert("toolConfig".into(), json!({ "functionCallingConfig": config }));
    }
    Ok(())
}

/// The schema goes out as it came, as `parametersJsonSchema`. The older `parameters` takes a subset of
/// OpenAPI without references, unions of types or `additionalProperties`, and agents' tools use all of
/// these.
fn declaration(tool: &Tool) -> Value {
    let mut declaration = Map::new();
    declaration.insert("name".into(), tool.name.as_str().into());
    // Required by the API; the name says more than an empty text.
    let description = tool.description.as_deref().unwrap_or(&tool.name);
    declaration.insert("description".into(), description.into());
    if let Some(schema) = &tool.input_schema {
        declaration.insert("parametersJsonSchema".into(), schema.clone());
    }
    declaration.into()
}
