//! The catalog of a gateway that has none: one upstream, which takes every name.

use std::sync::Arc;

use super::{
    Catalog,
    kinds::{Hidden, ProviderPlace},
    model::Place,
    provider::{Credential, CredentialStrategy, Provider},
    read::Word as _,
};
use crate::{
    Error, Result,
    settings::{Secret, Settings},
};

/// What the upstream of the settings is called.
const UPSTREAM: &str = "upstream";

impl Catalog {
    /// The catalog that `settings` amount to: the upstream as the provider `upstream`, which takes every
    /// name as it is, at the settings' prices. Without an upstream no name resolves.
    ///
    /// An upstream that cannot be called is an [`InvalidRequest`](crate::Code::InvalidRequest) that
    /// names the setting.
    pub fn of_settings(settings: &Settings) -> Result<Self> {
        let upstream = upstream(settings)?.map(Arc::new);
        Ok(Self {
            default_provider: upstream.clone().map(Place::Provider),
            providers: upstream.into_iter().collect(),
            // Names with a slash are common among upstreams, and belong to them.
            provider_prefix: false,
            default_model: settings.default_model.clone(),
            prices: settings.prices.clone(),
            ..Self::empty()
        })
    }
}

fn upstream(settings: &Settings) -> Result<Option<Provider>> {
    let Some(url) = &settings.upstream else { return Ok(None) };
    let wrong = |name: &str, why: String| Error::invalid(name, format!("{name} {why}"));
    let url = ProviderPlace::parse(url).map_err(|why| wrong("DORMOUSE_UPSTREAM", why))?;
    let secret = settings.upstream_api_key.as_ref().map(Secret::expose);
    let secret = secret.map(Hidden::parse).transpose();
    let secret = secret.map_err(|why| wrong("DORMOUSE_UPSTREAM_API_KEY", why))?;
    let api = settings.upstream_api;
    let credential = |secret| Credential { name: UPSTREAM.to_owned(), secret, weight: 1 };
    Ok(Some(Provider {
        name: UPSTREAM.to_owned(),
        api,
        base_url: url.0,
        auth: settings.upstream_auth.unwrap_or(api.usual_auth()),
        credentials: secret.and_then(|secret| secret.0).map(credential).into_iter().collect(),
        credential_strategy: CredentialStrategy::RoundRobin,
        headers: settings.upstream_headers.clone(),
        first_byte_timeout: None,
        idle_timeout: None,
        max_tokens_field: None,
        price: None,
    }))
}
