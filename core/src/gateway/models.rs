//! The models that can be asked for, and those that can be woken and released by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::Gateway;
use crate::{
    Code, Error, Result,
    catalog::Place,
    inference::{Deadline, LocalModels, Model, Provider},
    ports::{ModelServer, ServerState},
};

/// What a caller is told to wait where nothing was measured yet.
const RETRY: Duration = Duration::from_secs(10);
/// The least that a caller is told to wait.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

impl Gateway {
    /// The models that can be asked for: those of this machine, those that the catalog lists, the agents, and
    /// those of the provider that takes every name.
    ///
    /// Where there are others, such a provider that is down only takes its own away.
    pub async fn models(&self) -> Result<Vec<Model>> {
        let mut models: Vec<Model> = self.sleepers().await.iter().map(Model::of_server).collect();
        let listed: Vec<Model> = self.catalog.names().map(Model::listed).collect();
        models.retain(|model| !listed.iter().any(|it| it.id == model.id));
        models.extend(listed);
        models.extend(self.agents_as_models());
        let Some(provider) = self.default_provider() else { return Ok(models) };
        match provider.models().await {
            Ok(more) => {
                let shadowed = |model: &Model| models.iter().any(|local| local.id == model.id);
                let more: Vec<Model> = more.into_iter().filter(|model| !shadowed(model)).collect();
                models.extend(more);
            }
            Err(error) if !models.is_empty() || self.local.is_some() => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the upstream's models are missing in the list");
            }
            Err(error) => return Err(error),
        }
        Ok(models)
    }

    /// One model, if it can be asked for.
    pub async fn model(&self, id: &str) -> Result<Model> {
        if let Some(local) = &self.local
            && let Some(server) = local.servers().state(id).await
        {
            return Ok(Model::of_server(&server));
        }
        let found = self.models().await?.into_iter().find(|model| model.id == id);
        found.ok_or_else(|| no_such_model(id))
    }

    /// The models of this machine and how their servers are.
    pub async fn sleepers(&self) -> Vec<ModelServer> {
        match &self.local {
            Some(local) => local.servers().list().await,
            None => Vec::new(),
        }
    }

    /// How the server of the model that a request names is, unless it is warm or not of this machine.
    /// An empty name is the default model's of the tenant.
    pub async fn not_warm(&self, tenant: &str, named: &str) -> Option<ModelServer> {
        let local = self.local.as_ref()?;
        let effective = self.tenants.of(tenant).await.ok()?;
        let default = effective.config.default_model.as_deref();
        let agent = self.agents.of_model(named);
        let named = agent.as_ref().map_or(named, |it| it.model.as_deref().unwrap_or_default());
        let server = local.servers().state(self.catalog.meant(named, None, default).ok()?).await?;
        (server.state != ServerState::Warm).then_some(server)
    }

    /// Wakes a model of this machine and returns when it is warm, or as
    /// [`ModelWaking`](Code::ModelWaking) at the wake timeout; then it goes on waking.
    pub async fn wake(&self, model: &str) -> Result<ModelServer> {
        let local = self.local_model(model)?;
        let patience = self.settings.wake_timeout;
        let deadline = Deadline::after(self.ports.host.clone(), patience);
        match deadline.within(patience, local.servers().wake(model, None)).await {
            Some(lease) => drop(lease?),
            None => {
                let server = local.servers().state(model).await;
                return Err(still_waking(model, server.as_ref(), patience, None));
            }
        }
        local.servers().state(model).await.ok_or_else(|| no_such_model(model))
    }

    /// Stops the server of a model of this machine when its answers are finished. Returns how it is by
    /// then, or at the wake timeout, whichever is first.
    pub async fn release(&self, model: &str) -> Result<ModelServer> {
        let local = self.local_model(model)?;
        let patience = self.settings.wake_timeout;
        let deadline = Deadline::after(self.ports.host.clone(), patience);
        if let Some(released) = deadline.within(patience, local.servers().release(model)).await {
            released?;
        }
        local.servers().state(model).await.ok_or_else(|| no_such_model(model))
    }

    /// The provider that takes every name.
    pub(super) fn default_provider(&self) -> Option<Provider> {
        match self.catalog.default_provider()? {
            Place::Provider(provider) => self.providers.first(&provider.name),
            Place::Machine => None,
        }
    }

    fn local_model(&self, model: &str) -> Result<&LocalModels> {
        self.local.as_ref().ok_or_else(|| no_such_model(model))
    }
}

fn no_such_model(model: &str) -> Error {
    Error::new(Code::ModelNotFound, format!("there is no model `{model}`"))
}

/// The error of a caller whose patience ended before the model was warm.
pub(super) fn still_waking(
    model: &str,
    server: Option<&ModelServer>,
    waited: Duration,
    position: Option<usize>,
) -> Error {
    let state = server.map_or("cold", |server| server.state.as_str());
    let estimate = server.and_then(estimate);
    let waits = match position {
        Some(position) => format!(", and this request is number {position} in line"),
        None => String::new(),
    };
    let message = format!("after {} s, `{model}` is {state}{waits}", waited.as_secs());
    let details = json!({
        "state": state,
        "position": position,
        "estimate_seconds": estimate.map(|estimate| estimate.as_secs_f64()),
    });
    let error = Error::new(Code::ModelWaking, message).retry_after(estimate.unwrap_or(RETRY));
    match details {
        Value::Object(details) => error.with_details(details),
        _ => error,
    }
}

/// How long the model will take to be warm, from its earlier wakes and from how far this one is.
fn estimate(server: &ModelServer) -> Option<Duration> {
    let whole = server.expected_wake?;
    let left = match (&server.state, server.progress) {
        (ServerState::Waking, Some(progress)) => whole.mul_f32(1.0 - progress.clamp(0.0, 1.0)),
        (ServerState::Waking, None) => whole.saturating_sub(server.waking_for.unwrap_or_default()),
        (ServerState::Failed { retry_in, .. }, _) => whole.saturating_add(*retry_in),
        (ServerState::Cold | ServerState::Draining, _) => whole,
        (ServerState::Warm, _) => Duration::ZERO,
    };
    Some(left.max(SHORTEST_RETRY))
}
