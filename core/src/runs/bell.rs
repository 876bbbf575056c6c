//! Wakes who waits in this process for something to happen.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::{FutureExt, channel::oneshot};

/// Rings for everybody who listened before.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<Vec<oneshot::Sender<()>>>);

impl Bell {
    /// Listens from now on: who listens and then looks misses nothing.
    pub(super) fn listen(&self) -> Heard {
        let (rings, heard) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !other.is_canceled());
        waiting.push(rings);
        Heard(heard)
    }

    pub(super) fn ring(&self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        // Dropping the other end is the signal.
        drop(waiting);
    }
}

/// Resolves when something has happened.
#[derive(Debug)]
pub struct Heard(oneshot::Receiver<()>);

impl Future for Heard {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_unpin(context).map(drop)
    }
}
