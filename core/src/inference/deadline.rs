//! When a request must be over.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use crate::ports::Host;

/// The moment at which a request must be over.
#[derive(Clone, Debug)]
pub struct Deadline {
    host: Arc<dyn Host>,
    at: Duration,
}

impl Deadline {
    /// `time` from now.
    pub fn after(host: Arc<dyn Host>, time: Duration) -> Self {
        let at = host.elapsed().saturating_add(time);
        Self { host, at }
    }

    /// What is left of the time, but no more than `patience`.
    pub fn at_most(&self, patience: Duration) -> Duration {
        patience.min(self.at.saturating_sub(self.host.elapsed()))
    }

    /// Waits for `work` for at most `patience`, and not past the deadline. `None`: not in time.
    pub async fn within<T>(&self, patience: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // Most work is done as soon as it is looked at, and needs no timer.
        let mut alarm = None;
        poll_fn(|context| {
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            let alarm = alarm.get_or_insert_with(|| self.host.sleep(self.at_most(patience)));
            alarm.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}
