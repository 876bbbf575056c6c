//! One server that does not exist.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    ports::{ModelServer, ServerState},
};

#[derive(Debug)]
pub(super) struct Server {
    pub(super) idle_after: Duration,
    pub(super) queue: u32,
    pub(super) slots: Slots,
    pub(super) held: bool,
    pub(super) broken: Option<String>,
    pub(super) progress: Option<f32>,
    pub(super) base_url: String,
    pub(super) expected_wake: Option<Duration>,
    pub(super) starts: usize,
    pub(super) queued: u32,
    state: State,
    active: u32,
    failures: u32,
    // Asked for while callers waited for the wake: they are answered first.
    released: bool,
}

#[derive(Debug)]
enum State {
    Cold,
    Waking { since: Duration },
    Warm { idle_since: Duration },
    Draining,
    Failed { reason: String, retry_at: Duration },
}

/// What a caller does next.
pub(super) enum Turn {
    Come { slot: Option<u32>, base_url: String, life: usize },
    Wait { to_wake: bool },
    Leave(Error),
}

impl Default for Server {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(300),
            queue: 256,
            slots: Slots::default(),
            held: false,
            broken: None,
            progress: None,
            base_url: "http://127.0.0.1:9/v1".to_owned(),
            expected_wake: None,
            starts: 0,
            queued: 0,
            state: State::Cold,
            active: 0,
            failures: 0,
            released: false,
        }
    }
}

impl Server {
    const BACK_OFF: Duration = Duration::from_secs(1);

    /// Does what was due by `now`.
    pub(super) fn pass_time(&mut self, now: Duration) {
        let idle =
            matches!(self.state, State::Warm { idle_since } if idle_since + self.idle_after <= now);
        if idle && self.active == 0 {
            self.state = State::Cold;
        }
    }

    pub(super) fn report(&mut self, model: &str, now: Duration) -> ModelServer {
        self.pass_time(now);
        let state = match &self.state {
            State::Cold => ServerState::Cold,
            State::Waking { .. } => ServerState::Waking,
            State::Warm { .. } => ServerState::Warm,
            State::Draining => ServerState::Draining,
            State::Failed { reason, retry_at } => ServerState::Failed {
                reason: reason.clone(),
                retry_in: retry_at.saturating_sub(now),
            },
        };
        let waking_for = match self.state {
            State::Waking { since } => Some(now.saturating_sub(since)),
            _ => None,
        };
        ModelServer {
            model: model.to_owned(),
            waking_for,
            progress: self.progress.filter(|_| state == ServerState::Waking),
            state,
            active: self.active,
            queued: self.queued,
            expected_wake: self.expected_wake,
        }
    }

    /// What a caller does who may already be in the queue.
    pub(super) fn ask(&mut self, queued: bool, who: Option<&str>, now: Duration) -> Turn {
        self.pass_time(now);
        match &self.state {
            State::Cold => self.start(now),
            // Those who waited for the failed start share its failure.
            State::Failed { retry_at, .. } if *retry_at <= now && !queued => self.start(now),
            _ => {}
        }
        let to_wake = match &self.state {
            State::Warm { .. } => {
                if let Some(slot) = self.slots.take(who) {
                    self.active += 1;
                    let base_url = self.base_url.clone();
                    return Turn::Come { slot, base_url, life: self.starts };
                }
                false
            }
            State::Failed { reason, retry_at } => {
                let message = format!("the model could not be started: {reason}");
                let error = Error::new(Code::UpstreamFailed, message);
                return Turn::Leave(error.retry_after(retry_at.saturating_sub(now)));
            }
            State::Cold | State::Waking { .. } | State::Draining => true,
        };
        if !queued && self.queued >= self.queue {
            let error = Error::new(Code::Busy, "too many callers wait for the model");
            let delay = self.expected_wake.unwrap_or_default().max(Self::BACK_OFF);
            return Turn::Leave(error.retry_after(delay));
        }
        if !queued {
            self.queued += 1;
        }
        Turn::Wait { to_wake }
    }

    fn start(&mut self, now: Duration) {
        self.starts += 1;
        self.released = false;
        self.state = State::Waking { since: now };
        if !self.held {
            self.finish(now);
        }
    }

    fn finish(&mut self, now: Duration) {
        let State::Waking { since } = self.state else { return };
        if let Some(reason) = self.broken.clone() {
            return self.fail(reason, now);
        }
        self.failures = 0;
        self.slots.forget();
        self.expected_wake.get_or_insert(now - since);
        self.state = State::Warm { idle_since: now };
    }

    fn fail(&mut self, reason: String, now: Duration) {
        let delay = Self::BACK_OFF * 2_u32.pow(self.failures.min(10));
        self.failures += 1;
        self.active = 0;
        self.state = State::Failed { reason, retry_at: now + delay };
    }

    pub(super) fn let_go(&mut self, now: Duration) {
        self.held = false;
        self.finish(now);
    }

    pub(super) fn break_down(&mut self, reason: &str, now: Duration) {
        self.broken = Some(reason.to_owned());
        if matches!(self.state, State::Waking { .. } | State::Warm { .. } | State::Draining) {
            self.fail(reason.to_owned(), now);
        }
    }

    pub(super) fn free(&mut self, life: usize, slot: Option<u32>, now: Duration) {
        if life != self.starts || self.active == 0 {
            return;
        }
        self.active -= 1;
        self.slots.free(slot);
        match &mut self.state {
            State::Draining if self.active == 0 => self.state = State::Cold,
            State::Warm { .. } if self.released && self.active + self.queued == 0 => {
                self.state = State::Cold;
            }
            State::Warm { idle_since } => *idle_since = now,
            _ => {}
        }
    }

    pub(super) fn release(&mut self, _now: Duration) {
        self.failures = 0;
        self.state = match self.state {
            State::Waking { since } if self.queued > 0 => {
                self.released = true;
                State::Waking { since }
            }
            _ if self.active > 0 => State::Draining,
            _ => State::Cold,
        };
    }
}

/// Numbered slots, each with the conversation that it last met; none: any number of answers.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<(bool, Option<String>)>);

impl Slots {
    pub(super) fn number(&mut self, slots: u32) {
        self.0 = (0..slots).map(|_| (false, None)).collect();
    }

    fn forget(&mut self) {
        self.0.iter_mut().for_each(|slot| *slot = (false, None));
    }

    /// A free slot, best the one that the conversation knows; `None` if all are taken.
    fn take(&mut self, who: Option<&str>) -> Option<Option<u32>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let free = |(busy, _): &(bool, Option<String>)| !busy;
        let knows = |slot: &(bool, Option<String>)| who.is_some() && slot.1.as_deref() == who;
        let known = self.0.iter().position(|slot| free(slot) && knows(slot));
        let fresh = || self.0.iter().position(|slot| free(slot) && slot.1.is_none());
        let found = known.or_else(fresh).or_else(|| self.0.iter().position(free))?;
        let slot = self.0.get_mut(found)?;
        *slot = (true, who.map(ToOwned::to_owned));
        u32::try_from(found).ok().map(Some)
    }

    fn free(&mut self, slot: Option<u32>) {
        let found = slot.and_then(|slot| self.0.get_mut(usize::try_from(slot).ok()?));
        if let Some((busy, _)) = found {
            *busy = false;
        }
    }
}
