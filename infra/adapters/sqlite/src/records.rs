//! [`Records`] on top of the two lanes, and beside them.

use std::{
    fmt,
    future::poll_fn,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    ports::{Commit, Host, Outcome, Page, Record, Records, Timestamp},
};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    failure::Failure,
    lane::Lane,
    readers::Readers,
    reading,
    writer::{Left, Writer},
};

const READERS: Lane = Lane { name: "sqlite-reader", threads: 4, depth: 1024, batch: 1 };
/// Who finds it woken already need not wake it.
const WRITER: Lane = Lane { name: "sqlite-writer", threads: 1, depth: 1, batch: 1 };
/// How long to wait for other processes that write to the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records in one SQLite file, which any number of processes of one machine may share.
///
/// What was acknowledged survives the death of the process; a power cut may take the last commits,
/// but never half of one.
pub struct SqliteRecords {
    path: PathBuf,
    host: Arc<dyn Host>,
    patience: Duration,
    lanes: Mutex<Option<Lanes>>,
}

#[derive(Clone)]
struct Lanes {
    readers: Readers,
    reads: SyncSender<Read>,
    writer: Arc<Writer>,
    wake: SyncSender<Wake>,
}

/// That something waits for the thread that writes.
struct Wake;

type Read = Box<dyn FnOnce(&Readers) + Send>;

impl SqliteRecords {
    /// Records in the file at `path`, which is created with the first call if it is missing; its
    /// folder must exist. Nothing is touched before. Records expire by the clock of `host`.
    pub fn new(path: impl Into<PathBuf>, host: Arc<dyn Host>) -> Self {
        let path = path.into();
        // Also keeps SQLite from reading `:memory:` as anything but a file's name.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self { path, host, patience: PATIENCE, lanes: Mutex::default() }
    }

    /// How long a call waits for other processes that write to the file before it is
    /// [`StoreUnavailable`](Code::StoreUnavailable); 5 s unless told otherwise.
    #[must_use]
    pub fn with_lock_timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The lanes, started with the first call.
    fn lanes(&self) -> Result<Lanes> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lanes) = &*lanes {
            return Ok(lanes.clone());
        }
        let started = self.start().map_err(|failure| failure.unavailable())?;
        Ok(lanes.insert(started).clone())
    }

    fn start(&self) -> Result<Lanes, Failure> {
        let readers = Readers::new(self.path.clone(), self.patience);
        let reads = READERS.start(|| {
            let readers = readers.clone();
            move |reads: Vec<Read>| reads.into_iter().for_each(|read| read(&readers))
        })?;
        let host = Arc::clone(&self.host);
        let writer = Arc::new(Writer::new(self.path.clone(), self.patience, host));
        let wake = WRITER.start(|| {
            let writer = Arc::clone(&writer);
            move |_: Vec<Wake>| writer.work()
        })?;
        Ok(Lanes { readers, reads, writer, wake })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, Timestamp) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let host = Arc::clone(&self.host);
        let job: Read = Box::new(move |readers| {
            if !reply.is_closed() {
                let result = readers.read(|connection| read(connection, host.now()));
                // Who asked may have left meanwhile.
                drop(reply.send(result));
            }
        });
        self.lanes()?.reads.try_send(job).map_err(|error| busy(&error))?;
        answer.await.map_err(stopped)?.map_err(|failure| failure.unavailable())
    }
}

#[async_trait]
impl Records for SqliteRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        // A few pages that the system has in memory: less work than to hand it to another thread.
        let now = self.host.now();
        let found = self
            .lanes()?
            .readers
            .read_at_once(|connection| reading::get(connection, [tenant, collection, id], now));
        if let Some(found) = found {
            return Ok(found);
        }
        let name = [tenant, collection, id].map(str::to_owned);
        self.read(move |connection, now| {
            reading::get(connection, name.each_ref().map(|part| &**part), now)
        })
        .await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        let name = [tenant, collection].map(str::to_owned);
        self.read(move |connection, now| {
            reading::page(connection, name.each_ref().map(|part| &**part), &page, now)
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        let Lanes { writer, wake, .. } = self.lanes()?;
        let answer = writer.add(commit)?;
        // Whoever is about to commit as well shares the transaction.
        others_first().await;
        if writer.work_at_once() == Left::ToTheThread
            && let Err(TrySendError::Disconnected(_)) = wake.try_send(Wake)
        {
            return Err(gone());
        }
        answer.await.map_err(stopped)?
    }
}

/// Lets the tasks go first that are ready.
async fn others_first() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl fmt::Debug for SqliteRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRecords").field("path", &self.path).finish_non_exhaustive()
    }
}

fn busy<Job>(error: &TrySendError<Job>) -> Error {
    match error {
        TrySendError::Full(_) => Error::new(Code::StoreUnavailable, "the store is overloaded")
            .retry_after(Duration::from_secs(1)),
        TrySendError::Disconnected(_) => gone(),
    }
}

fn stopped(_: oneshot::error::RecvError) -> Error {
    gone()
}

/// Only a defect ends a thread while it has callers; it then stays closed, since nobody knows what it
/// left undone.
fn gone() -> Error {
    Error::new(Code::StoreUnavailable, "the store has stopped")
}
