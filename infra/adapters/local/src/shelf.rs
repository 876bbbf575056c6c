//! Models by name, each loaded by the first request that needs it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use dormouse_core::{Code, Error, Result};
use futures::lock::Mutex as AsyncMutex;

use crate::engine::{Engine, Limits, Threads};

/// The name of the model that is compiled in.
const NANO: &str = "nano";

/// The bytes of the model that is compiled in.
#[cfg(feature = "nano")]
const NANO_BYTES: Option<&[u8]> = Some(include_bytes!("../../../../models/nano/nano.gguf"));
#[cfg(not(feature = "nano"))]
const NANO_BYTES: Option<&[u8]> = None;

/// The models that were asked for. There are no more of them than the operator names.
#[derive(Debug)]
pub(crate) struct Shelf {
    limits: Limits,
    threads: OnceLock<Threads>,
    models: Mutex<HashMap<String, Arc<AsyncMutex<Option<Engine>>>>>,
}

impl Shelf {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, threads: OnceLock::new(), models: Mutex::default() }
    }

    /// The model called `name`: [`NANO`], or the path of a GGUF file. Who comes while it is loaded waits;
    /// one that could not be loaded is tried again.
    pub(crate) async fn model(&self, name: &str) -> Result<Engine> {
        let place = {
            let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(models.entry(name.to_owned()).or_default())
        };
        let mut place = place.lock().await;
        if let Some(engine) = &*place {
            return Ok(engine.clone());
        }
        let engine = self.load(name).await?;
        *place = Some(engine.clone());
        Ok(engine)
    }

    /// Loads it on the models' own threads: those of the gateway answer others meanwhile.
    async fn load(&self, name: &str) -> Result<Engine> {
        let threads = self.threads()?;
        let (owned, limits, its) = (name.to_owned(), self.limits, threads.clone());
        let loaded = threads.0.compute(move || load(&owned, &its, &limits)).await?;
        match &loaded {
            Ok(engine) => log_loaded(name, engine),
            Err(error) => log_refused(name, error),
        }
        loaded
    }

    fn threads(&self) -> Result<&Threads> {
        if let Some(threads) = self.threads.get() {
            return Ok(threads);
        }
        let started = Threads::start(self.limits.threads)?;
        Ok(self.threads.get_or_init(|| started))
    }
}

fn load(name: &str, threads: &Threads, limits: &Limits) -> Result<Engine> {
    if name != NANO {
        return Engine::open(Path::new(name), threads, limits);
    }
    let bytes = NANO_BYTES.ok_or_else(|| {
        let message = "this build of the gateway carries no model of its own";
        Error::new(Code::UpstreamUnreachable, message)
    })?;
    Engine::load(bytes, threads, limits)
}

fn log_loaded(name: &str, engine: &Engine) {
    let parameters = engine.facts().parameters;
    tracing::info!(model = name, parameters, "a model is loaded");
}

fn log_refused(name: &str, error: &Error) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(model = name, error, "a model cannot be loaded");
}
