//! Stage 2: who may answer, with which model, at which price, and in which order are they asked?

pub(super) mod needs;
mod order;
mod plan;

use std::sync::Arc;

use super::{
    Gateway, Origin,
    answer::{Ask, Tools},
};
use crate::{
    Code, Error, Result,
    catalog::{Api, Fallback, Model, Place, Resolved},
    inference::{LocalModels, Way},
    money::Price,
    ports::{Host, ServerState},
    tenant::Config,
    wire::{self, Called},
};
pub(super) use plan::{Attempt, Plan};

/// The longest name of a model, in bytes. Names are kept in holds, receipts and metrics.
const MAX_MODEL_BYTES: usize = 256;

/// Where a request may go.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// In the order in which they are asked. Never empty.
    candidates: Vec<Candidate>,
    fallback: Fallback,
}

/// A model that may answer.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) destination: Destination,
    /// Its name in receipts and metrics.
    pub(super) model: String,
    /// What its provider calls it.
    pub(super) upstream_model: String,
    /// Who serves it.
    pub(super) provider: String,
    /// `None`: the model is free.
    pub(super) price: Option<Price>,
    /// The output limit where a call must have one and the request names none.
    pub(super) max_output_tokens: u32,
    /// The most tokens of input and output together, if that is known.
    pub(super) context_window: Option<u32>,
    /// Whether it is told of tools in words: it has none of its own, or cannot be told to use them.
    pub(super) emulates_tools: bool,
    /// Whether calls that it prints, though it has tools, are made calls.
    pub(super) rescues_tools: bool,
}

/// Who answers.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// A provider, by its credentials in the order in which they are tried.
    Upstream(Vec<Way>),
    /// A model of this machine, which may have to be woken.
    Local {
        models: LocalModels,
        /// How many answers it is giving already.
        active: u32,
        /// Whether it answers without waking.
        warm: bool,
    },
}

/// Finds the candidates for a tenant of which `config` holds.
pub(super) async fn route<A: Ask>(
    gateway: &Gateway,
    request: &A,
    origin: &Origin,
    config: &Config,
) -> Result<Route> {
    let named = request.model();
    if named.len() > MAX_MODEL_BYTES {
        let message = format!("`model` may have at most {MAX_MODEL_BYTES} bytes");
        return Err(Error::invalid("model", message));
    }
    let resolved = resolve(gateway, named, origin, config).await?;
    let models = needs::able(&resolved, &request.needs())?;
    let mut candidates = Vec::with_capacity(models.len());
    let mut missing = None;
    for candidate in models {
        match describe(gateway, &candidate.model, config, request.forces_tools()).await {
            Ok(described) => candidates.push((candidate.share, described)),
            Err(error) => missing = Some(error),
        }
    }
    if candidates.is_empty() {
        let nobody =
            || Error::new(Code::ModelNotFound, "the model stands for none that can answer");
        return Err(missing.unwrap_or_else(nobody));
    }
    let candidates = order::order(candidates, resolved.strategy, || gateway.ports.host.random());
    Ok(Route { candidates, fallback: resolved.fallback })
}

/// What the name stands for. A model of this machine comes before a name that the catalog does not list.
async fn resolve(
    gateway: &Gateway,
    named: &str,
    origin: &Origin,
    config: &Config,
) -> Result<Resolved> {
    let catalog = &gateway.catalog;
    let meant = catalog.meant(named, origin.route.as_ref(), config.default_model.as_deref())?;
    if let Some(local) = &gateway.local
        && !catalog.lists(meant)
        && local.servers().state(meant).await.is_some()
    {
        return Ok(Resolved::one(&catalog.on_machine(meant)));
    }
    let nothing = gateway.local.is_none() && catalog.providers().is_empty();
    if nothing {
        return Err(Error::new(
            Code::UpstreamUnreachable,
            "no upstream is configured: start a model server and set DORMOUSE_UPSTREAM to its base URL",
        ));
    }
    catalog.named(meant)
}

async fn describe(
    gateway: &Gateway,
    model: &Arc<Model>,
    config: &Config,
    forced: bool,
) -> Result<Candidate> {
    let destination = match &model.place {
        Place::Provider(provider) => Destination::Upstream(gateway.providers.ways(&provider.name)),
        Place::Machine => sleeper(gateway, &model.upstream_model).await?,
    };
    let limit = config.max_output_tokens;
    let emulates = !model.facts.native_tools || gateway.settings.emulate_tools;
    Ok(Candidate {
        destination,
        model: model.name.clone(),
        upstream_model: model.upstream_model.clone(),
        provider: model.place.name().to_owned(),
        price: model.facts.price,
        max_output_tokens: model.facts.max_output_tokens.map_or(limit, |most| limit.min(most)),
        context_window: model.facts.context_window,
        emulates_tools: emulates || (forced && !can_be_forced(model)),
        rescues_tools: model.facts.rescue_tools.unwrap_or_else(|| is_small(model)),
    })
}

/// Whether its provider can be told that a tool must be called.
fn can_be_forced(model: &Model) -> bool {
    match &model.place {
        Place::Provider(provider) => {
            wire::called(provider.api.dialect()).is_none_or(Called::forces_tools)
        }
        Place::Machine => true,
    }
}

/// Whether it is of the kind that prints calls: the models that people run themselves.
fn is_small(model: &Model) -> bool {
    match &model.place {
        Place::Provider(provider) => provider.api == Api::Ollama,
        Place::Machine => true,
    }
}

async fn sleeper(gateway: &Gateway, model: &str) -> Result<Destination> {
    let unknown = || Error::new(Code::ModelNotFound, format!("there is no model `{model}`"));
    let models = gateway.local.as_ref().ok_or_else(unknown)?;
    let server = models.servers().state(model).await.ok_or_else(unknown)?;
    let warm = server.state == ServerState::Warm;
    Ok(Destination::Local { models: models.clone(), active: server.active, warm })
}

impl Route {
    /// Who is asked first.
    pub(super) fn first(&self) -> Option<&Candidate> {
        self.candidates.first()
    }
}

impl Candidate {
    /// Whether it can be expected to answer now.
    fn is_well(&self) -> bool {
        match &self.destination {
            Destination::Upstream(ways) => ways.iter().any(|way| way.rest().is_none()),
            Destination::Local { .. } => true,
        }
    }

    /// Whether a flawed call may be asked for once more, as part of the same call.
    pub(super) fn may_ask_again(&self) -> bool {
        self.emulates_tools || self.rescues_tools
    }

    /// What is done about the tools of a request.
    pub(super) fn tools<'a>(&self, host: &'a Arc<dyn Host>) -> Tools<'a> {
        match (self.emulates_tools, self.rescues_tools) {
            (true, _) => Tools::Emulated(host),
            (false, true) => Tools::Rescued(host),
            (false, false) => Tools::Native,
        }
    }

    /// Whether it must wake first.
    fn sleeps(&self) -> bool {
        matches!(self.destination, Destination::Local { warm: false, .. })
    }
}
