//! From what a file says to a catalog: here its parts are held against each other.
//!
//! Whatever does not fit is noted, and the rest goes on with something in its place; the result counts
//! only if nothing was noted.

mod candidates;
mod mcp;
mod providers;
mod routes;
mod tenants;
mod tools;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Catalog, NamePattern, Named,
    file::{FactsEntry, File, ModelEntry, PatternEntry},
    kinds::ModelName,
    model::{Facts, Model, Place},
    path::Path,
    problem::{Finding, Findings, shortened},
};
use crate::near::did_you_mean;

/// The catalog that `file` describes. What is wrong with it is added to `findings`.
pub(super) fn build(file: File, findings: &mut Findings) -> Catalog {
    Build { catalog: Catalog::empty(), taken: BTreeMap::new(), findings }.all(file)
}

struct Build<'a> {
    catalog: Catalog,
    /// Every name that callers may use, and where it is given.
    taken: BTreeMap<String, Path>,
    findings: &'a mut Findings,
}

impl Build<'_> {
    fn all(mut self, file: File) -> Catalog {
        let root = Path::default();
        if file.providers.is_none() && file.models.is_none() && self.findings.is_empty() {
            self.note(&root, "names neither a provider nor a model");
        }
        self.catalog.provider_prefix = file.provider_prefix;
        let providers = file.providers.unwrap_or_default();
        self.catalog.providers = self.providers(providers, &root.field("providers"));
        self.models(file.models.unwrap_or_default(), &root.field("models"));
        let logical = file.logical_models.unwrap_or_default();
        self.logical_models(logical, &root.field("logical_models"));
        self.patterns(file.patterns.unwrap_or_default(), &root.field("patterns"));
        if let Some(name) = file.default_provider {
            self.catalog.default_provider = self.place(&name.0, &root.field("default_provider"));
        }
        self.routes(file.routes.unwrap_or_default(), &root.field("routes"));
        self.catalog.default_model =
            file.default_model.map(|name| self.known(name, &root.field("default_model")));
        self.tools(file.tools.unwrap_or_default(), &root.field("tools"));
        let servers = file.mcp_servers.unwrap_or_default();
        self.catalog.mcp_servers = self.mcp_servers(servers, &root.field("mcp_servers"));
        self.tenants(file.tenant_defaults, file.tenants.unwrap_or_default(), &root);
        self.catalog
    }

    fn note(&mut self, path: &Path, why: impl Into<String>) {
        self.findings.push(Finding::new(path.clone(), why));
    }

    /// Takes `name` for what is described at `path`, unless it is taken.
    fn claim(&mut self, name: &str, path: &Path, named: Named) {
        if name.is_empty() {
            return;
        }
        if let Some(other) = self.taken.get(name) {
            let why = format!("`{}` is taken already, by `{other}`", shortened(name));
            return self.note(path, why);
        }
        self.taken.insert(name.to_owned(), path.clone());
        self.catalog.names.insert(name.to_owned(), named);
    }

    fn models(&mut self, entries: Vec<ModelEntry>, path: &Path) {
        for (at, entry) in entries.into_iter().enumerate() {
            let path = path.item(at);
            let place = self.place(&entry.provider.0, &path.field("provider"));
            let place = place.unwrap_or(Place::Machine);
            let name = entry.name.0;
            let aliases: Vec<_> =
                entry.aliases.unwrap_or_default().into_iter().map(|alias| alias.0).collect();
            let model = Arc::new(Model {
                upstream_model: entry.upstream_model.map_or_else(|| name.clone(), |name| name.0),
                facts: facts(&entry.facts, &place),
                aliases: aliases.clone(),
                name,
                place,
            });
            let named = || Named::Model(Arc::clone(&model));
            self.claim(&model.name, &path.field("name"), named());
            for (at, alias) in aliases.iter().enumerate() {
                self.claim(alias, &path.field("aliases").item(at), named());
            }
            self.catalog.models.push(model);
        }
    }

    fn patterns(&mut self, entries: Vec<PatternEntry>, path: &Path) {
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            let place = self.place(&entry.provider.0, &here.field("provider"));
            let place = place.unwrap_or(Place::Machine);
            let pattern = entry.r#match;
            let written = pattern.to_string();
            let shown = shortened(&written);
            let earlier = &self.catalog.patterns;
            let why = if written.is_empty() {
                None
            } else if written == "*" {
                Some("`*` would take every name: that is what `default_provider` is for".to_owned())
            } else if !pattern.is_open() {
                Some(format!("`{shown}` has no `*`: a single name is listed under `models`"))
            } else if let Some((before, wider)) =
                earlier.iter().enumerate().find(|(_, it)| it.pattern.covers(&pattern))
            {
                let wider = shortened(&wider.pattern.to_string());
                Some(format!(
                    "`{shown}` is never reached: `{wider}` (`{}`) takes every such name before; put the narrower one first",
                    path.item(before)
                ))
            } else {
                None
            };
            if let Some(why) = why {
                self.note(&here.field("match"), why);
            }
            let facts = facts(&entry.facts, &place);
            self.catalog.patterns.push(NamePattern { pattern, place, facts });
        }
    }

    /// The provider called `name`, or this machine.
    fn place(&mut self, name: &str, path: &Path) -> Option<Place> {
        let found = self.catalog.place(name);
        if found.is_none() && !name.is_empty() {
            let full = self.findings.is_full();
            let known = self.catalog.providers.iter().map(|provider| provider.name.as_str());
            let known = known.chain([Place::MACHINE]).filter(|_| !full);
            let near = did_you_mean(name, known);
            self.note(path, format!("there is no provider `{}`{near}", shortened(name)));
        }
        found
    }

    /// A name that the catalog itself uses: it must be listed, or say its provider. Patterns and the
    /// default provider would take a misspelt one too.
    fn known(&mut self, name: ModelName, path: &Path) -> String {
        let found = name.0.is_empty()
            || self.taken.contains_key(&name.0)
            || self.catalog.prefixed(&name.0).is_some();
        if !found {
            self.unknown(&name.0, path);
        }
        name.0
    }

    fn unknown(&mut self, name: &str, path: &Path) {
        let full = self.findings.is_full();
        let known = self.taken.keys().map(String::as_str).filter(|_| !full);
        let near = did_you_mean(name, known);
        let hint = if near.is_empty() && self.catalog.provider_prefix {
            "; one that is not listed is written `provider/model`"
        } else {
            ""
        };
        self.note(path, format!("there is no model `{}`{near}{hint}", shortened(name)));
    }
}

fn facts(entry: &FactsEntry, place: &Place) -> Facts {
    Facts {
        context_window: entry.context_window.map(|count| count.0),
        max_output_tokens: entry.max_output_tokens.map(|count| count.0),
        capabilities: entry.capabilities.clone().unwrap_or_default(),
        native_tools: entry.native_tools,
        rescue_tools: entry.rescue_tools,
        price: entry.price.as_ref().map(super::kinds::Amounts::price).or(place.price()),
    }
}
