//! The figures of requests that are answered whether or not their caller waits.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// Whether a process worked on a run before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    attempt: &'static str,
}

/// The figures, shared by clones.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    queued: Counter,
    active: Gauge,
    ended: Family<StateLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    waited: Histogram,
    worked: Histogram,
}

impl Default for Runs {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.01, 4.0, 10));
        Self {
            queued: Counter::default(),
            active: Gauge::default(),
            ended: Family::default(),
            attempts: Family::default(),
            waited: seconds(),
            worked: seconds(),
        }
    }
}

impl Runs {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "dormouse_runs_queued",
            "Requests that were taken to be answered whether or not their caller waits",
            self.queued.clone(),
        );
        registry.register(
            "dormouse_active_runs",
            "Of these, those that this process works on",
            self.active.clone(),
        );
        registry.register("dormouse_runs_ended", "Those that ended, by state", self.ended.clone());
        registry.register(
            "dormouse_run_attempts",
            "How often this process began one, and how often it went on with what another had begun",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "dormouse_run_wait",
            "Time from a request of which nobody waits for the answer to its beginning",
            Unit::Seconds,
            self.waited.clone(),
        );
        registry.register_with_unit(
            "dormouse_run_work",
            "Time that an attempt worked",
            Unit::Seconds,
            self.worked.clone(),
        );
    }

    /// One was taken.
    pub(super) fn queued(&self) {
        self.queued.inc();
    }

    /// This process works on one: for the first time of all after it `waited`, or again.
    pub(super) fn begun(&self, waited: Option<Duration>) {
        let attempt = if waited.is_some() { "first" } else { "further" };
        self.attempts.get_or_create(&AttemptLabels { attempt }).inc();
        if let Some(waited) = waited {
            self.waited.observe(waited.as_secs_f64());
        }
        self.active.inc();
    }

    /// This process works on it no more.
    pub(super) fn left(&self, worked: Duration) {
        self.active.dec();
        self.worked.observe(worked.as_secs_f64());
    }

    /// One is over.
    pub(super) fn ended(&self, state: &'static str) {
        self.ended.get_or_create(&StateLabels { state }).inc();
    }
}
