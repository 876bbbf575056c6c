//! The end of a gateway: running answers are told to end, and are settled.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Either, Shared, select},
};

use crate::{Code, Error, Result};

/// Whether the gateway is closing. Clones know the same.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    trigger: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    signal: Shared<oneshot::Receiver<()>>,
}

impl Default for Closing {
    fn default() -> Self {
        let (trigger, signal) = oneshot::channel();
        Self { trigger: Arc::new(Mutex::new(Some(trigger))), signal: signal.shared() }
    }
}

impl Closing {
    /// Ends what runs.
    pub(super) fn close(&self) {
        drop(self.trigger.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Returns when the gateway closes.
    pub(super) async fn closed(&self) -> Error {
        // Closing drops the sender, so the error is the signal.
        let _ = self.signal.clone().await;
        Error::new(Code::Stopping, "the gateway is stopping")
    }

    /// Waits for `work`, but not past the closing. Work is large, so it stays where it is.
    pub(super) async fn unless<T>(
        &self,
        work: Pin<&mut impl Future<Output = Result<T>>>,
    ) -> Result<T> {
        match select(work, pin!(self.closed())).await {
            Either::Left((result, _)) => result,
            Either::Right((error, _)) => Err(error),
        }
    }
}
