//! The life of one server, as its task tells it: healthy, done with its errand, gone.

use std::time::Duration;

use super::{
    Closing, Ending, Errand, Fleet,
    model::{self, Phase},
    slots::Slots,
};

impl Fleet {
    /// Notes that a server is healthy, and with how many slots.
    pub(crate) fn warmed(
        &mut self,
        name: &str,
        base_url: String,
        slots: Option<u32>,
        now: Duration,
    ) {
        let Some(model) = self.models.get_mut(name) else { return };
        let Phase::Waking { since, release, abort } = model.phase else { return };
        model.measured(now.saturating_sub(since));
        model.slots = Slots::new(slots.unwrap_or(0));
        model.places = model.spec.concurrency.or(slots);
        model.last_used = now;
        for ticket in &mut model.waiting {
            ticket.woken_in = Some(now.saturating_sub(ticket.since));
        }
        model.phase = Phase::Warm { base_url, since: now };
        self.tidy(name, now);
        if release || abort || self.closing.is_some() {
            self.drain(name);
        }
    }

    /// Notes how far a server says that its wake is: 0 to 1.
    pub(crate) fn advanced(&mut self, name: &str, progress: f32) {
        if let Some(model) = self.models.get_mut(name) {
            model.progress = Some(progress);
        }
    }

    /// Notes that a server is no more.
    pub(crate) fn ended(&mut self, name: &str, ending: Ending, now: Duration) {
        let Some(model) = self.models.get_mut(name) else { return };
        model.active = 0;
        model.life += 1;
        match ending {
            Ending::Stopped => {
                model.failures = 0;
                model.phase = Phase::Cold;
            }
            Ending::Failed(reason) => self.failed(name, &reason, now),
        }
        if self.closing.is_some() {
            self.dismiss(name, |_| model::closing());
        }
        self.start_who_waits(now);
    }

    pub(super) fn failed(&mut self, name: &str, reason: &str, now: Duration) {
        let Some(model) = self.models.get_mut(name) else { return };
        let was_warm = matches!(model.phase, Phase::Warm { .. } | Phase::Draining);
        if let Phase::Warm { since, .. } = model.phase
            && now.saturating_sub(since) >= self.options.backoff_max
        {
            model.failures = 0;
        }
        // What ran may run again at once; what fails in a row rests, longer each time.
        let at_once = was_warm && model.failures == 0;
        let doubled = 2_u32.saturating_pow(model.failures.saturating_sub(u32::from(was_warm)));
        let rest = self.options.backoff_initial.saturating_mul(doubled);
        let rest = if at_once { Duration::ZERO } else { rest.min(self.options.backoff_max) };
        model.counters.failures += 1;
        model.failures = model.failures.saturating_add(1);
        model.phase = Phase::Failed { reason: reason.to_owned(), retry_at: now + rest };
        if !at_once {
            self.dismiss(name, |model| model::failed(model, reason, rest));
        }
    }

    /// What the task of a running server is to do now.
    pub(crate) fn errand(&mut self, name: &str, now: Duration) -> Errand {
        let (idle_timeout, hurry) = (self.options.idle_timeout, self.closing == Some(Closing::Now));
        let Some(model) = self.models.get_mut(name) else { return Errand::Stop };
        let idle = model.is_idle();
        match model.phase {
            Phase::Waking { abort: false, .. } => Errand::Wait,
            Phase::Draining if model.active > 0 && !hurry => Errand::Wait,
            Phase::Warm { .. } if !idle => Errand::Wait,
            Phase::Warm { .. } => {
                let until = model.last_used + idle_timeout;
                if until > now {
                    return Errand::Until(until);
                }
                model.phase = Phase::Draining;
                Errand::Stop
            }
            _ => Errand::Stop,
        }
    }

    /// Takes nobody in any more and stops all servers.
    pub(crate) fn close(&mut self, how: Closing) {
        self.closing = Some(how);
        let names: Vec<_> = self.models.keys().cloned().collect();
        for name in names {
            self.dismiss(&name, |_| model::closing());
            self.drain(&name);
        }
    }
}
