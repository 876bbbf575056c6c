//! What is known about one model.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use dormouse_core::{
    Code, Error, Result,
    ports::{Lease, ModelServer, ServerState},
};
use tokio::sync::{Notify, oneshot};

use super::{Counters, Slots};
use crate::ModelSpec;

/// What a wake is taken to need before one was measured.
const UNMEASURED_WAKE: Duration = Duration::from_secs(5);
/// The shortest delay worth telling a caller.
const SHORTEST_DELAY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Model {
    pub(super) spec: Arc<ModelSpec>,
    pub(super) phase: Phase,
    /// Counts servers, so that a lease of an earlier one frees nothing of this.
    pub(super) life: u64,
    pub(super) active: u32,
    pub(super) waiting: VecDeque<Ticket>,
    pub(super) slots: Slots,
    /// How many answers at once; `None`: any number.
    pub(super) places: Option<u32>,
    pub(super) last_used: Duration,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) expected_wake: Option<Duration>,
    /// How far the server says that its wake is.
    pub(super) progress: Option<f32>,
    pub(super) counters: Counters,
    /// Tells the task of the running server to ask for its errand again.
    pub(super) nudge: Arc<Notify>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Cold,
    /// `release`: to be stopped when those who wait now are answered. `abort`: to be stopped now.
    Waking {
        since: Duration,
        release: bool,
        abort: bool,
    },
    Warm {
        base_url: String,
        since: Duration,
    },
    Draining,
    Failed {
        reason: String,
        retry_at: Duration,
    },
}

/// A caller in the queue.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) conversation: Option<String>,
    pub(super) since: Duration,
    /// How long it had to wait for the server; `None` while the server wakes.
    pub(super) woken_in: Option<Duration>,
    pub(super) reply: oneshot::Sender<Result<Lease>>,
}

/// A place that was given to somebody.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) model: Arc<str>,
    pub(crate) life: u64,
    pub(crate) slot: Option<u32>,
    pub(crate) base_url: String,
    pub(crate) woken_in: Duration,
}

impl Model {
    pub(super) fn new(spec: ModelSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            phase: Phase::Cold,
            life: 0,
            active: 0,
            waiting: VecDeque::new(),
            slots: Slots::default(),
            places: None,
            last_used: Duration::ZERO,
            failures: 0,
            expected_wake: None,
            progress: None,
            counters: Counters::default(),
            nudge: Arc::new(Notify::new()),
        }
    }

    /// Whether it takes memory.
    pub(super) fn is_loaded(&self) -> bool {
        matches!(self.phase, Phase::Waking { .. } | Phase::Warm { .. } | Phase::Draining)
    }

    /// Warm, and nobody would miss it.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Warm { .. }) && self.active == 0 && self.waiting.is_empty()
    }

    /// Somebody waits for it, and nothing but room stands in the way.
    pub(super) fn wants_to_start(&self, now: Duration) -> bool {
        !self.waiting.is_empty()
            && match &self.phase {
                Phase::Cold => true,
                Phase::Failed { retry_at, .. } => *retry_at <= now,
                Phase::Waking { .. } | Phase::Warm { .. } | Phase::Draining => false,
            }
    }

    /// A place for one more answer, if the server is warm and has one.
    pub(super) fn seat(
        &mut self,
        conversation: Option<&str>,
        woken_in: Duration,
        now: Duration,
    ) -> Option<Seat> {
        let Phase::Warm { base_url, .. } = &self.phase else { return None };
        if self.places.is_some_and(|places| self.active >= places) {
            return None;
        }
        self.active += 1;
        self.last_used = now;
        let model = Arc::from(self.spec.name.as_str());
        let (life, base_url) = (self.life, base_url.clone());
        let slot = self.slots.take(conversation);
        Some(Seat { model, life, slot, base_url, woken_in })
    }

    /// Learns from a wake: the newest counts a quarter.
    pub(super) fn measured(&mut self, wake: Duration) {
        self.counters.wakes += 1;
        self.counters.wake_time += wake;
        self.expected_wake = Some(self.expected_wake.map_or(wake, |it| (it * 3 + wake) / 4));
    }

    /// Why nobody gets a place now; `None` if it may be tried.
    pub(super) fn failure(&self, now: Duration) -> Option<Error> {
        let Phase::Failed { reason, retry_at } = &self.phase else { return None };
        (*retry_at > now).then(|| failed(&self.spec.name, reason, *retry_at - now))
    }

    /// The queue is full.
    pub(super) fn busy(&self, now: Duration) -> Error {
        let expected = self.expected_wake.unwrap_or(UNMEASURED_WAKE);
        let passed = self.waking_for(now).unwrap_or_default();
        let message = format!("too many callers wait for the model `{}`", self.spec.name);
        Error::new(Code::Busy, message)
            .retry_after(expected.saturating_sub(passed).max(SHORTEST_DELAY))
    }

    fn waking_for(&self, now: Duration) -> Option<Duration> {
        match self.phase {
            Phase::Waking { since, .. } => Some(now.saturating_sub(since)),
            _ => None,
        }
    }

    pub(super) fn report(&self, now: Duration) -> ModelServer {
        let state = match &self.phase {
            _ if self.wants_to_start(now) => ServerState::Waking,
            Phase::Cold => ServerState::Cold,
            Phase::Waking { .. } => ServerState::Waking,
            Phase::Warm { .. } => ServerState::Warm,
            Phase::Draining => ServerState::Draining,
            Phase::Failed { reason, retry_at } => ServerState::Failed {
                reason: reason.clone(),
                retry_in: retry_at.saturating_sub(now),
            },
        };
        ModelServer {
            model: self.spec.name.clone(),
            state,
            active: self.active,
            queued: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            expected_wake: self.expected_wake,
            waking_for: self.waking_for(now),
            progress: self.progress.filter(|_| matches!(self.phase, Phase::Waking { .. })),
        }
    }
}

pub(super) fn failed(model: &str, reason: &str, retry_in: Duration) -> Error {
    let message = format!("the server of the model `{model}` failed: {reason}");
    Error::new(Code::UpstreamFailed, message).retry_after(retry_in)
}

pub(super) fn closing() -> Error {
    Error::new(Code::UpstreamUnavailable, "the gateway is shutting down")
        .retry_after(SHORTEST_DELAY)
}
