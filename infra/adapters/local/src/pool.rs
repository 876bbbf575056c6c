//! The threads on which models compute: as many as the operator allows, whatever the number of requests.
//!
//! An answer is a future that gives way after each token, so that many are told side by side on a few
//! threads; large products within one are shared between threads that have nothing else to do.

use std::{
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

    fn line(&self) -> MutexGuard<'_, VecDeque<Arc<Task>>> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
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
        let its = pool.clone();
        pool.0.threads.spawn_fifo(move || {
            let next = its.line().pop_front();
            if let Some(task) = next {
                task.run();
            }
        });
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
