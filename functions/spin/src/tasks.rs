//! Background work of a request.
//!
//! Inside a component there is no executor but that of the request being served: what a request spawns
//! runs after its answer has ended too, until it is done, and only then is the request over for Spin.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures::future::BoxFuture;
use spin_sdk::wasip3;

/// The waker of the future that is being polled. A component has one thread.
static POLLED: Mutex<Option<Waker>> = Mutex::new(None);

/// Runs `work` beside the request being served.
///
/// The executor looks at new tasks only after a future has finished or been woken. So the future that
/// spawns wakes itself; otherwise work could lie there until something else happens.
pub(crate) fn spawn(work: BoxFuture<'static, ()>) {
    wasip3::spawn(Polled(work));
    if let Some(waker) = current() {
        waker.wake();
    }
}

/// Polls `work` in such a way that it can [`spawn`].
pub(crate) async fn spawning<T>(work: impl Future<Output = T> + Send) -> T {
    Polled(Box::pin(work)).await
}

struct Polled<'a, T>(BoxFuture<'a, T>);

impl<T> Future for Polled<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let outer = replace(Some(context.waker().clone()));
        let polled = self.0.as_mut().poll(context);
        replace(outer);
        polled
    }
}

fn replace(waker: Option<Waker>) -> Option<Waker> {
    std::mem::replace(&mut *POLLED.lock().unwrap_or_else(PoisonError::into_inner), waker)
}

fn current() -> Option<Waker> {
    POLLED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
