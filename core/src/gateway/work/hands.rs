//! How many runs a process works on at once, and on which.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::oneshot;

/// The hands of a process.
#[derive(Debug)]
pub(super) struct Hands {
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: u32,
    /// Who works on which run is told by these to stop.
    working: BTreeMap<String, oneshot::Sender<HandOver>>,
    /// Whether nothing more is begun.
    resting: bool,
    /// Who waits until no hand has anything to do.
    waiting: Vec<oneshot::Sender<()>>,
}

/// Another process is to go on. Without this, whoever is told to stop is told that the run is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandOver;

impl Hands {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, state: Mutex::default() }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// A hand that has nothing to do, if there is one.
    pub(super) fn free(hands: &Arc<Self>) -> Option<Hand> {
        let mut state = hands.state();
        if state.resting || state.taken >= hands.limit {
            return None;
        }
        state.taken += 1;
        Some(Hand(Arc::clone(hands)))
    }

    /// Begins nothing more, and hands over what is under way. Or goes on with it.
    pub(super) fn rest(&self, resting: bool) {
        let mut state = self.state();
        state.resting = resting;
        if resting {
            for stop in std::mem::take(&mut state.working).into_values() {
                // Whoever is done already has nothing to hand over.
                let _ = stop.send(HandOver);
            }
        }
    }

    /// Resolves when no hand has anything to do.
    pub(super) fn idle(&self) -> oneshot::Receiver<()> {
        let (idle, resolves) = oneshot::channel();
        let mut state = self.state();
        if state.taken > 0 {
            state.waiting.retain(|other| !other.is_canceled());
            state.waiting.push(idle);
        }
        resolves
    }

    /// Tells who works on a run that it is over.
    pub(super) fn stop(&self, run: &str) {
        // Dropping it is the signal.
        drop(self.state().working.remove(run));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete at once, so the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the hands, free again when dropped.
#[derive(Debug)]
pub(super) struct Hand(Arc<Hands>);

impl Hand {
    /// Whether nothing more is to be begun.
    pub(super) fn rests(&self) -> bool {
        self.0.state().resting
    }

    /// Works on a run, until what is returned is dropped.
    pub(super) fn on(&self, run: &str) -> Working {
        let (stop, stopped) = oneshot::channel();
        self.0.state().working.insert(run.to_owned(), stop);
        Working { hands: Arc::clone(&self.0), run: run.to_owned(), stopped }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.taken = state.taken.saturating_sub(1);
        if state.taken == 0 {
            // Dropping them is the signal.
            drop(std::mem::take(&mut state.waiting));
        }
    }
}

/// A run on which a hand works.
#[derive(Debug)]
pub(super) struct Working {
    hands: Arc<Hands>,
    run: String,
    /// Resolves when the work is to stop.
    pub(super) stopped: oneshot::Receiver<HandOver>,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.hands.state().working.remove(&self.run);
    }
}
