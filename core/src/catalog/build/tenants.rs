//! Tenants: whether each is named once, and whether the models that are named are there.

use super::Build;
use crate::{
    catalog::{
        file::TenantEntry, kinds::ModelName, path::Path, problem::shortened, tenant::TenantValues,
    },
    tenant::{Key, Layer},
};

const DEFAULT_MODEL: &str = "default_model";
/// The keys whose values must be models of the catalog.
const MODELS: [&str; 2] = [DEFAULT_MODEL, "compaction_model"];

impl Build<'_> {
    pub(super) fn tenants(
        &mut self,
        defaults: Option<TenantValues>,
        entries: Vec<TenantEntry>,
        root: &Path,
    ) {
        let defaults = defaults.unwrap_or_default().0;
        self.models_of(&defaults, &root.field("tenant_defaults"));
        self.catalog.tenants.defaults = defaults;
        let path = root.field("tenants");
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            self.models_of(&entry.values.0, &here);
            let name = entry.name.0;
            if self.catalog.tenants.tenants.contains_key(&name) && !name.is_empty() {
                let why = format!("`{}` is named a second time", shortened(&name));
                self.note(&here.field("name"), why);
            }
            self.catalog.tenants.tenants.insert(name, entry.values.0);
        }
        // The default model of the catalog is that of tenants of whom nothing else is said.
        let said = &mut self.catalog.tenants.defaults;
        if let Some(model) = &self.catalog.default_model
            && said.get(DEFAULT_MODEL).is_none()
            && !model.is_empty()
            && let Some(key) = Key::named(DEFAULT_MODEL)
            && let Err(why) = said.set(key, model.as_str().into())
        {
            self.note(&root.field(DEFAULT_MODEL), why);
        }
    }

    fn models_of(&mut self, layer: &Layer, path: &Path) {
        for key in MODELS {
            if let Some(model) = layer.get(key).and_then(|model| model.as_str()) {
                self.known(ModelName(model.to_owned()), &path.field(key));
            }
        }
    }
}
