//! The threads that answer clients.
//!
//! Each has a runtime of its own: a connection is worked by one thread from its first request to its last, with what
//! it calls for its clients. Threads that take each other's tasks would pay for each request with wake-ups, and with
//! memory that another processor has to be asked for.

use std::{io, sync::Arc, thread};

use hyper::rt::Executor;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Threads that work connections until the last clone of this is dropped. Clones are the same threads.
#[derive(Clone, Debug)]
pub(crate) struct Threads(Arc<[Thread]>);

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// Cloned for each task that was given to it, and dropped with it.
    load: Arc<()>,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl Threads {
    /// As many threads as the runtime has from which this is called: one for each processor, unless
    /// `TOKIO_WORKER_THREADS` says another number.
    pub(crate) fn start() -> io::Result<Self> {
        let number = Handle::current().metrics().num_workers();
        (0..number).map(|_| Thread::start()).collect::<io::Result<_>>().map(Self)
    }

    /// Gives a task to the thread that has the fewest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let idlest = self.0.iter().min_by_key(|thread| Arc::strong_count(&thread.load));
        if let Some(Thread { runtime, load, .. }) = idlest {
            let load = Arc::clone(load);
            runtime.spawn(async move {
                task.await;
                drop(load);
            });
        }
    }
}

/// The requests of one HTTP/2 connection are shared by the threads: a load balancer may have no other connection.
impl<Task: Future<Output = ()> + Send + 'static> Executor<Task> for Threads {
    fn execute(&self, task: Task) {
        self.spawn(task);
    }
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let handle = runtime.handle().clone();
        thread::Builder::new().name("answers".into()).spawn(move || {
            // Nothing is ever sent.
            let _ = runtime.block_on(ended);
            // What still waits for other threads is left to them.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, load: Arc::default(), _end: end })
    }
}
