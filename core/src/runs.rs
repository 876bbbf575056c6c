//! Requests that outlive the process that took them.
//!
//! A run is a request, the steps that were taken for it, and the events that its caller is told. All of it is
//! kept, so that another process can go on where one has died, and a caller who left can come back:
//!
//! ```text
//! queued ──claim──▶ running ──end──▶ completed · handed back · failed · cancelled
//!    ▲                 │
//!    └────release──────┘    (or its lease ends, and the next claim finds it still running)
//! ```
//!
//! **One process at a time.** The head of a run is one record. Whoever works on it holds a lease in there, and
//! every commit (a step, some events, a sign of life) rewrites the head on the condition that nobody else has.
//! So a process that was slow and lost its lease cannot add a thing any more, and learns it by trying.
//!
//! **Each step once, in order.** A step, the events that belong to it and the new head are one commit.
//! What was begun and not recorded when a process died is begun again by the next: tools are told an
//! idempotency key that is the same both times.
//!
//! **Events without gaps.** Events are numbered from 0 and kept as they were sent, byte for byte. What was told
//! of a step that was broken off stays told; the step's events come again behind it, with numbers of their own.

mod bell;
mod claimed;
mod log;
mod pieces;
mod run;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

pub use bell::Heard;
pub use claimed::{Claimed, Lost};
pub use log::{Event, Follow};
pub use run::{NewRun, Problem, Run, State};

use bell::Bell;

use crate::{
    Code, Error, Result,
    ports::{Commit, Host, MAX_WRITES, Outcome, Page, Record, Records, Timestamp, When, Write},
};

const RUNS: &str = "runs";
const REQUESTS: &str = "runs.requests";
const STEPS: &str = "runs.steps";
const EVENTS: &str = "runs.events";

/// The most steps of a run.
pub const MAX_STEPS: u32 = 1000;
/// The most bytes of the steps and events of a run together.
pub const MAX_BYTES: u64 = 16 << 20;
/// The largest request that becomes a run, in bytes.
pub const MAX_REQUEST_BYTES: usize = 8 << 20;
/// The largest step, and the largest event, in bytes.
pub const MAX_STEP_BYTES: usize = 768 << 10;
/// How often who cancels tries again because the run has moved on meanwhile.
const CANCEL_ATTEMPTS: u32 = 32;
/// How many records with pieces are read at once.
const PIECES_A_PAGE: u32 = 8;

/// The runs of a gateway.
#[derive(Clone, Debug)]
pub struct Runs {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    retention: Duration,
    lease: Duration,
    bell: Arc<Bell>,
}

/// What became of an attempt to take a run over.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Claimed(Box<Claimed>),
    /// Another process works on it, and its lease lasts for so long.
    Leased(Duration),
    /// It is over.
    Ended(Box<Run>),
    /// There is no such run.
    Missing,
}

impl Runs {
    /// Those kept in `records`, each for `retention` from its beginning. A process that works on one is taken to
    /// be dead when it gave no sign of life for `lease`.
    pub fn new(
        records: Arc<dyn Records>,
        host: Arc<dyn Host>,
        retention: Duration,
        lease: Duration,
    ) -> Self {
        Self { records, host, retention, lease, bell: Arc::default() }
    }

    /// Whether any are kept.
    pub fn keeps(&self) -> bool {
        !self.retention.is_zero()
    }

    /// How long a process may be silent.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// The present, by which leases end.
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Keeps a new run of `tenant`, queued, with the first events that its caller is told.
    ///
    /// # Errors
    ///
    /// [`Code::BodyTooLarge`] for a request above [`MAX_REQUEST_BYTES`], [`Code::StoreUnavailable`] if the store
    /// is not there.
    pub async fn create(&self, tenant: &str, new: NewRun, told: &[Bytes]) -> Result<Run> {
        if new.body.len() > MAX_REQUEST_BYTES {
            let message =
                format!("a request that outlives its caller may have {MAX_REQUEST_BYTES} bytes");
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        let now = self.host.now();
        let mut run = Run::queued(&new, now, now + self.retention);
        let mut writes = pieces::split(REQUESTS, &run.id, &new.body, run.expires_at);
        let (name, events) = run.tell(told);
        writes.extend(pieces::of_events(&name, &events, run.expires_at));
        // The head comes last: what has one is whole.
        writes.push(run.write(When::Absent)?);
        for some in pieces::commits(writes) {
            if let Outcome::Refused { .. } = self.commit(tenant, some).await? {
                return Err(Error::new(Code::Conflict, "the new run's id is taken: try again"));
            }
        }
        Ok(run)
    }

    /// Reads the run of `tenant` with this id.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none: it never was, has expired, or is another tenant's.
    pub async fn get(&self, tenant: &str, id: &str) -> Result<Run> {
        let record = self.find(tenant, id).await?.ok_or_else(|| unknown(id))?;
        Run::read(&record)
    }

    /// Up to `limit` runs of `tenant`, the newest first, from before the one named.
    pub async fn list(&self, tenant: &str, before: Option<String>, limit: u32) -> Result<Vec<Run>> {
        let page = Page { before, limit, descending: true, ..Page::default() };
        self.records.page(tenant, RUNS, page).await?.iter().map(Run::read).collect()
    }

    /// The body of the request that a run answers, as it was received.
    pub async fn request(&self, tenant: &str, run: &Run) -> Result<Bytes> {
        let records = self.pieces(tenant, REQUESTS, pieces::of_request(&run.id)).await?;
        let body = pieces::join(records.iter());
        if body.len() == run.body { Ok(body) } else { Err(broken()) }
    }

    /// The steps of a run, oldest first.
    pub async fn steps(&self, tenant: &str, run: &Run) -> Result<Vec<Bytes>> {
        let records = self.pieces(tenant, STEPS, pieces::below(&run.id)).await?;
        let steps: Vec<Bytes> = records
            .chunk_by(|one, other| pieces::whole(&one.id) == pieces::whole(&other.id))
            .map(|one| pieces::join(one.iter()))
            .collect();
        let count = usize::try_from(run.steps).unwrap_or(usize::MAX);
        if steps.len() == count { Ok(steps) } else { Err(broken()) }
    }

    /// Takes a run over, unless another process works on it. `begin` writes what its caller is told of that,
    /// the first time.
    pub async fn claim(
        &self,
        tenant: &str,
        id: &str,
        begin: impl FnOnce(&Run, Bytes) -> Result<Vec<Bytes>> + Send,
    ) -> Result<Taken> {
        let Some(record) = self.find(tenant, id).await? else { return Ok(Taken::Missing) };
        let mut run = Run::read(&record)?;
        if run.state.is_ended() {
            return Ok(Taken::Ended(Box::new(run)));
        }
        if let Some(left) = run.leased_for(self.host.now()) {
            return Ok(Taken::Leased(left));
        }
        let mut writes = Vec::new();
        if run.attempts == 0 {
            let body = self.request(tenant, &run).await?;
            let told = begin(&run, body)?;
            let (name, events) = run.tell(&told);
            writes = pieces::of_events(&name, &events, run.expires_at);
        }
        run.attempts = run.attempts.saturating_add(1);
        run.state = State::Running;
        run.lease(self.host.now(), self.lease);
        writes.insert(0, run.write(When::Version(record.version))?);
        let Outcome::Applied(versions) = self.commit(tenant, writes).await? else {
            return Ok(Taken::Leased(self.lease));
        };
        let version = versions.first().copied().flatten().ok_or_else(broken)?;
        self.bell.ring();
        Ok(Taken::Claimed(Box::new(Claimed::new(self.clone(), tenant, run, version))))
    }

    /// Ends a run that is not over, at once and whoever works on it: that process can add nothing more. `end`
    /// writes the last event that its caller is told. Returns the run as it is then, and whether this ended it.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none, [`Code::Conflict`] if it moves on faster than this can be written.
    pub async fn cancel(
        &self,
        tenant: &str,
        id: &str,
        end: impl Fn(&Run, Bytes) -> Result<Bytes> + Send,
    ) -> Result<(Run, bool)> {
        let mut body = None;
        for _ in 0..CANCEL_ATTEMPTS {
            let record = self.find(tenant, id).await?.ok_or_else(|| unknown(id))?;
            let mut run = Run::read(&record)?;
            if run.state.is_ended() {
                return Ok((run, false));
            }
            let request = match &body {
                Some(request) => Bytes::clone(request),
                None => body.insert(self.request(tenant, &run).await?).clone(),
            };
            let (name, events) = run.tell(&[end(&run, request)?]);
            run.end(State::Cancelled, None, self.host.now());
            let mut writes = vec![run.write(When::Version(record.version))?];
            writes.extend(pieces::of_events(&name, &events, run.expires_at));
            if let Outcome::Applied(_) = self.commit(tenant, writes).await? {
                self.bell.ring();
                return Ok((run, true));
            }
        }
        Err(Error::new(Code::Conflict, "the run could not be cancelled: try again"))
    }

    /// Deletes a run and all that belongs to it. Who works on it can add nothing more.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn delete(&self, tenant: &str, id: &str) -> Result<()> {
        self.get(tenant, id).await?;
        self.commit(tenant, vec![Write::delete(RUNS, id)]).await?;
        self.bell.ring();
        for (collection, (after, before)) in [
            (EVENTS, pieces::below(id)),
            (STEPS, pieces::below(id)),
            (REQUESTS, pieces::of_request(id)),
        ] {
            loop {
                let limit = u32::try_from(MAX_WRITES).unwrap_or(1);
                let (after, before) = (Some(after.clone()), Some(before.clone()));
                let page = Page { after, before, limit, ..Page::default() };
                let found = self.records.page(tenant, collection, page).await?;
                if found.is_empty() {
                    break;
                }
                let gone = found.iter().map(|record| Write::delete(collection, &record.id));
                self.commit(tenant, gone.collect()).await?;
            }
        }
        Ok(())
    }

    /// Follows the events of a run from the one behind `after`, or from the first.
    pub fn follow(&self, tenant: &str, id: &str, after: Option<u64>) -> Follow {
        Follow::new(self.clone(), tenant, id, after.map_or(0, |after| after.saturating_add(1)))
    }

    /// Whether a run is over, or gone.
    pub async fn is_over(&self, tenant: &str, id: &str) -> Result<bool> {
        match self.get(tenant, id).await {
            Ok(run) => Ok(run.state.is_ended()),
            Err(error) if error.code() == Code::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Resolves when something happens to any run in this process.
    pub fn listen(&self) -> Heard {
        self.bell.listen()
    }

    async fn find(&self, tenant: &str, id: &str) -> Result<Option<Record>> {
        if !run::is_id(id) {
            return Ok(None);
        }
        self.records.get(tenant, RUNS, id).await
    }

    async fn pieces(
        &self,
        tenant: &str,
        collection: &str,
        (after, before): (String, String),
    ) -> Result<Vec<Record>> {
        let mut records: Vec<Record> = Vec::new();
        let mut after = after;
        loop {
            let (from, to) = (Some(after), Some(before.clone()));
            let page = Page { after: from, before: to, limit: PIECES_A_PAGE, ..Page::default() };
            let found = self.records.page(tenant, collection, page).await?;
            let Some(last) = found.last() else { return Ok(records) };
            after = last.id.clone();
            records.extend(found);
        }
    }

    async fn commit(&self, tenant: &str, writes: Vec<Write>) -> Result<Outcome> {
        self.records.commit(Commit::new(tenant, writes)).await
    }
}

fn unknown(id: &str) -> Error {
    let id: String = id.chars().take(run::ID_BYTES).collect();
    Error::new(Code::NotFound, format!("there is no run `{id}`"))
}

fn broken() -> Error {
    Error::new(Code::Internal, "a stored run is not whole")
}
