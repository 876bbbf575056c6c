//! Background work of a request, and how futures of different requests wake each other.
//!
//! Inside a component there is no executor but that of the request being served: what a request spawns
//! runs after its answer has ended too, until it is done, and only then is the request over for Spin.
//!
//! Requests of an instance are tasks of the component model, and one task's waker does not reach another: it ends
//! the instance. A stream of the component model does, so each future here has one. Who wakes a future from another
//! task closes it, and the future's own executor learns of that.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::{FutureExt as _, future::BoxFuture};
use spin_sdk::wasip3::{
    self,
    wit_bindgen::{StreamReader, StreamWriter},
    wit_stream,
};

/// What is being polled or dropped. A component has one thread.
static POLLED: Mutex<Option<Polling>> = Mutex::new(None);

/// A future while it is polled or dropped.
#[derive(Clone)]
struct Polling {
    /// The number of the request that it belongs to.
    task: u64,
    waker: Waker,
}

/// Runs `work` beside the request being served.
///
/// The executor looks at new tasks only after a future has finished or been woken. So the future that
/// spawns wakes itself; otherwise work could lie there until something else happens.
pub(crate) fn spawn(work: BoxFuture<'static, ()>) {
    let spawning = current();
    wasip3::spawn(Polled::new(spawning.as_ref().map_or_else(fresh, |it| it.task), work));
    if let Some(spawning) = spawning {
        spawning.waker.wake();
    }
}

/// Polls `work`, of a request that has just come, in such a way that it can [`spawn`] and be woken by others.
pub(crate) async fn spawning<T>(work: impl Future<Output = T> + Send) -> T {
    Polled::new(fresh(), work.boxed()).await
}

struct Polled<'a, T> {
    task: u64,
    /// `None` when it is done.
    work: Option<BoxFuture<'a, T>>,
    /// By what others wake it.
    line: Arc<Line>,
    /// The other end of the line, and what waits there for it to be closed.
    hears: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// How a future is woken.
struct Line {
    task: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What wakes it from within its own task.
    waker: Option<Waker>,
    /// What wakes it from elsewhere, when it is dropped.
    writer: Option<StreamWriter<u8>>,
}

impl<'a, T> Polled<'a, T> {
    fn new(task: u64, work: BoxFuture<'a, T>) -> Self {
        let line = Arc::new(Line { task, state: Mutex::default() });
        Self { task, work: Some(work), line, hears: None }
    }

    /// Listens to those who wake it from elsewhere.
    fn listen(&mut self, context: &mut Context<'_>) {
        loop {
            let hears = self.hears.get_or_insert_with(|| {
                let (writer, reader) = wit_stream::new();
                self.line.state().writer = Some(writer);
                Box::pin(closed(reader))
            });
            if hears.as_mut().poll(context).is_pending() {
                return;
            }
            self.hears = None;
        }
    }
}

/// Resolves when the other end is gone: nothing is ever written.
async fn closed(mut reader: StreamReader<u8>) {
    while reader.next().await.is_some() {}
}

impl<T> Future for Polled<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.line.state().waker = Some(context.waker().clone());
        self.listen(context);
        let own = Waker::from(Arc::clone(&self.line));
        let polling = Polling { task: self.task, waker: context.waker().clone() };
        let Some(work) = &mut self.work else { return Poll::Pending };
        let outer = replace(Some(polling));
        let polled = work.as_mut().poll(&mut Context::from_waker(&own));
        if polled.is_ready() {
            self.work = None;
            self.hears = None;
        }
        replace(outer);
        polled
    }
}

impl<T> Drop for Polled<'_, T> {
    /// What is dropped may wake others, too.
    fn drop(&mut self) {
        let outer = replace(Some(Polling { task: self.task, waker: Waker::noop().clone() }));
        self.work = None;
        self.hears = None;
        *self.line.state() = State::default();
        replace(outer);
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Where nothing is polled, an event has come for the future itself.
        if current().is_none_or(|polling| polling.task == self.task) {
            let waker = self.state().waker.clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        } else {
            let writer = self.state().writer.take();
            drop(writer);
        }
    }
}

/// A number that no request of this instance has had.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn replace(polling: Option<Polling>) -> Option<Polling> {
    std::mem::replace(&mut *POLLED.lock().unwrap_or_else(PoisonError::into_inner), polling)
}

fn current() -> Option<Polling> {
    POLLED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
