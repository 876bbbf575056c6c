//! The threads on which models compute: as many as the operator allows, whatever the number of requests.
//!
//! An answer is a future that gives way after each token, so that many are told side by side on a few
//! threads; large products within one are shared between threads that have nothing else to do.

use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake},
};

use dormouse_core::{Code, Error, Result};
use futures::channel::oneshot;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The threads.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    threads: ThreadPool,
    /// What is to run, in turn. A thread prefers what it was given itself, which would keep who is new
    /// waiting; so what it is given is the next in this line.
    line: Mutex<VecDeque<Arc<Task>>>,
}

impl Pool {
    /// Starts `threads` of them.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let builder = ThreadPoolBuilder::new().num_threads(threads.max(1));
        let named = builder.thread_name(|at| format!("model-{at}"));
        // Whoever waits for what panicked is told that it broke off.
        let pool =
            named.panic_handler(|_| tracing::error!("an answer of a model in process panicked"));
        let threads = pool.build().map_err(|error| {
            Error::new(Code::Internal, "the threads of models cannot be started").caused_by(error)
        })?;
        Ok(Self(Arc::new(Inner { threads, line: Mutex::default() })))
    }

    /// Runs `future` on the threads.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let future = Mutex::new(Some(Box::pin(future) as Pin<Box<_>>));
        let task = Task { future, state: AtomicU8::new(WOKEN), pool: self.clone() };
        Arc::new(task).schedule();
    }

    /// Does `work` on the threads, in its turn, unless whoever waits for it left before.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] if it panicked.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(async move {
            if !sender.is_canceled() {
                // Who left meanwhile does not miss it.
                let _ = sender.send(work());
            }
        });
        let message = "what a model in process computed broke off";
        receiver.await.map_err(|error| Error::new(Code::Internal, message).caused_by(error))
    }

    /// Has a thread run what is next in the line.
    fn call_next(&self) {
        let pool = self.clone();
        self.0.threads.spawn_fifo(move || pool.run_next());
    }

    fn run_next(&self) {
        // A thread that waits for others to do their parts of a product is given whatever comes, and would begin a
        // second answer within the first, and a third within that, until its stack is full.
        if RUNS.get() {
            return LATER.set(LATER.get() + 1);
        }
        let Some(task) = self.line().pop_front() else { return };
        let _turn = Turn::begin(self);
        task.run();
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<Arc<Task>>> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// Whether this thread runs something from the line.
    static RUNS: Cell<bool> = const { Cell::new(false) };
    /// How often it was to run the next in the line meanwhile.
    static LATER: Cell<usize> = const { Cell::new(0) };
}

/// A thread runs something, until this is dropped, whether that ends or panics.
struct Turn<'a>(&'a Pool);

impl<'a> Turn<'a> {
    fn begin(pool: &'a Pool) -> Self {
        RUNS.set(true);
        Self(pool)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        RUNS.set(false);
        (0..LATER.take()).for_each(|_| self.0.call_next());
    }
}

/// Nothing is to be done.
const IDLE: u8 = 0;
/// It runs.
const RUNNING: u8 = 1;
/// It is to run, or to run again.
const WOKEN: u8 = 2;

/// A future on its way.
struct Task {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    state: AtomicU8,
    pool: Pool,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

impl Task {
    fn schedule(self: Arc<Self>) {
        let pool = self.pool.clone();
        pool.line().push_back(self);
        pool.call_next();
    }

    fn run(self: Arc<Self>) {
        self.state.store(RUNNING, Ordering::SeqCst);
        let waker = Arc::clone(&self).into();
        let mut place = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out: what panics is gone.
        let Some(mut future) = place.take() else { return };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
        *place = Some(future);
        drop(place);
        let slept = self.state.compare_exchange(RUNNING, IDLE, Ordering::SeqCst, Ordering::SeqCst);
        if slept.is_err() {
            self.schedule();
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == IDLE {
            self.schedule();
        }
    }
}

/// Lets others go first.
pub(crate) async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(move |context| {
        if gave {
            return Poll::Ready(());
        }
        gave = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::executor::block_on;

    use super::*;

    thread_local! {
        static ANSWERS: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn a_thread_that_waits_for_another_begins_no_answer_within_its_own() {
        let pool = Pool::start(2).unwrap();
        let ((begin, begun), (release, released)) = (mpsc::channel(), mpsc::channel());
        let (other_has_its_part, there) = mpsc::channel();
        pool.spawn(async move {
            ANSWERS.set(true);
            let own = move || begun.recv().unwrap();
            let others = move || {
                begin.send(()).unwrap();
                other_has_its_part.send(()).unwrap();
                released.recv().unwrap();
            };
            rayon::join(own, others);
            ANSWERS.set(false);
        });
        there.recv().unwrap();
        // Only the thread that waits has time for these two, in this order.
        let (sender, within) = oneshot::channel();
        pool.spawn(async move { sender.send(ANSWERS.get()).unwrap() });
        pool.0.threads.spawn_fifo(move || release.send(()).unwrap());
        assert_eq!(block_on(within), Ok(false));
    }

    #[test]
    fn what_panics_takes_no_thread_with_it() {
        let pool = Pool::start(1).unwrap();
        for _ in 0..3 {
            let error = block_on(pool.compute(|| panic!("on purpose"))).unwrap_err();
            assert_eq!(error.code(), Code::Internal);
        }
        assert_eq!(block_on(pool.compute(|| 7)).unwrap(), 7);
    }
}
