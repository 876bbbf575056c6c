//! What the settings of runs must be.

use std::{ops::RangeInclusive, time::Duration};

use super::Settings;
use crate::{Error, Result, ports::MAX_DELAY};

/// How long the lease of a run may last: renewing it takes a moment, and no queue gives a longer one.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_DELAY;

pub(super) fn check(settings: &Settings) -> Result<()> {
    if settings.runs_poll.is_zero() {
        let why = "DORMOUSE_RUNS_POLL must be longer than nothing";
        return Err(Error::invalid("DORMOUSE_RUNS_POLL", why));
    }
    if !LEASES.contains(&settings.run_lease) {
        let why = "DORMOUSE_RUN_LEASE must be from 1s to 15m";
        return Err(Error::invalid("DORMOUSE_RUN_LEASE", why));
    }
    Ok(())
}
