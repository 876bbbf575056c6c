//! Answering the request of a run that this process has claimed.
//!
//! Events are committed when enough of them wait, or the first has waited long enough, and each commit is a
//! sign of life; where nothing is said for long, a sign is given all the same.

use std::{pin::pin, sync::Arc, time::Duration};

use super::{
    QUEUE, decode, encoder,
    files::RunFiles,
    frames,
    hands::{HandOver, Working},
    log, opening,
    record::{self, Recorder},
    told,
};
use crate::{
    Code, Error, Kind, Result, agent,
    alarm::Alarm,
    chat::{Chunk, ChunkStream, Event, FinishReason, Request, StreamOptions},
    gateway::{Background, Gateway, Origin, identify},
    ports::{Delivery, MAX_DELAY, MAX_DELIVERIES, Workspace},
    runs::{Claimed, Lost, Problem, Run, State},
    wire::{
        Encode,
        openai_responses::{AnswerEncoder, Told},
    },
};
use bytes::Bytes;
use futures::{
    StreamExt,
    future::{Either, select},
};

/// How many bytes of events wait for each other.
const FLUSH_BYTES: usize = 32 << 10;
/// How long an event waits for others.
const FLUSH_AFTER: Duration = Duration::from_millis(500);
/// In how many parts of a lease a sign of life is given.
const SIGNS: u32 = 3;
/// How long a run waits that could not be answered for now, if nothing says how long.
const RETRY: Duration = Duration::from_secs(5);

/// Answers the request of a run, and leaves it ended or to others.
pub(super) async fn perform(
    gateway: &Gateway,
    claimed: &Arc<Claimed>,
    delivery: Delivery,
    working: Working,
) -> Result<()> {
    let (runs, tenant) = (&gateway.work.runs, claimed.tenant());
    let run = claimed.run().await;
    let request = decode(&run, &runs.request(tenant, &run).await?)?;
    let told = told(runs, tenant, &run).await?;
    let encoder = AnswerEncoder::new(&request, &opening(&run)).going_on(told.clone());
    let sandbox = gateway.ports.tools.sandbox.clone();
    let workspace = Workspace { tenant: tenant.to_owned(), name: run.id.clone() };
    let files = RunFiles::new(sandbox, Arc::clone(&gateway.work.blobs), workspace);
    let sign = runs.lease() / SIGNS;
    let mut performance = Performance {
        gateway,
        recorder: Arc::new(Recorder::new(Arc::clone(claimed), files, encoder)),
        working,
        told,
        request,
        alarm: Alarm::after(Arc::clone(gateway.host()), sign),
        sign,
        hurried: None,
        extended: gateway.host().elapsed(),
        delivery,
    };
    let answered = performance.answer(&run).await;
    performance.leave(answered).await
}

/// Counts that this process works on a run, until what is returned is dropped.
pub(super) fn measured(gateway: &Gateway, run: &Run) -> Measured {
    let waited = gateway.host().now().0.saturating_sub(run.created_at.0);
    let is_first = run.attempts == 1;
    gateway.metrics.run_begun(is_first.then(|| Duration::from_millis(waited)));
    Measured { gateway: gateway.clone(), since: gateway.host().elapsed() }
}

/// See [`measured`].
pub(super) struct Measured {
    gateway: Gateway,
    /// When it began, in [`Host::elapsed`](crate::ports::Host::elapsed).
    since: Duration,
}

impl Drop for Measured {
    fn drop(&mut self) {
        let worked = self.gateway.host().elapsed().saturating_sub(self.since);
        self.gateway.metrics.run_left(worked);
    }
}

/// Lets the gateway write every piece of an answer itself: a run has one id from its beginning, and its events
/// are numbered through.
pub(in crate::gateway) fn in_own_words(chunks: ChunkStream) -> ChunkStream {
    chunks.map(|chunk| chunk.map(|chunk| Chunk { verbatim: None, ..chunk })).boxed()
}

struct Performance<'a> {
    gateway: &'a Gateway,
    recorder: Arc<Recorder>,
    working: Working,
    delivery: Delivery,
    /// What was told before.
    told: Told,
    request: Request,
    alarm: Alarm,
    /// How often a sign of life is given.
    sign: Duration,
    /// Until when the events that wait are to be committed.
    hurried: Option<Duration>,
    /// When the queue was last told that this process lives.
    extended: Duration,
}

impl Performance<'_> {
    async fn answer(&mut self, run: &Run) -> Result<()> {
        let gateway = self.gateway;
        if self.delivery.deliveries >= MAX_DELIVERIES {
            let message = "the run was begun too often";
            return Err(Error::new(Code::RunAbandoned, message));
        }
        let claimed = Arc::clone(&self.recorder.claimed);
        let tenant = claimed.tenant();
        let files = Arc::clone(&self.recorder);
        self.meanwhile(files.files.restore(run)).await??;
        let (fixed, shown) = (gateway.fixed_key.as_ref(), (tenant, &*run.key));
        let caller = identify::again(fixed, &gateway.keys, shown).await?;
        let came_by = run.came_by.as_ref();
        let route = came_by.and_then(|(host, path)| {
            gateway.catalog().route(host, path, &http::Method::POST).cloned()
        });
        let background = Background::new(self.told.clone());
        let agent = agent::Run {
            id: run.id.clone(),
            steps: record::decode(&gateway.work.runs.steps(tenant, run).await?)?,
            journal: Some(Arc::clone(&self.recorder) as _),
        };
        let origin = Origin {
            correlation_id: run.correlation_id.clone(),
            conversation: run.conversation.clone(),
            route,
            opening: Some(opening(run)),
            background: Some(background.clone()),
            agent: Some(agent),
            ..Origin::default()
        };
        let stream = Some(StreamOptions { include_usage: true });
        let request = Request { stream, ..self.request.clone() };
        let answer = Box::pin(gateway.chat(&caller, request, origin));
        let mut chunks = self.meanwhile(answer).await??.chunks;
        let mut state = State::Completed;
        while let Some(chunk) = self.meanwhile(chunks.next()).await? {
            let chunk = chunk?;
            if chunk.events.iter().any(hands_back) {
                state = State::HandedBack;
            }
            let bytes = self.recorder.encoder().chunk(&chunk);
            self.tell(bytes).await?;
        }
        let last = self.recorder.encoder().done();
        claimed.tell(frames(&last)).await;
        let (id, attempt) = (run.response(), Some(run.attempts));
        let kept = match background.take() {
            Some(kept) => {
                let until = run.expires_at;
                Some(gateway.responses.prepare(tenant, (&id, attempt), &kept, until).await?)
            }
            None => None,
        };
        claimed.end(state, None, kept).await?;
        gateway.metrics.run_ended(state);
        Ok(())
    }

    /// Waits for `work`, and gives signs of life meanwhile.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T> + Send) -> Result<T> {
        let mut work = pin!(work);
        loop {
            let both = select(&mut work, &mut self.working.stopped);
            match self.alarm.before(both).await {
                Some(Either::Left((value, _))) => return Ok(value),
                Some(Either::Right((Ok(HandOver), _))) => {
                    return Err(Error::new(Code::Stopping, "another process goes on with the run"));
                }
                Some(Either::Right((Err(_), _))) => return Err(Lost.error()),
                None => self.commit().await?,
            }
        }
    }

    /// Tells the caller what was written.
    async fn tell(&mut self, written: Bytes) -> Result<()> {
        let frames = frames(&written);
        if frames.is_empty() {
            return Ok(());
        }
        let waiting = self.recorder.claimed.tell(frames).await;
        let now = self.gateway.host().elapsed();
        let due = match self.hurried {
            Some(due) => due,
            None => {
                self.alarm.set(FLUSH_AFTER);
                *self.hurried.insert(now.saturating_add(FLUSH_AFTER))
            }
        };
        if waiting >= FLUSH_BYTES || now >= due { self.commit().await } else { Ok(()) }
    }

    /// Commits the events that wait, which is a sign of life.
    async fn commit(&mut self) -> Result<()> {
        self.recorder.claimed.renew().await?;
        self.hurried = None;
        self.alarm.set(self.sign);
        let now = self.gateway.host().elapsed();
        if now.saturating_sub(self.extended) >= self.sign {
            self.extended = now;
            let (queue, lease) = (&self.gateway.work.queue, self.gateway.work.runs.lease());
            // Where the message is another's by now, that one finds the run leased.
            if let Err(error) = queue.extend(QUEUE, &mut self.delivery, lease).await {
                log(&error, "the queue could not be told that a run is worked on");
            }
        }
        Ok(())
    }

    /// Ends the run where its answer failed for good, or leaves it to others.
    async fn leave(mut self, answered: Result<()>) -> Result<()> {
        let claimed = Arc::clone(&self.recorder.claimed);
        let Err(error) = answered else {
            let files = claimed.run().await.files;
            return self.clear(files).await;
        };
        if Lost::is(&error) {
            return self.let_go().await;
        }
        if error.code() == Code::Stopping {
            return self.hand_over().await;
        }
        let again = may_succeed_later(&error) && self.delivery.deliveries + 1 < MAX_DELIVERIES;
        if again && claimed.is_between_steps(self.told.events).await {
            claimed.release().await?;
            let delay = error.delay().unwrap_or(RETRY).min(MAX_DELAY);
            let queue = &self.gateway.work.queue;
            return queue.give_back(QUEUE, self.delivery, delay).await.map(drop);
        }
        self.fail(&error).await?;
        let files = claimed.run().await.files;
        self.clear(files).await
    }

    /// The run is over, or another's.
    async fn let_go(self) -> Result<()> {
        let (work, claimed) = (&self.gateway.work, &self.recorder.claimed);
        if work.runs.is_over(claimed.tenant(), &claimed.run().await.id).await? {
            return self.clear(None).await;
        }
        // Whoever took it over may do so on this machine, and work in the same workspace.
        work.queue.acknowledge(QUEUE, self.delivery).await.map(drop)
    }

    /// Leaves the run to whoever looks for work next.
    async fn hand_over(self) -> Result<()> {
        let (gateway, claimed) = (self.gateway, &self.recorder.claimed);
        claimed.release().await?;
        self.recorder.files.discard().await?;
        // As a new message: being handed over is not being begun too often.
        let run = claimed.run().await.id;
        gateway.queue(claimed.tenant(), &run, Duration::ZERO).await?;
        gateway.work.queue.acknowledge(QUEUE, self.delivery).await.map(drop)
    }

    /// Takes the run from the queue, and its files away.
    async fn clear(self, kept: Option<String>) -> Result<()> {
        self.gateway.work.queue.acknowledge(QUEUE, self.delivery).await?;
        self.recorder.files.discard().await?;
        match kept {
            Some(name) => self.recorder.files.forget(&name).await,
            None => Ok(()),
        }
    }

    async fn fail(&mut self, error: &Error) -> Result<()> {
        let claimed = &self.recorder.claimed;
        if error.code() == Code::BodyTooLarge {
            // What waits may be what is too large.
            claimed.forget().await;
            let fresh = encoder(&claimed.run().await, &self.request);
            *self.recorder.encoder() = fresh;
        }
        let last = self.recorder.encoder().error(error);
        claimed.tell(frames(&last)).await;
        claimed.end(State::Failed, Some(Problem::from(error)), None).await?;
        self.gateway.metrics.run_ended(State::Failed);
        Ok(())
    }
}

/// Whether the answer ends in calls of the caller's tools.
fn hands_back(event: &Event) -> bool {
    matches!(event, Event::Finish { reason: FinishReason::ToolCalls, .. })
}

/// Whether the same request may be answered later.
fn may_succeed_later(error: &Error) -> bool {
    match error.kind() {
        Kind::Limited => error.code() != Code::OverBudget,
        Kind::Unavailable => error.code() != Code::RunAbandoned,
        _ => false,
    }
}
