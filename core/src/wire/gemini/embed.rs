//! Embeddings: `models/{model}:batchEmbedContents` (<https://ai.google.dev/api/embeddings>).
//!
//! One call holds at most 100 texts; Gemini says so itself where there are more. Vertex AI, which speaks the
//! same dialect else, has another call for vectors (`:predict`), which is not spoken here.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request;
use crate::{
    Result,
    chat::{Dialect, Source, Usage},
    embeddings::{self, Embeddings},
    wire::{Call, Embeds, embedding, patch},
};

/// Fields of Gemini's own that a caller may add to its request. Each is said of every text.
const CARRIED: [&str; 2] = ["taskType", "title"];

/// How Gemini is asked for vectors.
#[derive(Clone, Copy, Debug)]
pub struct GeminiEmbeddings;

impl Embeds for GeminiEmbeddings {
    fn encode_request(&self, request: &embeddings::Request, model: &str) -> Result<Call> {
        let model = request::resource(model)?;
        let carried: Map<String, Value> = embedding::carried(request, &CARRIED).collect();
        let one = |text: &str| {
            let mut one = Map::new();
            one.insert("model".into(), model.as_str().into());
            one.insert("content".into(), json!({ "parts": [{ "text": text }] }));
            if let Some(dimensions) = request.dimensions {
                one.insert("outputDimensionality".into(), dimensions.into());
            }
            one.extend(carried.clone());
            Value::from(one)
        };
        let texts = embedding::texts(request, Dialect::Gemini)?;
        let requests: Vec<Value> = texts.into_iter().map(one).collect();
        let body = patch::to_bytes(&json!({ "requests": requests }))?;
        Ok(Call::new(format!("{model}:batchEmbedContents"), body))
    }

    /// Of its older models, Gemini gives vectors that are shorter than usual without bringing them to
    /// length 1; OpenAI's clients count on that, and measure angles by it.
    fn decode_answer(&self, body: Bytes, request: &embeddings::Request) -> Result<Embeddings> {
        let answer: Answer = serde_json::from_slice(&body).map_err(embedding::unreadable)?;
        let vectors = answer.embeddings.into_iter().map(|it| it.values).collect();
        let mut vectors = embedding::one_each(vectors, request)?;
        if request.dimensions.is_some() {
            vectors.iter_mut().for_each(|vector| embeddings::normalise(vector));
        }
        let usage = answer.usage.and_then(|usage| usage.input).map(|input| Usage {
            input,
            source: Source::Reported,
            ..Usage::default()
        });
        Ok(Embeddings { model: answer.model, vectors, usage, verbatim: None })
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default, rename = "modelVersion")]
    model: String,
    embeddings: Vec<Vector>,
    #[serde(rename = "usageMetadata")]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(rename = "promptTokenCount")]
    input: Option<u64>,
}
