//! Making a server keep the model to the form of a call.

mod grammar;

pub use grammar::MAX_GRAMMAR_BYTES;

use serde_json::{Map, Value, json};

use crate::{
    chat::{OutputFormat, Request, Tool, ToolChoice},
    parse::{self, CallOptions},
};

/// How a server can be made to keep to a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Constraints {
    /// Not at all, or it is not known to.
    #[default]
    Nothing,
    /// By a JSON Schema (`response_format`). That cannot say *text or a call*, so it is only used where
    /// a call must be made.
    JsonSchema,
    /// By a grammar in llama.cpp's format (GBNF), sent as the field `grammar`. Also where the model may
    /// call or not: then what begins like a call must go on like one.
    Grammar,
}

/// The request field of llama.cpp's server that holds a grammar.
const GRAMMAR: &str = "grammar";

/// Adds the constraint to the request that is sent. A form that the caller asked for stays, unless a
/// call must be made: then the answer is no text.
pub(super) fn constrain(
    request: &Request,
    options: CallOptions,
    constraints: Constraints,
    plain: &mut Request,
) {
    let tools: Vec<&Tool> = request.tools.iter().filter(|tool| may(request, tool)).collect();
    let formed = plain.output_format != OutputFormat::Text
        || ["grammar", "json_schema", "response_format"]
            .iter()
            .any(|field| plain.extensions.0.contains_key(*field));
    match constraints {
        Constraints::JsonSchema if options.required => {
            plain.output_format = OutputFormat::JsonSchema {
                name: "tool_call".into(),
                description: None,
                schema: schema(&tools),
                strict: Some(true),
            };
        }
        Constraints::Grammar if options.required || !formed => {
            if let Some(grammar) = grammar::grammar(&tools, options) {
                plain.output_format = OutputFormat::Text;
                plain.extensions.0.insert(GRAMMAR.into(), grammar.into());
            }
        }
        Constraints::Nothing | Constraints::JsonSchema | Constraints::Grammar => {}
    }
}

/// Whether this tool may be called.
fn may(request: &Request, tool: &Tool) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        _ => !tool.name.is_empty(),
    }
}

/// The schema of a single call to any of the tools.
fn schema(tools: &[&Tool]) -> Value {
    let mut calls: Vec<Value> = tools.iter().map(|tool| call(tool)).collect();
    match calls.len() {
        1 => calls.remove(0),
        _ => json!({ "anyOf": calls }),
    }
}

fn call(tool: &Tool) -> Value {
    let arguments = parse::schema(tool).unwrap_or_else(|| json!({ "type": "object" }));
    let mut properties = Map::new();
    properties.insert("name".into(), json!({ "const": tool.name }));
    properties.insert("arguments".into(), arguments);
    json!({
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": false,
    })
}
