//! Providers: their names, and whether what they are shown fits together.

use std::{collections::BTreeSet, sync::Arc};

use super::Build;
use crate::{
    catalog::{
        file::{CredentialEntry, ProviderEntry},
        kinds::Amounts,
        model::Place,
        path::Path,
        provider::{Api, AuthStyle, Credential, CredentialStrategy, Provider},
    },
    settings::Secret,
};

impl Build<'_> {
    pub(super) fn providers(
        &mut self,
        entries: Vec<ProviderEntry>,
        path: &Path,
    ) -> Vec<Arc<Provider>> {
        let mut names: Vec<String> = Vec::new();
        let mut providers = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            let name = &entry.name.0;
            if name == Place::MACHINE {
                let why = "`machine` stands for the models that the gateway starts itself: take another name";
                self.note(&here.field("name"), why);
            } else if let Some(other) = names.iter().position(|it| it == name && !it.is_empty()) {
                let other = path.item(other).field("name");
                self.note(&here.field("name"), format!("`{name}` is taken already, by `{other}`"));
            }
            names.push(name.clone());
            providers.push(Arc::new(self.provider(entry, &here)));
        }
        providers
    }

    fn provider(&mut self, entry: ProviderEntry, path: &Path) -> Provider {
        let auth = entry.auth.unwrap_or(entry.api.usual_auth());
        let headers = entry.headers.unwrap_or_default().0;
        if entry.credentials.is_some() {
            if auth == AuthStyle::None {
                let why = "would never be used, as `auth` is none: leave one of them out";
                self.note(&path.field("credentials"), why);
            }
            if let Some((name, _)) =
                headers.0.iter().find(|(name, _)| Some(name.as_str()) == auth.header())
            {
                let why = "also carries the credential: leave this one or `credentials` out";
                self.note(&path.field("headers").field(name.as_str()), why);
            }
        }
        if entry.api != Api::OpenAi && entry.base_url.is_in_process() {
            self.note(&path.field("api"), "must be openai, which a model in process speaks");
        }
        let limit = entry.max_tokens_field.and_then(|field| field.0);
        if limit.is_some() && entry.api != Api::OpenAi {
            let why = format!("only counts with `api: openai`, not with {}", entry.api.as_str());
            self.note(&path.field("max_tokens_field"), why);
        }
        let strategy = entry.credential_strategy;
        let credentials = entry.credentials.unwrap_or_default();
        let timeouts = entry.timeouts.unwrap_or_default();
        Provider {
            name: entry.name.0,
            api: entry.api,
            base_url: entry.base_url.0,
            auth,
            credentials: self.credentials(credentials, strategy, &path.field("credentials")),
            credential_strategy: strategy,
            headers,
            first_byte_timeout: timeouts.first_byte.map(|time| time.0),
            idle_timeout: timeouts.idle.map(|time| time.0),
            max_tokens_field: limit,
            price: entry.price.as_ref().map(Amounts::price),
        }
    }

    fn credentials(
        &mut self,
        entries: Vec<CredentialEntry>,
        strategy: CredentialStrategy,
        path: &Path,
    ) -> Vec<Credential> {
        let mut names = BTreeSet::new();
        let mut credentials = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let path = path.item(at);
            let name = entry.name.0;
            if !name.is_empty() && !names.insert(name.clone()) {
                let why =
                    format!("`{name}` is taken already, by another credential of the provider");
                self.note(&path.field("name"), why);
            }
            if entry.weight.is_some() && strategy == CredentialStrategy::FillFirst {
                let why = "only counts with `credential_strategy: round_robin`";
                self.note(&path.field("weight"), why);
            }
            credentials.push(Credential {
                name,
                secret: entry.secret.0.unwrap_or_else(|| Secret::new("")),
                weight: entry.weight.map_or(1, |weight| weight.0),
            });
        }
        credentials
    }
}
