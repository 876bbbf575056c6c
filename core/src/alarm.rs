//! An alarm that is set again and again, and hardly ever rings.

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use crate::ports::Host;

/// Rings when nobody has [set](Self::set) it for so long. Setting it costs a look at the clock: the
/// timer underneath runs on, and is made anew when it ends too early.
pub struct Alarm {
    host: Arc<dyn Host>,
    /// When to ring, in [`Host::elapsed`].
    due: Duration,
    timer: Option<Timer>,
}

struct Timer {
    ends: Duration,
    sleep: BoxFuture<'static, ()>,
}

impl Alarm {
    /// An alarm that rings `time` from now.
    pub fn after(host: Arc<dyn Host>, time: Duration) -> Self {
        let mut alarm = Self { host, due: Duration::ZERO, timer: None };
        alarm.set(time);
        alarm
    }

    /// Lets it ring `time` from now, whatever it was set to before.
    pub fn set(&mut self, time: Duration) {
        self.due = self.host.elapsed().saturating_add(time);
    }

    /// Waits for `work`, but not past the ringing. `None`: it rang.
    pub async fn before<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => self.poll_ring(context).map(|()| None),
        })
        .await
    }

    fn poll_ring(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            // One that ends later than the alarm is of no use.
            let timer = match self.timer.take().filter(|timer| timer.ends <= self.due) {
                Some(timer) => timer,
                None => self.timer(),
            };
            ready!(self.timer.insert(timer).sleep.as_mut().poll(context));
            self.timer = None;
            if self.host.elapsed() >= self.due {
                return Poll::Ready(());
            }
        }
    }

    fn timer(&self) -> Timer {
        let (host, ends) = (Arc::clone(&self.host), self.due);
        let time = ends.saturating_sub(host.elapsed());
        Timer { ends, sleep: async move { host.sleep(time).await }.boxed() }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("due", &self.due).finish_non_exhaustive()
    }
}
