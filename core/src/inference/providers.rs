//! The providers of a catalog, ready to be called.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Health, Provider, Pulse, Target};
use crate::{
    Code, Error, Result,
    catalog::{self, Catalog, CredentialStrategy},
    ports::{Host, HttpClient},
    settings::Settings,
};

/// Every provider of a catalog. Clones share their connections and their health.
#[derive(Clone, Debug, Default)]
pub struct Providers(Arc<BTreeMap<String, Ways>>);

/// The ways to one provider: one for each of its credentials.
#[derive(Debug)]
struct Ways {
    ways: Vec<Way>,
    strategy: CredentialStrategy,
    /// How many requests were sent on their way.
    turns: AtomicU64,
}

/// A provider, by one of its credentials.
#[derive(Clone, Debug)]
pub struct Way {
    provider: Provider,
    host: Arc<dyn Host>,
    /// `None`: it is asked whatever happened before, as there is no other.
    health: Option<Arc<Health>>,
    weight: u64,
}

impl Providers {
    /// The providers of `catalog`, reached through `http`.
    ///
    /// Without a catalog of its own, a gateway asks its one upstream whatever happened before: there is
    /// nobody else, and a model server that restarts should be met as soon as it is back.
    pub fn new(
        catalog: &Catalog,
        settings: &Settings,
        http: &Arc<dyn HttpClient>,
        host: &Arc<dyn Host>,
    ) -> Result<Self> {
        let mut providers = BTreeMap::new();
        for provider in catalog.providers() {
            let none = [None];
            let credentials = provider.credentials.iter().map(Some);
            let credentials =
                credentials.chain(none.into_iter().take_while(|_| provider.credentials.is_empty()));
            let way = |credential: Option<&catalog::Credential>| {
                let target = Target::new(provider, credential, settings)?;
                Ok(Way {
                    provider: Provider::new(target, Arc::clone(http), Arc::clone(host)),
                    host: Arc::clone(host),
                    health: settings.config.is_some().then(Arc::default),
                    weight: credential.map_or(1, |it| it.weight.into()),
                })
            };
            let ways = credentials.map(way).collect::<Result<_>>()?;
            let strategy = provider.credential_strategy;
            providers
                .insert(provider.name.clone(), Ways { ways, strategy, turns: AtomicU64::new(0) });
        }
        Ok(Self(Arc::new(providers)))
    }

    /// The ways to the provider called `name`, in the order in which a request should try them.
    pub fn ways(&self, name: &str) -> Vec<Way> {
        self.0.get(name).map(Ways::in_turn).unwrap_or_default()
    }

    /// The provider called `name`, by its first credential.
    pub fn first(&self, name: &str) -> Option<Provider> {
        self.0.get(name)?.ways.first().map(|way| way.provider.clone())
    }
}

impl Ways {
    fn in_turn(&self) -> Vec<Way> {
        let mut ways = self.ways.clone();
        if let CredentialStrategy::RoundRobin = self.strategy {
            let first = self.next();
            ways.rotate_left(first);
        }
        ways
    }

    /// Whose turn it is: each as often as its weight says, one after the other.
    fn next(&self) -> usize {
        let total: u64 = self.ways.iter().map(|way| way.weight).sum();
        let mut turn = self.turns.fetch_add(1, Ordering::Relaxed) % total.max(1);
        self.ways
            .iter()
            .position(|way| {
                let its = turn < way.weight;
                turn = turn.saturating_sub(way.weight);
                its
            })
            .unwrap_or_default()
    }
}

impl Way {
    /// Sets out, unless the provider is known not to answer by this way; the error says for how long.
    pub fn enter(&self) -> Result<Visit> {
        let Some(health) = &self.health else {
            return Ok(Visit { way: self.clone(), noted: true });
        };
        health.enter(self.host.elapsed()).map_err(resting)?;
        Ok(Visit { way: self.clone(), noted: false })
    }

    /// Why no request may set out by it now; `None` if one may.
    pub fn rest(&self) -> Option<Error> {
        self.health.as_ref()?.rest(self.host.elapsed()).map(resting)
    }
}

/// A call of a provider. What became of it is noted once; a visit that is dropped before was broken off
/// by the caller.
#[derive(Debug)]
pub struct Visit {
    way: Way,
    noted: bool,
}

impl Visit {
    /// Who is called.
    pub fn provider(&self) -> &Provider {
        &self.way.provider
    }

    /// Notes what became of it.
    pub fn note(mut self, outcome: Result<(), &Error>) {
        self.noted = true;
        if let Some(health) = &self.way.health {
            health.note(pulse(outcome), self.way.host.elapsed());
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let (false, Some(health)) = (self.noted, &self.way.health) {
            health.leave();
        }
    }
}

fn resting(wait: Duration) -> Error {
    let message = "the provider is given a rest after limits or failures";
    Error::new(Code::UpstreamUnavailable, message).retry_after(wait)
}

fn pulse(outcome: Result<(), &Error>) -> Pulse {
    let Err(error) = outcome else { return Pulse::Well };
    match error.code() {
        Code::UpstreamRateLimited => Pulse::Limited(error.delay()),
        Code::UpstreamUnavailable if error.delay() > Some(Duration::from_secs(1)) => {
            Pulse::Limited(error.delay())
        }
        Code::UpstreamCredential => Pulse::Refused,
        Code::UpstreamUnreachable
        | Code::UpstreamTimeout
        | Code::UpstreamFailed
        | Code::UpstreamInvalid
        | Code::UpstreamUnavailable => Pulse::Failed,
        _ => Pulse::Well,
    }
}
