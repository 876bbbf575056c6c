//! The figures of models that sleep: how often and how long they wake, who waits, and how much of
//! what they read was in their cache.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::labels::ModelLabels;
use crate::{
    chat::Usage,
    ports::{ModelHistory, ModelServer, ServerState},
};

type Counts = Family<ModelLabels, Counter>;
type Seconds = Family<ModelLabels, Counter<f64, AtomicU64>>;

/// The figures, shared by clones.
#[derive(Clone, Debug)]
pub(super) struct Sleepers {
    wakes: Counts,
    waking: Seconds,
    failures: Counts,
    evictions: Counts,
    waited: Family<ModelLabels, Histogram>,
    queued: Family<ModelLabels, Gauge>,
    loaded: Gauge,
    /// Input tokens, and those of them that were cached.
    input: Counts,
    cached: Counts,
    cached_share: Family<ModelLabels, Gauge<f64, AtomicU64>>,
}

impl Default for Sleepers {
    fn default() -> Self {
        Self {
            wakes: Family::default(),
            waking: Family::default(),
            failures: Family::default(),
            evictions: Family::default(),
            waited: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.01, 3.0, 10))
            }),
            queued: Family::default(),
            loaded: Gauge::default(),
            input: Family::default(),
            cached: Family::default(),
            cached_share: Family::default(),
        }
    }
}

impl Sleepers {
    pub(super) fn register(&self, registry: &mut Registry) {
        let mut counts = |name: &str, help: &str, metric: &Counts| {
            registry.register(name, help, metric.clone());
        };
        counts("dormouse_model_wakes", "Starts of model servers that ended warm", &self.wakes);
        counts("dormouse_model_failures", "Failed starts and deaths of servers", &self.failures);
        counts("dormouse_model_evictions", "Times a model made room for another", &self.evictions);
        registry.register_with_unit(
            "dormouse_model_wake",
            "Time that starts of model servers took together",
            Unit::Seconds,
            self.waking.clone(),
        );
        registry.register_with_unit(
            "dormouse_model_wait",
            "Time that calls waited for their model to be warm",
            Unit::Seconds,
            self.waited.clone(),
        );
        registry.register("dormouse_model_queue", "Calls that wait", self.queued.clone());
        registry.register("dormouse_models_loaded", "Models that are warm", self.loaded.clone());
        registry.register_with_unit(
            "dormouse_cached_input",
            "Share of the input tokens so far that came from the model's cache",
            Unit::Other("ratio".into()),
            self.cached_share.clone(),
        );
    }

    /// A call waited `time` for `model` to be warm.
    pub(super) fn waited(&self, model: &str, time: Duration) {
        self.waited.get_or_create(&ModelLabels::new(model)).observe(time.as_secs_f64());
    }

    /// `model` has read what `usage` says.
    pub(super) fn read(&self, model: &str, usage: &Usage) {
        if usage.input == 0 {
            return;
        }
        let labels = ModelLabels::new(model);
        let input = self.input.get_or_create(&labels).inc_by(usage.input) + usage.input;
        let cached =
            self.cached.get_or_create(&labels).inc_by(usage.cached_input) + usage.cached_input;
        self.cached_share.get_or_create(&labels).set(share(cached, input));
    }

    /// How the servers are, and what happened to them so far.
    pub(super) fn are(&self, servers: &[ModelServer], history: &[ModelHistory]) {
        for server in servers {
            let labels = ModelLabels::new(&server.model);
            self.queued.get_or_create(&labels).set(server.queued.into());
        }
        let warm = servers.iter().filter(|server| server.state == ServerState::Warm).count();
        self.loaded.set(i64::try_from(warm).unwrap_or(i64::MAX));
        for model in history {
            let labels = ModelLabels::new(&model.model);
            let keep = |metric: &Counts, count: u64| {
                metric.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            };
            keep(&self.wakes, model.wakes);
            keep(&self.failures, model.failures);
            keep(&self.evictions, model.evictions);
            let seconds = model.waking.as_secs_f64().to_bits();
            self.waking.get_or_create(&labels).inner().store(seconds, Ordering::Relaxed);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
