//! Time, randomness and background work, as WASI and Spin give them.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use dormouse_core::ports::{Host, Timestamp};
use futures::future::BoxFuture;

use crate::tasks;

/// The machine as a component sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpinHost;

#[async_trait]
impl Host for SpinHost {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since_epoch
    }

    fn elapsed(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    async fn sleep(&self, time: Duration) {
        spin_sdk::time::sleep(time).await;
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tasks::spawn(work);
    }

    #[expect(clippy::expect_used, reason = "WASI's source of randomness cannot fail")]
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("wasi:random answers");
        bytes
    }
}
