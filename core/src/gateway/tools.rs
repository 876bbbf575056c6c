//! Tools that the gateway runs itself.

use std::sync::Arc;

use super::{Gateway, Ports};
use crate::{
    Result,
    catalog::Catalog,
    ports::Sandbox,
    settings::{Secret, Settings},
    telemetry::Metrics,
    tools::{Allowed, Calculator, CurrentTime, Fixed, Limits, Offer, Registry, Tool, Toolbox},
};

/// The shortest text that is taken for a secret and struck out of results.
const SHORTEST_SECRET: usize = 8;

impl Gateway {
    /// Its tools.
    pub fn tools(&self) -> &Registry {
        &self.tools
    }

    /// Where they run code and keep files, if there is such a place.
    pub fn sandbox(&self) -> Option<&Arc<dyn Sandbox>> {
        self.ports.tools.sandbox.as_ref()
    }

    /// The tools that `tenant` may use: what its configuration allows, and of that what `narrower` (an agent,
    /// a request) does.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`](crate::Code::StoreUnavailable) if the store is not there.
    pub async fn offer(&self, tenant: &str, narrower: Option<&Allowed>) -> Result<Offer> {
        let effective = self.tenants.of(tenant).await?;
        let allowed: Vec<&Allowed> =
            [Some(&effective.config.tools), narrower].into_iter().flatten().collect();
        Ok(self.tools.offer(&allowed, &[]).await)
    }
}

/// The tools of a gateway with these settings.
pub(super) fn registry(
    settings: &Settings,
    catalog: &Catalog,
    ports: &Ports,
    metrics: &Metrics,
) -> Registry {
    let host = || Arc::clone(&ports.host);
    let built_in: Vec<Arc<dyn Tool>> =
        vec![Arc::new(Calculator::default()), Arc::new(CurrentTime::new(host()))];
    let mut toolboxes: Vec<Arc<dyn Toolbox>> = vec![Arc::new(Fixed(built_in))];
    toolboxes.extend(ports.tools.toolboxes.iter().cloned());
    let limits = Limits { time: settings.tool_timeout, result: settings.tool_result_limit.0 };
    Registry::new(host(), metrics.clone(), toolboxes, limits, secrets(settings, catalog))
}

/// What no tool may show, wherever it found it.
fn secrets(settings: &Settings, catalog: &Catalog) -> Vec<String> {
    let own = [
        &settings.api_key,
        &settings.upstream_api_key,
        &settings.upstream_proxy,
        &settings.store,
        &settings.seal_key,
    ];
    let own = own.into_iter().flatten().map(Secret::expose).map(str::to_owned);
    let headers = settings.upstream_headers.secrets();
    let providers = catalog.providers().iter().flat_map(|provider| {
        let credentials = provider.credentials.iter().map(|it| it.secret.expose().to_owned());
        credentials.chain(provider.headers.secrets()).collect::<Vec<_>>()
    });
    let all = own.chain(headers).chain(providers);
    all.filter(|secret| secret.len() >= SHORTEST_SECRET).collect()
}
