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

/// What was done around a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UseLabels {
    by: &'static str,
}

/// The figures, shared by clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Agents {
    runs: Family<EndingLabels, Counter>,
    steps: Counter,
    orchestrated: Family<UseLabels, Counter>,
    sent_back: Family<UseLabels, Counter>,
}

impl Agents {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("dormouse_agent_runs", "Runs, by how they ended", self.runs.clone());
        registry.register("dormouse_agent_steps", "Answers of models in runs", self.steps.clone());
        registry.register(
            "dormouse_agent_orchestrated_runs",
            "Runs, by what was done around them",
            self.orchestrated.clone(),
        );
        registry.register(
            "dormouse_agent_sent_back",
            "Answers that had to be given again, by what found fault with them",
            self.sent_back.clone(),
        );
    }

    /// Counts a run.
    pub(super) fn ended(&self, ending: &'static str, steps: u32) {
        self.runs.get_or_create(&EndingLabels { ending }).inc();
        self.steps.inc_by(steps.into());
    }

    /// Counts a run around which this was done.
    pub(super) fn used(&self, by: &'static str) {
        self.orchestrated.get_or_create(&UseLabels { by }).inc();
    }

    /// Counts an answer that this sent back.
    pub(super) fn sent_back(&self, by: &'static str) {
        self.sent_back.get_or_create(&UseLabels { by }).inc();
    }
}
