//! A bounded queue, and threads that work it off.

use std::{
    io, iter,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// The dimensions of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    /// The name of its threads.
    pub(crate) name: &'static str,
    /// How many work side by side.
    pub(crate) threads: usize,
    /// The most jobs that wait.
    pub(crate) depth: usize,
    /// The most jobs that one thread takes at once.
    pub(crate) batch: usize,
}

impl Lane {
    /// Starts the threads, each with a worker of its own. They end when the last sender is dropped
    /// and all jobs are done.
    pub(crate) fn start<Job, Worker>(
        self,
        worker: impl Fn() -> Worker,
    ) -> io::Result<SyncSender<Job>>
    where
        Job: Send + 'static,
        Worker: FnMut(Vec<Job>) + Send + 'static,
    {
        let (sender, receiver) = sync_channel(self.depth);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..self.threads {
            let (receiver, mut work) = (Arc::clone(&receiver), worker());
            thread::Builder::new().name(self.name.into()).spawn(move || {
                while let Some(jobs) = next(&receiver, self.batch) {
                    work(jobs);
                }
            })?;
        }
        Ok(sender)
    }
}

/// Waits for a job and takes it, with those that wait behind it.
fn next<Job>(receiver: &Mutex<Receiver<Job>>, most: usize) -> Option<Vec<Job>> {
    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    let first = receiver.recv().ok()?;
    Some(iter::once(first).chain(receiver.try_iter()).take(most).collect())
}
