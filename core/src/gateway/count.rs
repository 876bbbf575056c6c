//! How many input tokens a request is, without answering it: nothing is reserved, booked or woken, and no
//! provider's health is judged by it.

use super::{
    Gateway, Origin, attach,
    route::{self, Candidate, Destination},
};
use crate::{
    Error, Result,
    chat::{Request, Source},
    inference::{LocalModels, Provider},
    keys::Caller,
    ports::{Lease, ServerState},
    wire::anthropic::estimate_input,
};

impl Gateway {
    /// How many input tokens `request` is, and how that is known.
    ///
    /// Whoever would be asked first for the answer is asked. Where that is nobody, a model that sleeps, or
    /// a provider that does not count, the number is [`Estimated`](Source::Estimated), as
    /// [`estimate_input`] says.
    ///
    /// # Errors
    ///
    /// The provider's own refusal of the request, and [`NotFound`](crate::Code::NotFound) for a file that it
    /// names and that is not there.
    pub async fn count_input(
        &self,
        caller: &Caller,
        mut request: Request,
        origin: &Origin,
    ) -> Result<(u64, Source)> {
        let mut origin = origin.clone();
        self.equip(&mut request, &mut origin);
        self.instruct(&mut request, 0..0)?;
        attach::attach(self, &caller.tenant, &mut request, &(0..0)).await?;
        let effective = self.tenants.of(&caller.tenant).await?;
        let route = match route::route(self, &request, &origin, &effective.config).await {
            Ok(route) => Some(route),
            Err(error) => unknown(&error),
        };
        let counted = match route.as_ref().and_then(route::Route::first) {
            Some(candidate) => self.ask_for_count(candidate, &request).await?,
            None => None,
        };
        Ok(match counted {
            Some(count) => (count, Source::Counted),
            None => (estimate_input(&request), Source::Estimated),
        })
    }

    /// How many tokens whoever is asked counts. `None`: it does not count, or sleeps.
    pub(super) async fn ask_for_count(
        &self,
        asked: &Candidate,
        request: &Request,
    ) -> Result<Option<u64>> {
        let model = &asked.upstream_model;
        let (provider, _lease) = match &asked.destination {
            Destination::Upstream(_) => (self.providers.first(&asked.provider), None),
            Destination::Local { models, .. } => match warm(models, model).await {
                Ok(Some((provider, lease))) => (Some(provider), Some(lease)),
                Ok(None) => (None, None),
                Err(error) => (unknown(&error), None),
            },
        };
        match provider {
            Some(provider) => provider.count_input(request, model).await,
            None => Ok(None),
        }
    }
}

fn unknown<T>(error: &Error) -> Option<T> {
    tracing::debug!(error = error as &dyn std::error::Error, "nobody can count the tokens");
    None
}

/// The server of a model of this machine, if it is awake, and what keeps it so.
async fn warm(models: &LocalModels, model: &str) -> Result<Option<(Provider, Lease)>> {
    let awake = models.servers().state(model).await;
    if awake.is_none_or(|server| server.state != ServerState::Warm) {
        return Ok(None);
    }
    let lease = models.servers().wake(model, None).await?;
    Ok(Some((models.provider(&lease), lease)))
}
