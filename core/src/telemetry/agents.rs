//! The figures of runs in which the gateway runs the tools.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndingLabels {
    ending: &'static str,
}

/// The figures, shared by clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Agents {
    runs: Family<EndingLabels, Counter>,
    steps: Counter,
}

impl Agents {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("dormouse_agent_runs", "Runs, by how they ended", self.runs.clone());
        registry.register("dormouse_agent_steps", "Answers of models in runs", self.steps.clone());
    }

    /// Counts a run.
    pub(super) fn ended(&self, ending: &'static str, steps: u32) {
        self.runs.get_or_create(&EndingLabels { ending }).inc();
        self.steps.inc_by(steps.into());
    }
}
