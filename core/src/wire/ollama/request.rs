//! Writing a request.

use serde_json::{Map, Value, json};

use super::message;
use crate::{
    Error, Result,
    chat::{Dialect, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice},
    wire::{
        Call, Outgoing, patch,
        unsaid::{refuse_tools, refuse_unsaid, unsaid},
    },
};

/// Fields of Ollama's own that a caller of another dialect may add to its request.
const CARRIED: [&str; 3] = ["keep_alive", "shift", "truncate"];

/// What other servers take at the top of a request, and Ollama among its `options`.
const OPTIONS: [&str; 9] = [
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "num_ctx",
    "num_keep",
    "repeat_last_n",
    "repeat_penalty",
    "typical_p",
];

pub(super) fn encode(request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
    refuse_unsaid(request, Dialect::Ollama, &OPTIONS)?;
    refuse_tools(request, Dialect::Ollama)?;
    if outgoing.model.is_empty() {
        return Err(Error::invalid("model", "`model` is required"));
    }
    let mut body = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    };
    put("model", Some(outgoing.model.into()));
    put("messages", Some(message::encode_all(&request.messages)?));
    put("tools", tools(request)?);
    put("format", format(&request.output_format));
    put("think", think(&request.reasoning)?);
    put("logprobs", request.sampling.logprobs.map(Value::from));
    put("top_logprobs", request.sampling.top_logprobs.map(Value::from));
    let options = options(request, outgoing)?;
    put("options", (!options.is_empty()).then(|| options.into()));
    for field in CARRIED {
        put(field, request.extensions.0.get(field).cloned());
    }
    // Ollama streams unless told otherwise.
    put("stream", Some(outgoing.stream.into()));
    Ok(Call::new("api/chat", patch::to_bytes(&body)?))
}

fn options(request: &Request, outgoing: &Outgoing<'_>) -> Result<Map<String, Value>> {
    let extensions = &request.extensions.0;
    let mut options = match extensions.get("options") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(options)) => options.clone(),
        Some(_) => return Err(Error::invalid("options", "`options` must be an object")),
    };
    // The caller's own limit in Ollama's words; a negative one is none. The cap lowers it, too.
    let own = options.shift_remove("num_predict").and_then(|it| it.as_u64());
    for field in OPTIONS {
        if let Some(value) = extensions.get(field) {
            options.insert(field.into(), value.clone());
        }
    }
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n != 1) {
        return Err(unsaid(Dialect::Ollama, "n"));
    }
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(field.to_owned(), value);
        }
    };
    put("temperature", sampling.temperature.map(Value::from));
    put("top_p", sampling.top_p.map(Value::from));
    put("top_k", sampling.top_k.map(Value::from));
    put("presence_penalty", sampling.presence_penalty.map(Value::from));
    put("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    put("seed", sampling.seed.map(Value::from));
    put("stop", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into()));
    let limits = [own, outgoing.limit(request).map(u64::from)];
    put("num_predict", limits.into_iter().flatten().min().map(Value::from));
    Ok(options)
}

/// Ollama has no choice of tools: the model always decides. That none may be called is said by showing
/// none.
fn tools(request: &Request) -> Result<Option<Value>> {
    if request.tools.is_empty() {
        return Ok(None);
    }
    match &request.tool_choice {
        None | Some(ToolChoice::Auto) => {
            let tools: Vec<Value> = request.tools.iter().map(tool).collect();
            Ok(Some(tools.into()))
        }
        Some(ToolChoice::None) => Ok(None),
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Other(_)) => {
            Err(unsaid(Dialect::Ollama, "tool_choice"))
        }
    }
}

/// Templates of models look into the parameters, so that there must be some.
fn tool(tool: &Tool) -> Value {
    let empty = || json!({ "type": "object", "properties": {} });
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description.as_deref().unwrap_or_default(),
            "parameters": tool.input_schema.clone().unwrap_or_else(empty),
        },
    })
}

fn format(format: &OutputFormat) -> Option<Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some("json".into()),
        OutputFormat::JsonSchema { schema, .. } => Some(schema.clone()),
    }
}

/// Whether to think, or how hard, where the model knows levels. A model that cannot think refuses to be
/// asked; one without levels takes any for yes.
fn think(reasoning: &ReasoningOptions) -> Result<Option<Value>> {
    let ReasoningOptions { enabled, effort, budget_tokens, .. } = reasoning;
    if *enabled == Some(false) {
        return Ok(Some(false.into()));
    }
    Ok(Some(match effort.as_deref() {
        Some("none") => false.into(),
        Some("minimal" | "low") => "low".into(),
        Some("medium") => "medium".into(),
        Some("high" | "xhigh" | "max") => "high".into(),
        Some(_) => {
            let message =
                "`reasoning_effort` must be none, minimal, low, medium, high, xhigh or max";
            return Err(Error::invalid("reasoning_effort", message));
        }
        None if *enabled == Some(true) || budget_tokens.is_some() => true.into(),
        None => return Ok(None),
    }))
}
