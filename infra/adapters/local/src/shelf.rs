//! Models by name, each loaded by the first request that needs it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use dormouse_core::{Code, Error, Result};
use futures::{channel::oneshot, lock::Mutex as AsyncMutex};

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
        let (sender, receiver) = oneshot::channel();
        let (owned, limits, its) = (name.to_owned(), self.limits, threads.clone());
        threads.0.spawn(async move {
            let loaded = if owned == NANO {
                let none = || {
                    let message = "this build of the gateway carries no model of its own";
                    Error::new(Code::UpstreamUnreachable, message)
                };
                NANO_BYTES.ok_or_else(none).and_then(|bytes| Engine::load(bytes, &its, &limits))
            } else {
                Engine::open(Path::new(&owned), &its, &limits)
            };
            // Who asked may have left: the next one loads it again.
            let _ = sender.send(loaded);
        });
        let loaded = receiver.await.map_err(|_| {
            Error::new(Code::Internal, "loading the model broke off").caused_by(name.to_owned())
        })??;
        tracing::info!(model = name, parameters = loaded.facts().parameters, "a model is loaded");
        Ok(loaded)
    }

    fn threads(&self) -> Result<&Threads> {
        if let Some(threads) = self.threads.get() {
            return Ok(threads);
        }
        let started = Threads::start(self.limits.threads)?;
        Ok(self.threads.get_or_init(|| started))
    }
}
