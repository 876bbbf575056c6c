//! A run in the hands of the one process that works on it.

use std::{mem, time::Duration};

use bytes::Bytes;
use futures::lock::Mutex;

use super::{MAX_BYTES, MAX_STEP_BYTES, MAX_STEPS, Problem, Run, Runs, State, pieces};
use crate::{
    Code, Error, Result,
    ports::{Commit, MAX_WRITES, Outcome, Version, Write},
};

/// Waits between the attempts to write what the store does not take.
const RETRIES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// The most bytes of events that one commit tells, beside a step and the head.
const MAX_TOLD_BYTES: usize = Commit::MAX_BYTES - MAX_STEP_BYTES - MAX_HEAD_BYTES;
const MAX_HEAD_BYTES: usize = 64 << 10;
/// What is kept free of a run's bytes for its end.
const ROOM_FOR_THE_END: u64 = 2 << 20;

/// A run that this process works on, for as long as its lease is renewed: by every commit, or by
/// [`renew`](Self::renew).
///
/// Whatever is asked of it after the run was ended, released, deleted or taken over fails as [`Lost`] says, and
/// changes nothing.
#[derive(Debug)]
pub struct Claimed {
    runs: Runs,
    tenant: String,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    run: Run,
    version: Version,
    /// Events that are not committed yet.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    /// How many commits this process has tried.
    commits: u64,
    /// Whether it is not this process's any more.
    lost: bool,
}

/// What is committed beside the events that wait.
#[derive(Debug, Default)]
struct Beside {
    step: Option<Bytes>,
    write: Option<Write>,
}

impl From<Option<Write>> for Beside {
    fn from(write: Option<Write>) -> Self {
        Self { step: None, write }
    }
}

/// The run is not this process's any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run was ended, or taken over by another process")
    }
}

impl std::error::Error for Lost {}

impl Lost {
    /// The same, as an error.
    pub fn error(self) -> Error {
        Error::new(Code::Conflict, self.to_string()).caused_by(self)
    }

    /// Whether an error is that a run was lost.
    pub fn is(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Self>)
    }
}

impl Claimed {
    pub(super) fn new(runs: Runs, tenant: &str, run: Run, version: Version) -> Self {
        let pending = Vec::new();
        let held = Held { run, version, pending, pending_bytes: 0, commits: 0, lost: false };
        Self { runs, tenant: tenant.to_owned(), held: Mutex::new(held) }
    }

    /// Whose run it is.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The run, as it was committed last.
    pub async fn run(&self) -> Run {
        self.held.lock().await.run.clone()
    }

    /// Whether nothing was told since a step was recorded, or since there were only so many `events`: then nobody
    /// sees that what comes next is tried again.
    pub async fn is_between_steps(&self, events: u64) -> bool {
        let held = self.held.lock().await;
        held.pending.is_empty() && held.run.events <= held.run.recorded.max(events)
    }

    /// Adds events, to be told with the next commit. Returns how many bytes wait for it.
    pub async fn tell(&self, events: impl IntoIterator<Item = Bytes> + Send) -> usize {
        let mut held = self.held.lock().await;
        for event in events {
            held.pending_bytes = held.pending_bytes.saturating_add(event.len());
            held.pending.push(event);
        }
        held.pending_bytes
    }

    /// Commits the events that wait.
    pub async fn flush(&self) -> Result<()> {
        let mut held = self.held.lock().await;
        if held.pending.is_empty() {
            Ok(())
        } else {
            self.write(&mut held, Beside::default(), |_| {}).await
        }
    }

    /// Records a step, with the events that wait, and the name of the blob with the run's files as they are then.
    /// The next step may begin when this returns.
    ///
    /// # Errors
    ///
    /// [`Code::BodyTooLarge`] above [`MAX_STEP_BYTES`], [`MAX_STEPS`] or [`MAX_BYTES`].
    pub async fn record(&self, step: Bytes, files: Option<String>) -> Result<()> {
        if step.is_empty() || step.len() > MAX_STEP_BYTES {
            return Err(too_large(format!("a step of a run may have {MAX_STEP_BYTES} bytes")));
        }
        let mut held = self.held.lock().await;
        let beside = Beside { step: Some(step), write: None };
        self.write(&mut held, beside, |run| run.files = files).await
    }

    /// Gives a sign of life, with the events that wait. A commit that is under way is one.
    pub async fn renew(&self) -> Result<()> {
        let Some(mut held) = self.held.try_lock() else { return Ok(()) };
        self.write(&mut held, Beside::default(), |_| {}).await
    }

    /// Ends the run, with the events that wait. What stands `beside` it is written in the same commit.
    pub async fn end(
        &self,
        state: State,
        error: Option<Problem>,
        beside: Option<Write>,
    ) -> Result<()> {
        let now = self.runs.host.now();
        let mut held = self.held.lock().await;
        self.write(&mut held, beside.into(), |run| run.end(state, error, now)).await?;
        held.lost = true;
        Ok(())
    }

    /// Leaves the run to whoever claims it next. The events that wait are forgotten: nobody was told.
    pub async fn release(&self) -> Result<()> {
        let mut held = self.held.lock().await;
        held.forget();
        let now = self.runs.host.now();
        self.write(&mut held, Beside::default(), |run| run.end(State::Queued, None, now)).await?;
        held.lost = true;
        Ok(())
    }

    /// Forgets the events that wait.
    pub async fn forget(&self) {
        self.held.lock().await.forget();
    }

    /// Commits what waits, what stands beside it, and a change of the head.
    async fn write(
        &self,
        held: &mut Held,
        Beside { step, write }: Beside,
        change: impl FnOnce(&mut Run) + Send,
    ) -> Result<()> {
        if held.lost {
            return Err(Lost.error());
        }
        let mut run = held.run.clone();
        let (name, events) = run.tell(&held.pending);
        run.lease(self.runs.host.now(), self.runs.lease);
        let mut writes = pieces::of_events(&name, &events, run.expires_at);
        if let Some(step) = step {
            run.bytes = run.bytes.saturating_add(u64::try_from(step.len()).unwrap_or(u64::MAX));
            writes.extend(pieces::of_step(&run.id, run.steps, &step, run.expires_at));
            run.steps = run.steps.saturating_add(1);
            run.recorded = run.events;
        }
        writes.extend(write);
        change(&mut run);
        let most = if run.state.is_ended() { MAX_BYTES } else { MAX_BYTES - ROOM_FOR_THE_END };
        if run.steps > MAX_STEPS || run.bytes > most {
            return Err(too_large(format!(
                "a run may have {MAX_STEPS} steps and {MAX_BYTES} bytes"
            )));
        }
        if events.len() > MAX_TOLD_BYTES || writes.len() >= MAX_WRITES {
            return Err(too_large("an event of a run is too large to be kept".to_owned()));
        }
        writes.insert(0, run.write(crate::ports::When::Version(held.version))?);
        held.version = self.commit(held, writes).await?;
        held.run = run;
        held.forget();
        self.runs.bell.ring();
        Ok(())
    }

    /// Commits, and tries again where the store does not answer: the token tells a second attempt from a
    /// commit of somebody else's.
    async fn commit(&self, held: &mut Held, writes: Vec<Write>) -> Result<Version> {
        held.commits = held.commits.saturating_add(1);
        let Run { id, attempts, .. } = &held.run;
        let token = format!("{id}/{attempts}/{}", held.commits);
        let commit = Commit::new(&self.tenant, writes).with_token(token);
        let mut waits = RETRIES.iter();
        let outcome = loop {
            match (self.runs.records.commit(commit.clone()).await, waits.next()) {
                (Err(error), Some(wait)) if error.code() == Code::StoreUnavailable => {
                    self.runs.host.sleep(*wait).await;
                }
                (outcome, _) => break outcome,
            }
        };
        match outcome {
            Ok(Outcome::Applied(versions)) => {
                versions.first().copied().flatten().ok_or_else(super::broken)
            }
            Ok(Outcome::Refused { .. }) => {
                held.lost = true;
                Err(Lost.error())
            }
            Err(error) => {
                // Whether it was applied is not known, so nothing more can be added here.
                held.lost = true;
                Err(error)
            }
        }
    }
}

impl Held {
    fn forget(&mut self) {
        drop(mem::take(&mut self.pending));
        self.pending_bytes = 0;
    }
}

fn too_large(why: String) -> Error {
    Error::new(Code::BodyTooLarge, why)
}
