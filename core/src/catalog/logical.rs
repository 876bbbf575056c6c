//! Logical models: names that stand for several models.

use std::{collections::BTreeSet, sync::Arc};

use super::{model::Model, shape::words};

/// What a name stands for: the models that may answer, and how one is picked.
///
/// Of a name that stands for one model this is that model alone.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What callers call it, by its own name where they used an alias.
    pub name: String,
    /// In which order they are asked.
    pub strategy: Strategy,
    /// The models, in the order of the catalog. Never empty, and none twice.
    pub candidates: Vec<Candidate>,
    /// When the next is asked.
    pub fallback: Fallback,
}

/// One of the models that a name stands for.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The model.
    pub model: Arc<Model>,
    /// Its part of the requests, in millionths: what `weighted` goes by. At least 1.
    pub share: u32,
}

/// When another candidate is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// After which failures.
    pub on: BTreeSet<Failure>,
    /// How many candidates are asked at most. At least 1.
    pub max_attempts: u32,
}

impl Resolved {
    /// The model alone.
    pub(crate) fn one(model: &Arc<Model>) -> Self {
        Self {
            name: model.name.clone(),
            strategy: Strategy::Priority,
            candidates: vec![Candidate { model: Arc::clone(model), share: Candidate::WHOLE }],
            fallback: Fallback { on: BTreeSet::new(), max_attempts: 1 },
        }
    }
}

impl Candidate {
    /// The share of one that takes every request.
    pub const WHOLE: u32 = 1_000_000;
}

words! {
    /// In which order candidates are asked.
    Strategy {
        /// As is best by what the gateway knows of them, and as they are listed where it knows nothing.
        Auto = "auto",
        /// By lot, each as often as its weight says.
        Weighted = "weighted",
        /// As they are listed.
        Priority = "priority",
    }
}

words! {
    /// How a call can fail so that another model may do better.
    Failure {
        /// The provider could not be reached, or the connection broke before an answer began.
        Transport = "transport",
        /// It limits its rate (429).
        RateLimit = "rate_limit",
        /// It failed (5xx).
        ServerError = "server_error",
        /// The request is longer than the model's context window.
        ContextOverflow = "context_overflow",
    }
}
