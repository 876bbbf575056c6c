//! Writing a request.

use serde_json::{Map, Value};

use super::{contents, thinking, tool};
use crate::{
    Error, Result,
    chat::{Dialect, OutputFormat, Request},
    wire::{
        Call, Outgoing, patch,
        unsaid::{refuse_tools, refuse_unsaid},
    },
};

/// Fields of Gemini's own that a caller of another dialect may add to its request.
const CARRIED: [&str; 2] = ["safetySettings", "cachedContent"];

pub(super) fn encode(request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
    refuse_unsaid(request, Dialect::Gemini, &[])?;
    refuse_tools(request, Dialect::Gemini)?;
    let path = path(outgoing)?;
    let mut body = contents::encode(&request.messages, outgoing.model)?;
    tool::encode(request, &mut body)?;
    let config = generation_config(request, outgoing)?;
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    for field in CARRIED {
        if let Some(value) = request.extensions.0.get(field) {
            body.insert(field.into(), value.clone());
        }
    }
    Ok(Call::new(path, patch::to_bytes(&body)?))
}

fn path(outgoing: &Outgoing<'_>) -> Result<String> {
    let method = if outgoing.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Ok(format!("{}:{method}", resource(outgoing.model)?))
}

/// What the API calls `model`. It is part of the path, so it may not lead elsewhere. A name with a slash
/// (`tunedModels/mine`) stands for itself.
pub(super) fn resource(model: &str) -> Result<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@');
    if model.is_empty() || !model.chars().all(allowed) || model.contains("..") {
        let message = "`model` must be the name of a model of this provider";
        return Err(Error::invalid("model", message));
    }
    let collection = if model.contains('/') { "" } else { "models/" };
    Ok(format!("{collection}{model}"))
}

fn generation_config(request: &Request, outgoing: &Outgoing<'_>) -> Result<Map<String, Value>> {
    let mut config = Map::new();
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(field.to_owned(), value);
        }
    };
    let sampling = &request.sampling;
    put("temperature", sampling.temperature.map(Value::from));
    put("topP", sampling.top_p.map(Value::from));
    put("topK", sampling.top_k.map(Value::from));
    put("maxOutputTokens", outgoing.limit(request).map(Value::from));
    put("stopSequences", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into()));
    put("seed", sampling.seed.map(Value::from));
    put("presencePenalty", sampling.presence_penalty.map(Value::from));
    put("frequencyPenalty", sampling.frequency_penalty.map(Value::from));
    put("candidateCount", sampling.n.filter(|n| *n != 1).map(Value::from));
    put("responseLogprobs", sampling.logprobs.map(Value::from));
    put("logprobs", sampling.top_logprobs.map(Value::from));
    match &request.output_format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => put("responseMimeType", Some("application/json".into())),
        // The schema goes out as it came: `responseSchema` would take only Gemini's subset of OpenAPI.
        OutputFormat::JsonSchema { schema, .. } => {
            put("responseMimeType", Some("application/json".into()));
            put("responseJsonSchema", Some(schema.clone()));
        }
    }
    put("thinkingConfig", thinking::encode(&request.reasoning, outgoing.model)?);
    Ok(config)
}
