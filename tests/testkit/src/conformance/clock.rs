//! How time passes in a suite.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use dormouse_core::ports::{Host, Timestamp};

use crate::fakes::TestHost;

/// The clock by which the tested store lets things expire.
#[async_trait]
pub trait TestClock: fmt::Debug + Send + Sync {
    /// What it shows.
    fn now(&self) -> Timestamp;

    /// Lets at least `time` pass.
    async fn pass(&self, time: Duration);
}

#[async_trait]
impl TestClock for TestHost {
    fn now(&self) -> Timestamp {
        Host::now(self)
    }

    async fn pass(&self, time: Duration) {
        self.advance(time);
    }
}

/// For stores whose clock cannot be moved: time passes by waiting.
#[derive(Debug)]
pub struct RealTime<'a>(pub &'a dyn Host);

#[async_trait]
impl TestClock for RealTime<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn pass(&self, time: Duration) {
        self.0.sleep(time).await;
    }
}
