//! Embeddings: `POST /api/embed` (<https://docs.ollama.com/api/embed>).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer;
use crate::{
    Code, Error, Result,
    chat::Usage,
    wire::{Call, patch},
};

/// What is to be embedded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedRequest<'a> {
    /// The model, by the provider's name.
    pub model: &'a str,
    /// The texts. Each gets one vector.
    pub input: &'a [String],
    /// How many numbers a vector is to have. `None`: as many as the model makes.
    pub dimensions: Option<u32>,
    /// Whether to cut a text that is longer than the model's context, rather than to refuse it. `None`:
    /// Ollama's default, which is to cut.
    pub truncate: Option<bool>,
    /// How long the model stays loaded, in Ollama's words (`"10m"`, `-1`).
    pub keep_alive: Option<Value>,
}

/// Vectors, one for each text, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// The model that made them, by the provider's name.
    pub model: String,
    /// The vectors.
    pub vectors: Vec<Vec<f32>>,
    /// Token counts, if the provider tells. There is no output.
    pub usage: Option<Usage>,
}

/// Writes a request.
///
/// # Errors
///
/// [`Code::InvalidRequest`] if it names no model.
pub fn encode(request: &EmbedRequest<'_>) -> Result<Call> {
    if request.model.is_empty() {
        return Err(Error::invalid("model", "`model` is required"));
    }
    let mut body = Map::new();
    body.insert("model".into(), request.model.into());
    body.insert("input".into(), request.input.into());
    let rest = [
        ("dimensions", request.dimensions.map(Value::from)),
        ("truncate", request.truncate.map(Value::from)),
        ("keep_alive", request.keep_alive.clone()),
    ];
    body.extend(rest.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))));
    Ok(Call::new("api/embed", patch::to_bytes(&body)?))
}

/// Reads an answer.
///
/// # Errors
///
/// [`Code::UpstreamInvalid`] if it is none, or does not have `count` vectors.
pub fn decode(body: &[u8], count: usize) -> Result<Embedded> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        model: String,
        embeddings: Vec<Vec<f32>>,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        Error::new(Code::UpstreamInvalid, "the provider's answer cannot be read").caused_by(error)
    })?;
    if answer.embeddings.len() != count {
        let message = "the provider did not give one vector for each text";
        return Err(Error::new(Code::UpstreamInvalid, message));
    }
    let usage = answer::usage(&answer.rest);
    Ok(Embedded { model: answer.model, vectors: answer.embeddings, usage })
}
