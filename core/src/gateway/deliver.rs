//! Stage 7: pass the answer on to the caller, and settle it before its end.
//!
//! Whoever takes the next piece reads it from the provider: a piece on its way to another task would
//! wake that task, and waking costs more than all else that is done to a piece. But a caller who stops
//! reading must not escape the request's deadline, nor keep its worker slot. So a guard stands by in a
//! task of its own, and ends the answer when its time is over.

use std::{
    convert::Infallible,
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::oneshot,
    future::{BoxFuture, Either, select},
};
use tracing::{Instrument, Span};

use super::{closing::Closing, settle::Settlement};
use crate::{
    Code, Error, Result,
    accounting::Outcome,
    chat::{Chunk, ChunkStream},
    inference::Deadline,
    ports::Host,
};

/// Hands `chunks` on. The stream ends when the call is settled; dropping it ends the call.
pub(super) fn deliver(
    host: &Arc<dyn Host>,
    chunks: ChunkStream,
    settlement: Settlement,
    limits: Limits,
) -> ChunkStream {
    // Of an answer that is here as a whole nothing is left to wait for, and so nothing to guard.
    let is_here = chunks.size_hint().1.is_some();
    let state = State::Running(Box::new(Running { chunks, settlement }));
    let delivery = Delivery(Arc::new(Mutex::new(Shared { state, caller: None })));
    let (present, gone) = oneshot::channel();
    if !is_here {
        host.spawn(guard(delivery.clone(), limits, gone).in_current_span().boxed());
    }
    Delivered { delivery, span: Span::current(), _present: present }.boxed()
}

/// What ends a delivery before its end.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) deadline: Deadline,
    pub(super) closing: Closing,
}

impl Limits {
    /// Waits until one is passed, and says which.
    async fn passed(self) -> Error {
        let closed = self.closing.closed();
        let error = self.deadline.within(Duration::MAX, closed).await;
        error.unwrap_or_else(|| {
            let message = "the request took longer than the gateway allows";
            Error::new(Code::UpstreamTimeout, message)
        })
    }
}

/// The caller's end of a delivery: gone with it is who the answer is for.
struct Delivered {
    delivery: Delivery,
    span: Span,
    _present: oneshot::Sender<Infallible>,
}

impl Stream for Delivered {
    type Item = Result<Chunk>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.span.in_scope(|| self.delivery.poll_next(context))
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        drop(self.delivery.replace(State::Ended(None)));
    }
}

/// Ends the answer when a limit is passed, whether or not the caller reads it. Returns when the answer
/// has ended, or the caller is `gone`.
async fn guard(delivery: Delivery, limits: Limits, gone: oneshot::Receiver<Infallible>) {
    let error = match select(pin!(limits.passed()), gone).await {
        Either::Left((error, _)) => error,
        Either::Right(_) => return,
    };
    let left = match delivery.replace(State::Halting) {
        State::Running(running) => running.end(Some(error)).await,
        State::Ending(ending) => ending.await,
        State::Ended(left) => left,
        State::Halting => None,
    };
    drop(delivery.replace(State::Ended(left)));
    delivery.wake();
}

/// An answer on its way, in the hands of its caller and of its guard.
#[derive(Clone)]
struct Delivery(Arc<Mutex<Shared>>);

struct Shared {
    state: State,
    /// Who waits for the next piece, or for what the guard has to say.
    caller: Option<Waker>,
}

enum State {
    Running(Box<Running>),
    /// The provider has said everything, or failed. Resolves when that is booked, to what the caller is
    /// still to be told.
    Ending(BoxFuture<'static, Option<Error>>),
    /// The guard is ending it.
    Halting,
    /// It is booked. What the caller is still to be told.
    Ended(Option<Error>),
}

impl Delivery {
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        let mut shared = self.lock();
        loop {
            let polled = match &mut shared.state {
                State::Running(running) => running.poll_next(context),
                State::Ending(ending) => ending.poll_unpin(context).map(Step::Ended),
                State::Halting => Poll::Pending,
                State::Ended(left) => return Poll::Ready(left.take().map(Err)),
            };
            match polled {
                Poll::Pending => return shared.wait(context),
                Poll::Ready(Step::Next(chunk)) => return Poll::Ready(Some(Ok(chunk))),
                Poll::Ready(Step::End(error)) => shared.end(error),
                Poll::Ready(Step::Ended(left)) => shared.state = State::Ended(left),
            }
        }
    }

    fn replace(&self, state: State) -> State {
        mem::replace(&mut self.lock().state, state)
    }

    fn wake(&self) {
        let caller = self.lock().caller.take();
        caller.inspect(Waker::wake_by_ref);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change is a single assignment, so the state is whole even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn end(&mut self, error: Option<Error>) {
        if let State::Running(running) = mem::replace(&mut self.state, State::Halting) {
            self.state = State::Ending(running.end(error).boxed());
        }
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        match &mut self.caller {
            Some(caller) => caller.clone_from(context.waker()),
            None => self.caller = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// An answer that still comes. Dropping it ends the call and books it as aborted, in this order.
struct Running {
    chunks: ChunkStream,
    settlement: Settlement,
}

/// What becomes of a delivery.
enum Step {
    Next(Chunk),
    /// Nothing more comes, or this.
    End(Option<Error>),
    /// It is booked, and this is left to be told.
    Ended(Option<Error>),
}

impl Running {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let chunk = ready!(self.chunks.poll_next_unpin(context));
        Poll::Ready(match chunk.map(|chunk| self.settlement.observe(chunk?)) {
            Some(Ok(chunk)) => Step::Next(chunk),
            Some(Err(error)) => Step::End(Some(error)),
            None => Step::End(self.settlement.complete().err()),
        })
    }

    /// Ends the call, if it still runs, and books it. Returns what is to be told.
    async fn end(self: Box<Self>, error: Option<Error>) -> Option<Error> {
        let Self { chunks, mut settlement } = *self;
        drop(chunks);
        let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Completed };
        let booked = settlement.end(outcome, error.as_ref()).await;
        error.or(booked.err())
    }
}
