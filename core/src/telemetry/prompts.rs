//! The figures of prompts: how much of one a later prompt of the same conversation begins with.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::{Registry, Unit},
};

use super::labels::ModelLabels;

/// The figures, shared by clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompts {
    shared: Family<ModelLabels, Counter>,
    all: Family<ModelLabels, Counter>,
}

impl Prompts {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "dormouse_prompt_prefix_shared",
            "Bytes of prompts that the next prompt of the same conversation began with",
            Unit::Bytes,
            self.shared.clone(),
        );
        registry.register_with_unit(
            "dormouse_prompt_prefix",
            "Bytes of prompts that were followed by another one of the same conversation",
            Unit::Bytes,
            self.all.clone(),
        );
    }

    /// Counts two prompts in a row.
    pub(super) fn followed(&self, model: &str, shared: u64, all: u64) {
        let labels = ModelLabels::new(model);
        self.shared.get_or_create(&labels).inc_by(shared);
        self.all.get_or_create(&labels).inc_by(all);
    }
}
