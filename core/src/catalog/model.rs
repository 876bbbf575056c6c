//! Models: who serves them, what they can, what they cost.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value as Json, json};

use super::{
    path::Path,
    problem::Finding,
    provider::Provider,
    read::{Choice as _, Read, Reading, about},
    shape::words,
    tree::Node,
};
use crate::{money::Price, near::did_you_mean};

/// A model that a request can go to.
#[derive(Clone, Debug)]
pub struct Model {
    /// What callers call it.
    pub name: String,
    /// Who serves it.
    pub place: Place,
    /// What it is called there.
    pub upstream_model: String,
    /// Other names that callers may use.
    pub aliases: Vec<String>,
    /// What is known of it.
    pub facts: Facts,
}

/// Who serves a model.
#[derive(Clone, Debug)]
pub enum Place {
    /// A provider.
    Provider(Arc<Provider>),
    /// This machine: the model is one of those that the gateway starts itself (`DORMOUSE_MODELS`).
    Machine,
}

impl Place {
    /// What the catalog calls this machine where it names providers.
    pub const MACHINE: &str = "machine";

    /// The provider's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Provider(provider) => &provider.name,
            Self::Machine => Self::MACHINE,
        }
    }
}

/// What is known of a model. What is not said is taken to be possible, and left to its provider to
/// refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The most tokens of input and output together. `None`: not known.
    pub context_window: Option<u32>,
    /// The most tokens of one answer. `None`: not known.
    pub max_output_tokens: Option<u32>,
    /// What it can.
    pub capabilities: Capabilities,
    /// Whether it calls tools by itself. One that does not is told of them in its prompt, and its
    /// calls are read from its text.
    pub native_tools: bool,
    /// Whether calls that it prints as text, though it has tools, are made real calls, and arguments
    /// that are no JSON are mended, or asked for once more. `None`: where models are of the kind that
    /// does so.
    pub rescue_tools: Option<bool>,
    /// `None`: it is free.
    pub price: Option<Price>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            context_window: None,
            max_output_tokens: None,
            capabilities: Capabilities::default(),
            native_tools: true,
            rescue_tools: None,
            price: None,
        }
    }
}

words! {
    /// What a request can need of a model.
    Capability {
        /// Answering messages.
        Chat = "chat",
        /// Turning texts into vectors.
        Embeddings = "embeddings",
        /// Answers that are sent as they are written.
        Streaming = "streaming",
        /// System messages.
        System = "system",
        /// Tools, called natively or by way of the prompt.
        Tools = "tools",
        /// Several tool calls in one answer.
        ParallelTools = "parallel_tools",
        /// Pictures in messages.
        Vision = "vision",
        /// Sound in messages.
        Audio = "audio",
        /// Files in messages, such as PDF.
        Documents = "documents",
        /// Thinking before the answer, as much as the request asks for.
        Reasoning = "reasoning",
        /// Answers that keep to a JSON Schema.
        JsonSchema = "json_schema",
    }
}

/// What a model can: everything but what it is said to lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    lacking: BTreeSet<Capability>,
}

impl Capabilities {
    /// Everything but `lacking`.
    pub fn without(lacking: impl IntoIterator<Item = Capability>) -> Self {
        Self { lacking: lacking.into_iter().collect() }
    }

    /// Whether `capability` is there.
    pub fn has(&self, capability: Capability) -> bool {
        !self.lacking.contains(&capability)
    }

    /// The first of `needed` that is not there.
    pub fn first_lacking(&self, needed: &BTreeSet<Capability>) -> Option<Capability> {
        needed.intersection(&self.lacking).next().copied()
    }
}

impl Read for Capabilities {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let mut lacking = BTreeSet::new();
        for (key, node) in reading.entries(node, path) {
            let path = path.field(&key.text);
            match Capability::ALL.iter().find(|it| it.as_str() == key.text) {
                Some(capability) => {
                    if !bool::read(node, &path, reading) {
                        lacking.insert(*capability);
                    }
                }
                None => {
                    let known = || Capability::ALL.iter().map(|it| it.as_str());
                    let near = did_you_mean(&key.text, known());
                    let known: Vec<_> = known().collect();
                    let why = format!("is not one of {}{near}", known.join(", "));
                    reading.findings.push(Finding::new(path, why).standing(key.position));
                }
            }
        }
        Self { lacking }
    }

    fn schema() -> Json {
        let capability = |(_, word, lines): &(Capability, &str, &[&str])| {
            ((*word).to_owned(), json!({ "type": "boolean", "description": about(lines) }))
        };
        let known: serde_json::Map<_, _> = Capability::WORDS.iter().map(capability).collect();
        json!({ "type": "object", "properties": known, "additionalProperties": false })
    }
}
