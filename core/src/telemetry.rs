//! The metrics of one process, in the Prometheus text format.
//!
//! Names follow the OpenTelemetry semantic conventions 1.37 (`gen_ai.*`, status Development; `http.server.*`), written as
//! Prometheus writes them; what no convention has begins with `dormouse_`.

mod agents;
mod labels;
mod prompts;
mod runs;
mod sleepers;
mod tools;

use std::{sync::Arc, time::Duration};

use agents::Agents;
use labels::{ErrorLabels, HttpLabels, Names, OperationLabels, TokenLabels};
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use prompts::Prompts;
use runs::Runs;
use sleepers::Sleepers;
use tools::Tools;

use crate::{
    Code, Error, Result,
    accounting::{Outcome, Receipt},
    operation::Operation,
    ports::{ModelHistory, ModelServer},
    runs::State,
};

/// The metrics of one process. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    models: Names,
    operations: Family<OperationLabels, Histogram>,
    first_token: Family<OperationLabels, Histogram>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<OperationLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    http: Family<HttpLabels, Histogram>,
    active: Gauge,
    workers: Gauge,
    aborted: Counter,
    estimated: Counter,
    sleepers: Sleepers,
    prompts: Prompts,
    tools: Tools,
    agents: Agents,
    runs: Runs,
}

impl Metrics {
    /// Metrics that have counted nothing yet; `workers` requests may run at once.
    pub fn new(workers: usize) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.005, 2.5, 12));
        let mut metrics = Self {
            registry: Arc::default(),
            models: Names::default(),
            operations: Family::new_with_constructor(seconds),
            first_token: Family::new_with_constructor(seconds),
            tokens: Family::default(),
            cost: Family::default(),
            errors: Family::default(),
            http: Family::new_with_constructor(seconds),
            active: Gauge::default(),
            workers: Gauge::default(),
            aborted: Counter::default(),
            estimated: Counter::default(),
            sleepers: Sleepers::default(),
            prompts: Prompts::default(),
            tools: Tools::default(),
            agents: Agents::default(),
            runs: Runs::default(),
        };
        metrics.workers.set(i64::try_from(workers).unwrap_or(i64::MAX));
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        let mut histogram =
            |name: &str, help: &str, metric: &Family<OperationLabels, Histogram>| {
                registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
            };
        histogram(
            "gen_ai_client_operation_duration",
            "Duration of calls of providers",
            &self.operations,
        );
        histogram(
            "gen_ai_server_time_to_first_token",
            "Time from admission to the first token",
            &self.first_token,
        );
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a request to the head of its response",
            Unit::Seconds,
            self.http.clone(),
        );
        registry.register("gen_ai_client_token_usage", "Tokens used, by type", self.tokens.clone());
        registry.register(
            "dormouse_cost_nanodollars",
            "Cost of calls of providers, in billionths of a dollar",
            self.cost.clone(),
        );
        registry.register("dormouse_errors", "Errors answered, by code", self.errors.clone());
        registry.register(
            "dormouse_aborted_requests",
            "Requests whose client went away",
            self.aborted.clone(),
        );
        registry.register(
            "dormouse_estimated_usages",
            "Calls whose token counts the provider did not report",
            self.estimated.clone(),
        );
        registry.register(
            "dormouse_active_requests",
            "Requests that hold a worker slot",
            self.active.clone(),
        );
        registry.register("dormouse_workers", "Worker slots", self.workers.clone());
        self.sleepers.register(registry);
        self.prompts.register(registry);
        self.tools.register(registry);
        self.agents.register(registry);
        self.runs.register(registry);
    }

    /// Counts a finished call.
    pub fn settled(&self, receipt: &Receipt) {
        let labels = self.operation(receipt);
        self.operations
            .get_or_create(&labels)
            .observe(Duration::from_millis(receipt.duration_ms).as_secs_f64());
        let cost = u64::try_from(receipt.cost.0).unwrap_or_default();
        self.cost.get_or_create(&labels).inc_by(cost);
        let usage = &receipt.usage;
        let fresh = usage.input.saturating_sub(usage.cached_input);
        for (kind, count) in
            [("input", fresh), ("cached_input", usage.cached_input), ("output", usage.output)]
        {
            let labels = TokenLabels::new(&labels, kind);
            self.tokens.get_or_create(&labels).inc_by(count);
        }
        self.sleepers.read(&self.models.label(&receipt.model), usage);
        if receipt.outcome == Outcome::Aborted {
            self.aborted.inc();
        }
        if usage.source == crate::chat::Source::Estimated {
            self.estimated.inc();
        }
    }

    /// Counts the time until the first token of a call.
    pub fn first_token(&self, operation: Operation, model: &str, after: Duration) {
        let labels = OperationLabels::new(operation, self.models.label(model));
        self.first_token.get_or_create(&labels).observe(after.as_secs_f64());
    }

    /// Counts how long a call waited for a model of this machine to be warm.
    pub fn waited(&self, model: &str, time: Duration) {
        self.sleepers.waited(&self.models.label(model), time);
    }

    /// Counts how many `shared` of `all` bytes of a prompt the next one of its conversation began with.
    pub fn followed(&self, model: &str, shared: u64, all: u64) {
        self.prompts.followed(&self.models.label(model), shared, all);
    }

    /// Counts a call of a tool, and how long it took.
    pub fn tool_called(&self, tool: &str, took: Duration, failed: bool) {
        self.tools.called(tool, took, failed);
    }

    /// Counts a run that ended so, after so many answers of its model.
    pub fn agent_ended(&self, ending: &'static str, steps: u32) {
        self.agents.ended(ending, steps);
    }

    /// Counts a request that is answered whether or not its caller waits.
    pub fn run_queued(&self) {
        self.runs.queued();
    }

    /// Counts that this process works on such a run: for the first time of all after it `waited` in the queue, or
    /// where another attempt had begun (`None`).
    pub fn run_begun(&self, waited: Option<Duration>) {
        self.runs.begun(waited);
    }

    /// Counts that this process has stopped working on it, after so long.
    pub fn run_left(&self, worked: Duration) {
        self.runs.left(worked);
    }

    /// Counts that it ended so.
    pub fn run_ended(&self, state: State) {
        self.runs.ended(state.as_str());
    }

    /// Counts a run around which this was done.
    pub fn agent_used(&self, by: &'static str) {
        self.agents.used(by);
    }

    /// Counts an answer in a run that this had given again.
    pub fn agent_sent_back(&self, by: &'static str) {
        self.agents.sent_back(by);
    }

    /// Says how the servers of this machine's models are, and what happened to them so far.
    pub fn models_are(&self, servers: &[ModelServer], history: &[ModelHistory]) {
        self.sleepers.are(servers, history);
    }

    /// Counts an error that is answered to a client.
    pub fn failed(&self, code: Code) {
        self.errors.get_or_create(&ErrorLabels::new(code)).inc();
    }

    /// Counts a response.
    pub fn responded(&self, method: &'static str, route: &str, status: u16, after: Duration) {
        let labels = HttpLabels::new(method, route, status);
        self.http.get_or_create(&labels).observe(after.as_secs_f64());
    }

    /// Says how many worker slots are taken.
    pub fn busy(&self, slots: usize) {
        self.active.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    /// Everything counted so far, in the OpenMetrics text format 1.0.
    pub fn render(&self) -> Result<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|error| {
            Error::new(Code::Internal, "the metrics cannot be written").caused_by(error)
        })?;
        Ok(text)
    }

    fn operation(&self, receipt: &Receipt) -> OperationLabels {
        OperationLabels::new(receipt.operation, self.models.label(&receipt.model))
    }
}
