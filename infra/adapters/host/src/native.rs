//! Time, randomness and background work on a tokio runtime.

mod randomness;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use dormouse_core::ports::{Host, Timestamp};
use futures::future::BoxFuture;
use randomness::Randomness;
use tokio_util::task::TaskTracker;

/// The machine this process runs on. Must be used within a tokio runtime.
/// Clones are the same machine.
#[derive(Clone, Debug)]
pub struct NativeHost {
    started: Instant,
    tasks: TaskTracker,
    randomness: Arc<Randomness>,
}

impl Default for NativeHost {
    fn default() -> Self {
        Self { started: Instant::now(), tasks: TaskTracker::new(), randomness: Arc::default() }
    }
}

impl NativeHost {
    /// Waits until everything that was spawned has ended, but no longer than `patience`. A process
    /// that ends before its tasks leaves calls unbooked.
    pub async fn finish(&self, patience: Duration) {
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "the process ends before its tasks");
        }
    }
}

#[async_trait]
impl Host for NativeHost {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since_epoch
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.tasks.spawn(work);
    }

    /// # Panics
    ///
    /// If the operating system gives no randomness: without it no secret can be made, so nothing may
    /// go on.
    fn random(&self) -> [u8; 32] {
        self.randomness.draw()
    }
}
