//! How long is tried again what DynamoDB would not do at once.

use std::time::Duration;

use dormouse_core::{Error, Result, ports::Host};
use tokio::time::{Instant, sleep};

/// The longest first pause. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often a request is made whose answer is lost: more often than that, and there is no way to the store.
const LOST_ANSWERS: u32 = 2;

/// The pauses of one call.
pub(crate) struct Patience<'a> {
    host: &'a dyn Host,
    deadline: Instant,
    pause: Duration,
    lost: u32,
}

impl<'a> Patience<'a> {
    /// For a call that may take so long.
    pub(crate) fn new(host: &'a dyn Host, timeout: Duration) -> Self {
        Self { host, deadline: Instant::now() + timeout, pause: FIRST_PAUSE, lost: 0 }
    }

    /// Pauses for a random time before the next attempt; `because`, if there is no time for one.
    pub(crate) async fn pause(&mut self, because: Error) -> Result<()> {
        // From nothing to the longest: those who met each other shall not meet again.
        let [chance, ..] = self.host.random();
        let pause = self.pause.mul_f64(f64::from(chance) / f64::from(u8::MAX));
        if Instant::now() + pause >= self.deadline {
            return Err(because);
        }
        sleep(pause).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        Ok(())
    }

    /// Pauses before a request is made again whose answer was lost.
    pub(crate) async fn pause_unanswered(&mut self, because: Error) -> Result<()> {
        self.lost += 1;
        if self.lost >= LOST_ANSWERS { Err(because) } else { self.pause(because).await }
    }
}
