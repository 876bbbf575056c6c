//! How a provider has treated a credential lately: whether it is worth asking again.
//!
//! Three things take a credential out of turn, each for a time: the provider asked for patience (429, or
//! any refusal with a `Retry-After`), it refused the credential itself (401, 403), or it failed again and
//! again. After the time, one request may try (the *probe*); its outcome decides for all.
//!
//! It is kept in memory, by each process for itself: what another process knows is not worth a write per
//! request.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Failures in a row after which a credential is out of turn.
const MOST_FAILURES: u32 = 5;
/// How long a credential is out of turn the first time; it doubles from failure to failure.
const SHORTEST_BREAK: Duration = Duration::from_secs(1);
/// The longest that it is out of turn, whatever a provider asks for.
const LONGEST_BREAK: Duration = Duration::from_secs(300);
/// How long a credential that was refused is not shown again.
const REFUSED_BREAK: Duration = Duration::from_secs(600);

/// What became of a call, as far as the provider's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It answered, or refused something that was the caller's fault.
    Well,
    /// It asked for patience, perhaps saying how much.
    Limited(Option<Duration>),
    /// It refused the credential.
    Refused,
    /// It could not be reached, did not answer in time, or failed.
    Failed,
}

/// The health of one credential of one provider. Times are those of
/// [`Host::elapsed`](crate::ports::Host::elapsed).
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    limits: u32,
    /// Out of turn until then.
    until: Option<Duration>,
    /// A request tries whether it is in turn again, since then.
    probe: Option<Duration>,
}

impl Health {
    /// Whether a request may go there at `now`. `Err`: how long not.
    ///
    /// Who is let in when a break has just ended is the probe; until its outcome is noted, or it has
    /// taken longer than any break, others are not let in.
    pub fn enter(&self, now: Duration) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.until else { return Ok(()) };
        if now < until {
            return Err(until.saturating_sub(now));
        }
        match state.probe {
            Some(since) if now < since.saturating_add(LONGEST_BREAK) => Err(SHORTEST_BREAK),
            _ => {
                state.probe = Some(now);
                Ok(())
            }
        }
    }

    /// How long no request may go there, as seen at `now`; `None` if one may.
    pub fn rest(&self, now: Duration) -> Option<Duration> {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).until?;
        until.checked_sub(now).filter(|rest| !rest.is_zero())
    }

    /// The request that was let in leaves without an outcome: its caller has gone.
    pub fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).probe = None;
    }

    /// Notes what became of a call.
    pub fn note(&self, pulse: Pulse, now: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.probe = None;
        match pulse {
            Pulse::Well => *state = State::default(),
            Pulse::Limited(asked) => {
                state.limits = state.limits.saturating_add(1);
                let time = asked.unwrap_or_else(|| doubled(state.limits)).min(LONGEST_BREAK);
                state.until = Some(now.saturating_add(time));
            }
            Pulse::Refused => state.until = Some(now.saturating_add(REFUSED_BREAK)),
            Pulse::Failed => {
                state.failures = state.failures.saturating_add(1);
                if let Some(beyond) =
                    state.failures.checked_sub(MOST_FAILURES - 1).filter(|it| *it > 0)
                {
                    state.until = Some(now.saturating_add(doubled(beyond)));
                }
            }
        }
    }
}

/// The break after the `nth` time, counted from 1.
fn doubled(nth: u32) -> Duration {
    let factor = 1_u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX);
    SHORTEST_BREAK.saturating_mul(factor).min(LONGEST_BREAK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_limit_lasts_as_long_as_the_provider_says_but_not_for_ever() {
        let health = Health::default();
        health.note(Pulse::Limited(Some(at(20))), at(100));
        assert_eq!(health.enter(at(101)), Err(at(19)));
        assert_eq!(health.enter(at(120)), Ok(()));

        health.note(Pulse::Limited(Some(at(1_000_000))), at(200));
        assert_eq!(health.enter(at(201)), Err(LONGEST_BREAK - at(1)));
    }

    #[test]
    fn limits_without_a_time_double() {
        let health = Health::default();
        for (nth, time) in [(0, 1), (1, 2), (2, 4)] {
            health.note(Pulse::Limited(None), at(nth * 100));
            assert_eq!(health.enter(at(nth * 100)), Err(at(time)), "limit number {nth}");
        }
    }

    #[test]
    fn a_few_failures_are_forgiven_and_more_open_the_circuit() {
        let health = Health::default();
        for _ in 1..MOST_FAILURES {
            health.note(Pulse::Failed, at(1));
            assert_eq!(health.enter(at(1)), Ok(()));
        }
        health.note(Pulse::Failed, at(1));
        assert_eq!(health.enter(at(1)), Err(SHORTEST_BREAK));
        health.note(Pulse::Failed, at(3));
        assert_eq!(health.enter(at(3)), Err(SHORTEST_BREAK * 2));
    }

    #[test]
    fn an_answer_between_them_makes_failures_start_again() {
        let health = Health::default();
        for _ in 0..3 {
            for _ in 1..MOST_FAILURES {
                health.note(Pulse::Failed, at(1));
            }
            health.note(Pulse::Well, at(1));
        }
        assert_eq!(health.enter(at(1)), Ok(()));
    }

    #[test]
    fn one_request_probes_and_its_outcome_decides_for_all() {
        let health = Health::default();
        health.note(Pulse::Refused, at(0));
        assert_eq!(health.rest(at(599)), Some(at(1)));
        assert_eq!(health.rest(at(600)), None);
        assert_eq!(health.enter(at(600)), Ok(()), "the probe");
        assert!(health.enter(at(600)).is_err(), "the others wait for it");
        health.note(Pulse::Refused, at(601));
        assert!(health.enter(at(602)).is_err());
        assert_eq!(health.enter(at(1300)), Ok(()));
        health.note(Pulse::Well, at(1300));
        assert_eq!(health.enter(at(1300)), Ok(()));
        assert_eq!(health.enter(at(1300)), Ok(()));
    }

    #[test]
    fn a_probe_that_leaves_or_is_lost_lets_another_in() {
        let health = Health::default();
        health.note(Pulse::Limited(Some(at(1))), at(0));
        assert_eq!(health.enter(at(1)), Ok(()));
        health.leave();
        assert_eq!(health.enter(at(1)), Ok(()));
        assert!(health.enter(at(2)).is_err());
        assert_eq!(health.enter(at(1) + LONGEST_BREAK), Ok(()));
    }
}
