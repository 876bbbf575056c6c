//! The connection that writes: whoever has a commit uses it while nobody else does, for all who have one by then; what
//! has to wait is its thread's.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use dormouse_core::{
    Code, Error, Result,
    ports::{Commit, Host, Outcome},
};
use tokio::sync::oneshot;

use crate::{
    file::{Access, Link, Log},
    writing::{self, Job},
};

/// The most commits that wait.
const DEPTH: usize = 512;
/// The most that share a transaction.
const TOGETHER: usize = 64;
/// How many transactions one caller makes at most, the others for those who came meanwhile.
const IN_A_ROW: usize = 4;

/// The only connection of this process that writes, used by one thread at a time.
pub(crate) struct Writer {
    link: Mutex<Link>,
    log: Log,
    /// What waits, in the order in which it came.
    waiting: Mutex<VecDeque<Job>>,
    host: Arc<dyn Host>,
}

/// Who makes the commits that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// They are made, or whoever uses the connection will see them.
    Nothing,
    /// The thread, which has to be woken.
    ToTheThread,
}

impl Writer {
    pub(crate) fn new(path: PathBuf, patience: Duration, host: Arc<dyn Host>) -> Self {
        let log = Log::default();
        let access = Access::Write(log.clone());
        let link = Mutex::new(Link { path, access, patience, connection: None });
        Self { link, log, waiting: Mutex::default(), host }
    }

    /// Puts a commit behind those that wait. It is made by whoever works next, unless its caller has left by then.
    pub(crate) fn add(&self, commit: Commit) -> Result<oneshot::Receiver<Result<Outcome>>> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = self.waiting();
        if waiting.len() >= DEPTH {
            return Err(Error::new(Code::StoreUnavailable, "the store is overloaded")
                .retry_after(Duration::from_secs(1)));
        }
        waiting.push_back(Job { commit, reply });
        Ok(answer)
    }

    /// Makes the commits that wait here and now, as far as that can be done without waiting: the file is open, and
    /// nobody else writes. It costs a few writes to the system's memory. What waits for the disk is left to the thread.
    pub(crate) fn work_at_once(&self) -> Left {
        for _ in 0..IN_A_ROW {
            // Who has the connection looks here once more after giving it back.
            if self.waiting().is_empty() {
                return Left::Nothing;
            }
            if self.log.is_long() {
                return Left::ToTheThread;
            }
            let mut link = match self.link.try_lock() {
                Ok(link) => link,
                Err(TryLockError::Poisoned(link)) => link.into_inner(),
                Err(TryLockError::WouldBlock) => return Left::Nothing,
            };
            if link.connection.is_none() {
                return Left::ToTheThread;
            }
            let jobs = self.next();
            if let Err((jobs, _)) = link.at_once(|link| writing::work(link, &*self.host, jobs)) {
                let mut waiting = self.waiting();
                jobs.into_iter().rev().for_each(|job| waiting.push_front(job));
                return Left::ToTheThread;
            }
        }
        if self.waiting().is_empty() { Left::Nothing } else { Left::ToTheThread }
    }

    /// Makes the commits that wait, however long it takes; and brings the log into the file, if it has grown long. What
    /// the thread does.
    pub(crate) fn work(&self) {
        while !self.waiting().is_empty() {
            let mut link = self.link();
            if let Err((jobs, failure)) = writing::work(&mut link, &*self.host, self.next()) {
                writing::refuse(jobs, &failure);
            }
            if self.log.is_long() {
                // A disk that fails here fails the next commit, too, and whoever makes it is told.
                drop(link.with(|connection| Log::shorten(connection)));
            }
        }
    }

    /// Takes what comes next, but for what nobody waits for any more.
    fn next(&self) -> Vec<Job> {
        let mut waiting = self.waiting();
        let most = waiting.len().min(TOGETHER);
        waiting.drain(..most).filter(|job| !job.reply.is_closed()).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Job>> {
        // Whatever was being done to the list, it is a list of commits.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

    use super::*;

    type Answer = oneshot::Receiver<Result<Outcome>>;

    fn commit(id: &str) -> Commit {
        Commit::new("t", vec![Write::put("c", id, "v")])
    }

    /// A writer whose file is open.
    fn writer(folder: &tempfile::TempDir) -> Writer {
        let host = Arc::new(TestHost::new());
        let writer = Writer::new(folder.path().join("records.db"), Duration::from_secs(5), host);
        let answer = writer.add(commit("0")).unwrap();
        assert_eq!(writer.work_at_once(), Left::ToTheThread, "opening the file may take long");
        writer.work();
        assert!(is_made(answer));
        writer
    }

    fn is_made(mut answer: Answer) -> bool {
        matches!(answer.try_recv(), Ok(Ok(Outcome::Applied(_))))
    }

    fn count(folder: &tempfile::TempDir) -> i64 {
        let file = Connection::open(folder.path().join("records.db")).unwrap();
        file.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn commits_are_made_at_once_while_nobody_else_writes() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let answers = ["1", "2", "3"].map(|id| writer.add(commit(id)).unwrap());
        assert_eq!(writer.work_at_once(), Left::Nothing);
        assert!(answers.into_iter().all(is_made));

        let answer = writer.add(commit("4")).unwrap();
        let held = writer.link();
        assert_eq!(writer.work_at_once(), Left::Nothing, "who writes will see it");
        drop(held);
        assert_eq!(writer.work_at_once(), Left::Nothing);
        assert!(is_made(answer));
    }

    #[test]
    fn while_another_process_writes_the_thread_waits() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let other = Connection::open(folder.path().join("records.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let answers = ["1", "2"].map(|id| writer.add(commit(id)).unwrap());
        assert_eq!(writer.work_at_once(), Left::ToTheThread);
        let order: Vec<_> =
            writer.waiting().iter().map(|job| job.commit.writes[0].target().1.to_owned()).collect();
        assert_eq!(order, ["1", "2"]);
        other.execute_batch("ROLLBACK").unwrap();
        writer.work();
        assert!(answers.into_iter().all(is_made));
    }

    #[test]
    fn those_who_have_left_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        drop(writer.add(commit("1")).unwrap());
        let answer = writer.add(commit("2")).unwrap();
        assert_eq!(writer.work_at_once(), Left::Nothing);
        assert!(is_made(answer));
        assert_eq!(count(&folder), 2);
    }

    #[test]
    fn only_so_many_wait() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let answers: Vec<_> =
            (0..DEPTH).map(|id| writer.add(commit(&id.to_string())).unwrap()).collect();
        assert_eq!(writer.add(commit("one more")).unwrap_err().code(), Code::StoreUnavailable);
        assert_eq!(writer.work_at_once(), Left::ToTheThread, "a caller has its own to do");
        writer.work();
        assert!(answers.into_iter().all(is_made));
    }

    #[test]
    fn a_log_that_has_grown_long_is_left_to_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let value = bytes::Bytes::from(vec![0; MAX_VALUE_BYTES]);
        loop {
            let large = Commit::new("t", vec![Write::put("c", "large", value.clone())]);
            let answer = writer.add(large).unwrap();
            if writer.work_at_once() == Left::ToTheThread {
                writer.work();
                assert!(is_made(answer));
                break;
            }
        }
        for id in ["a", "b"] {
            let answer = writer.add(commit(id)).unwrap();
            writer.work();
            assert!(is_made(answer));
        }
        assert!(!writer.log.is_long(), "it begins anew");
        let answer = writer.add(commit("c")).unwrap();
        assert_eq!(writer.work_at_once(), Left::Nothing);
        assert!(is_made(answer));
    }
}
