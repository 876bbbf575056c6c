//! The connection that writes: its thread's, and while that rests, anyone's who has a single commit.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dormouse_core::{
    Result,
    ports::{Commit, Host, Outcome},
};

use crate::{
    file::{Access, Link, Log},
    writing::{self, Job},
};

/// The only connection of this process that writes, used by one thread at a time.
pub(crate) struct Writer {
    link: Mutex<Link>,
    log: Log,
    /// How many commits are in the queue of the thread, or on their way there.
    queued: AtomicUsize,
    host: Arc<dyn Host>,
}

impl Writer {
    pub(crate) fn new(path: PathBuf, patience: Duration, host: Arc<dyn Host>) -> Self {
        let log = Log::default();
        let access = Access::Write(log.clone());
        let link = Mutex::new(Link { path, access, patience, connection: None });
        Self { link, log, queued: AtomicUsize::new(0), host }
    }

    /// Makes a commit here and now, if that can be done without waiting: the file is open, nobody else
    /// writes, and nobody waits who would then wait longer. `None`: it cannot, and nothing was written.
    ///
    /// It costs a few writes to the system's memory. What waits for the disk is left to the thread.
    pub(crate) fn at_once(&self, commit: &Commit) -> Option<Result<Outcome>> {
        if self.queued.load(Ordering::Relaxed) != 0 || self.log.is_long() {
            return None;
        }
        let mut link = match self.link.try_lock() {
            Ok(link) => link,
            Err(TryLockError::Poisoned(link)) => link.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        link.connection.as_ref()?;
        let patience = link.patience;
        let outcomes = link.with(|connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let outcomes = writing::run(connection, &*self.host, &[commit]);
            connection.busy_timeout(patience)?;
            outcomes
        });
        match outcomes {
            Ok(outcomes) => outcomes.into_iter().next().map(Ok),
            Err(failure) if failure.is_lock() => None,
            Err(failure) => Some(Err(failure.unavailable())),
        }
    }

    /// Hands a commit to the thread by `send`.
    pub(crate) fn queue<E>(&self, send: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        self.queued.fetch_add(1, Ordering::Relaxed);
        let sent = send();
        if sent.is_err() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }

    /// Makes the commits that were queued and answers them; then brings the log into the file, if it has
    /// grown long. What its thread does.
    pub(crate) fn work(&self, jobs: Vec<Job>) {
        let mut link = self.link();
        self.queued.fetch_sub(jobs.len(), Ordering::Relaxed);
        writing::work(&mut link, &*self.host, jobs);
        if self.log.is_long() {
            // A disk that fails here fails the next commit, too, and whoever makes it is told.
            drop(link.with(|connection| Log::shorten(connection)));
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        // A connection that was in use when a thread panicked is gone; the next one is opened.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dormouse_core::ports::{MAX_VALUE_BYTES, Write};
    use dormouse_testkit::fakes::TestHost;
    use rusqlite::Connection;
    use tokio::sync::oneshot;

    use super::*;

    fn commit(id: &str) -> Commit {
        Commit::new("t", vec![Write::put("c", id, "v")])
    }

    /// A writer whose file is open.
    fn writer(folder: &tempfile::TempDir) -> Writer {
        let host = Arc::new(TestHost::new());
        let writer = Writer::new(folder.path().join("records.db"), Duration::from_secs(5), host);
        let (reply, mut answer) = oneshot::channel();
        assert!(writer.at_once(&commit("0")).is_none(), "opening the file may take long");
        writer.queue(|| Ok::<_, ()>(())).unwrap();
        writer.work(vec![Job { commit: commit("0"), reply }]);
        assert!(answer.try_recv().unwrap().is_ok());
        writer
    }

    #[test]
    fn a_commit_is_made_at_once_while_nobody_else_writes() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        assert!(matches!(writer.at_once(&commit("1")), Some(Ok(Outcome::Applied(_)))));

        let held = writer.link();
        assert!(writer.at_once(&commit("2")).is_none(), "another thread writes");
        drop(held);
        assert!(matches!(writer.at_once(&commit("2")), Some(Ok(Outcome::Applied(_)))));

        let other = Connection::open(folder.path().join("records.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(writer.at_once(&commit("3")).is_none(), "another process writes");
        other.execute_batch("ROLLBACK").unwrap();
        assert!(matches!(writer.at_once(&commit("3")), Some(Ok(Outcome::Applied(_)))));
    }

    #[test]
    fn nobody_overtakes_those_who_wait() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        assert_eq!(writer.queue(|| Err("the queue is full")), Err("the queue is full"));
        assert!(writer.at_once(&commit("1")).is_some(), "nobody waits");
        writer.queue(|| Ok::<_, ()>(())).unwrap();
        assert!(writer.at_once(&commit("2")).is_none());
        let (reply, _answer) = oneshot::channel();
        writer.work(vec![Job { commit: commit("2"), reply }]);
        assert!(writer.at_once(&commit("3")).is_some());
    }

    #[test]
    fn a_log_that_has_grown_long_is_left_to_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let value = bytes::Bytes::from(vec![0; MAX_VALUE_BYTES]);
        let large = Commit::new("t", vec![Write::put("c", "large", value)]);
        while writer.at_once(&large).is_some() {}
        assert!(writer.log.is_long());
        let (reply, _answer) = oneshot::channel();
        writer.queue(|| Ok::<_, ()>(())).unwrap();
        writer.work(vec![Job { commit: commit("a"), reply }]);
        let (reply, _answer) = oneshot::channel();
        writer.queue(|| Ok::<_, ()>(())).unwrap();
        writer.work(vec![Job { commit: commit("b"), reply }]);
        assert!(!writer.log.is_long(), "it begins anew");
        assert!(writer.at_once(&commit("c")).is_some());
    }
}
