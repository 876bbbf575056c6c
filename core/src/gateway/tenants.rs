//! What holds for tenants, as administrators change it.

use super::Gateway;
use crate::{
    Code, Error, Result,
    ports::When,
    tenant::{Current, Layer, Tenants},
};

impl Gateway {
    /// What holds for its tenants.
    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// Replaces the stored level of `tenant` by `layer`, if `when` holds.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] for a model that nobody could ask for, and those of
    /// [`Tenants::put`].
    pub async fn configure(&self, tenant: &str, layer: &Layer, when: When) -> Result<Current> {
        for field in ["default_model", "compaction_model"] {
            if let Some(model) = layer.get(field).and_then(|model| model.as_str())
                && !self.is_of_this_machine(model).await
                && let Err(error) = self.catalog.named(model)
            {
                return Err(match error.code() {
                    Code::ModelNotFound => Error::invalid(field, error.message().to_owned()),
                    _ => error,
                });
            }
        }
        self.tenants.put(tenant, layer, when).await
    }

    async fn is_of_this_machine(&self, model: &str) -> bool {
        match &self.local {
            Some(local) => local.servers().state(model).await.is_some(),
            None => false,
        }
    }
}
