//! Embeddings: `POST /api/embed` (<https://docs.ollama.com/api/embed>).
//!
//! Ollama cuts a text that is longer than the model's context, and does not say so; a vector of half a text
//! is not what was asked for. So it is told to refuse such a text, unless the caller wants it cut.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer;
use crate::{
    Error, Result,
    chat::Dialect,
    embeddings::{self, Embeddings},
    wire::{Call, Embeds, embedding, patch},
};

/// Fields of Ollama's own that a caller may add to its request.
const CARRIED: [&str; 3] = ["truncate", "keep_alive", "options"];

/// How Ollama is asked for vectors.
#[derive(Clone, Copy, Debug)]
pub struct OllamaEmbeddings;

impl Embeds for OllamaEmbeddings {
    fn encode_request(&self, request: &embeddings::Request, model: &str) -> Result<Call> {
        if model.is_empty() {
            return Err(Error::invalid("model", "`model` is required"));
        }
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        body.insert("input".into(), embedding::texts(request, Dialect::Ollama)?.into());
        if let Some(dimensions) = request.dimensions {
            body.insert("dimensions".into(), dimensions.into());
        }
        body.insert("truncate".into(), false.into());
        body.extend(embedding::carried(request, &CARRIED));
        Ok(Call::new("api/embed", patch::to_bytes(&body)?))
    }

    fn decode_answer(&self, body: Bytes, request: &embeddings::Request) -> Result<Embeddings> {
        let answer: Answer = serde_json::from_slice(&body).map_err(embedding::unreadable)?;
        Ok(Embeddings {
            model: answer.model,
            vectors: embedding::one_each(answer.embeddings, request)?,
            usage: answer::usage(&answer.rest),
            verbatim: None,
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    model: String,
    embeddings: Vec<Vec<f64>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}
