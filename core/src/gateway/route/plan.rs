//! One request's way through its candidates.

use std::collections::VecDeque;

use super::{Candidate, Destination, Route};
use crate::{
    Code, Error, Result,
    catalog::{Failure, Fallback},
    inference::{Visit, Way},
};

/// Who is asked, and who is asked next if that fails.
#[derive(Debug)]
pub(in crate::gateway) struct Plan {
    candidates: VecDeque<Candidate>,
    fallback: Fallback,
    /// The further credentials of the candidate that is being asked.
    ways: VecDeque<Way>,
    current: Option<Candidate>,
}

/// One call that may be made.
#[derive(Debug)]
pub(in crate::gateway) struct Attempt {
    pub(in crate::gateway) candidate: Candidate,
    /// Of a provider: the visit to it.
    pub(in crate::gateway) visit: Option<Visit>,
    /// Whether nobody would be asked after it.
    pub(in crate::gateway) last: bool,
}

impl Plan {
    pub(in crate::gateway) fn new(route: Route) -> Self {
        let most = usize::try_from(route.fallback.max_attempts).unwrap_or(usize::MAX).max(1);
        let candidates = route.candidates.into_iter().take(most).collect();
        Self { candidates, fallback: route.fallback, ways: VecDeque::new(), current: None }
    }

    /// The first attempt.
    pub(in crate::gateway) fn first(&mut self) -> Result<Attempt> {
        self.next_candidate(Error::new(Code::ModelNotFound, "there is no model to ask"))
    }

    /// The next attempt after one that failed with `error`, or the error if there is none.
    pub(in crate::gateway) fn after(&mut self, error: Error) -> Result<Attempt> {
        let of_credential =
            matches!(error.code(), Code::UpstreamCredential | Code::UpstreamRateLimited);
        if of_credential && let Some(attempt) = self.next_way() {
            return Ok(attempt);
        }
        match failure(&error) {
            Some(failure) if self.fallback.on.contains(&failure) => self.next_candidate(error),
            _ => Err(error),
        }
    }

    /// The first way of the next candidate that can be asked; `error` if there is none.
    fn next_candidate(&mut self, mut error: Error) -> Result<Attempt> {
        while let Some(candidate) = self.candidates.pop_front() {
            if let Destination::Upstream(ways) = &candidate.destination {
                self.ways = ways.iter().cloned().collect();
                let resting = self.resting();
                self.current = Some(candidate);
                match (self.next_way(), resting) {
                    (Some(attempt), _) => return Ok(attempt),
                    (None, Some(resting)) => error = resting,
                    (None, None) => {}
                }
            } else {
                self.ways.clear();
                let last = self.candidates.is_empty();
                return Ok(Attempt { candidate, visit: None, last });
            }
        }
        Err(error)
    }

    /// The next credential of the same provider that can be used.
    fn next_way(&mut self) -> Option<Attempt> {
        let candidate = self.current.clone()?;
        while let Some(way) = self.ways.pop_front() {
            if let Ok(visit) = way.enter() {
                let last = self.candidates.is_empty() && self.ways.is_empty();
                return Some(Attempt { candidate, visit: Some(visit), last });
            }
        }
        None
    }

    /// Why none of the ways can be used, if none can: the error of the one that can be used soonest.
    fn resting(&self) -> Option<Error> {
        let rests = self.ways.iter().map(Way::rest).collect::<Option<Vec<Error>>>()?;
        rests.into_iter().min_by_key(Error::delay)
    }
}

/// How a call failed, if another model may do better.
fn failure(error: &Error) -> Option<Failure> {
    match error.code() {
        Code::UpstreamUnreachable | Code::UpstreamTimeout => Some(Failure::Transport),
        Code::UpstreamRateLimited | Code::Busy => Some(Failure::RateLimit),
        Code::ContextOverflow => Some(Failure::ContextOverflow),
        Code::UpstreamCredential
        | Code::UpstreamNotFound
        | Code::UpstreamFailed
        | Code::UpstreamInvalid
        | Code::UpstreamUnavailable
        | Code::ModelWaking => Some(Failure::ServerError),
        _ => None,
    }
}
