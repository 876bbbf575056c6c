//! Stage 3: is there a place where the request goes?
//!
//! A call of the upstream takes one of the gateway's worker slots. A call of a model of this machine
//! stands in that model's line instead: the model's own slots bound how many are answered at once, and
//! those who wait for it to wake do no work that a worker slot would limit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    line::{Lines, Place},
    route::{Candidate, Destination},
};
use crate::{Code, Error, Result, telemetry::Metrics};

/// The slots of a host that does not say how many cores it has.
const DEFAULT_LIMIT: usize = 10;
/// The most answers that a model of this machine gives at once where its server names no limit.
const MOST_ACTIVE: u32 = 1024;
/// What a caller is told to wait when all slots are taken.
const RETRY: Duration = Duration::from_secs(1);

/// How many requests may run at once, and how many do.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    busy: Arc<AtomicUsize>,
    limit: usize,
}

impl Workers {
    pub(super) fn new(limit: Option<u32>) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_LIMIT);
        Self { busy: Arc::default(), limit }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// A place among the running requests, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    busy: Arc<AtomicUsize>,
    metrics: Metrics,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let before = self.busy.fetch_sub(1, Ordering::AcqRel);
        self.metrics.busy(before.saturating_sub(1));
    }
}

/// What an attempt has taken: one of the two.
#[derive(Debug, Default)]
pub(super) struct Admission {
    pub(super) slot: Option<Slot>,
    pub(super) place: Option<Place>,
}

pub(super) fn admit(
    candidate: &Candidate,
    workers: &Workers,
    (lines, limit): (&Lines, u32),
    metrics: &Metrics,
) -> Result<Admission> {
    let model = &candidate.upstream_model;
    match candidate.destination {
        Destination::Upstream(_) => {
            let slot = worker(workers, metrics)?;
            Ok(Admission { slot: Some(slot), ..Admission::default() })
        }
        Destination::Local { active, .. } if active >= MOST_ACTIVE => {
            let message = format!("`{model}` gives {active} answers already");
            Err(Error::new(Code::Busy, message).retry_after(RETRY))
        }
        Destination::Local { .. } => {
            let place = lines.join(model, limit).ok_or_else(|| {
                let message = format!("{limit} requests wait for `{model}` already");
                Error::new(Code::Busy, message).retry_after(RETRY)
            })?;
            Ok(Admission { place: Some(place), ..Admission::default() })
        }
    }
}

fn worker(workers: &Workers, metrics: &Metrics) -> Result<Slot> {
    let before = workers.busy.fetch_add(1, Ordering::AcqRel);
    let slot = Slot { busy: Arc::clone(&workers.busy), metrics: metrics.clone() };
    if before >= workers.limit {
        let message = format!("all {} worker slots are taken", workers.limit);
        return Err(Error::new(Code::Busy, message).retry_after(RETRY));
    }
    metrics.busy(before + 1);
    Ok(slot)
}
