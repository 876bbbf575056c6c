//! The figures of tools that the gateway runs: how often, how long, how often in vain.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::labels::{Names, ToolLabels};

/// The figures, shared by clones.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    names: Names,
    /// Its count is how often a tool was called.
    calls: Family<ToolLabels, Histogram>,
    failures: Family<ToolLabels, Counter>,
}

impl Default for Tools {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.001, 4.0, 10));
        Self {
            names: Names::default(),
            calls: Family::new_with_constructor(seconds),
            failures: Family::default(),
        }
    }
}

impl Tools {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "dormouse_tool_call_duration",
            "Duration of calls of tools",
            Unit::Seconds,
            self.calls.clone(),
        );
        registry.register(
            "dormouse_tool_failures",
            "Calls of tools that failed, among them those whose input was not taken",
            self.failures.clone(),
        );
    }

    /// Counts a call.
    pub(super) fn called(&self, tool: &str, took: Duration, failed: bool) {
        let labels = ToolLabels::new(self.names.label(tool));
        self.calls.get_or_create(&labels).observe(took.as_secs_f64());
        let failures = self.failures.get_or_create(&labels);
        if failed {
            failures.inc();
        }
    }
}
