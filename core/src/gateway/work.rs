//! Runs: requests that are answered whether or not their caller waits.
//!
//! Whoever takes such a request keeps it, tells the queue, and begins to work on what the queue hands out if it
//! may. What a process leaves behind, because it stops or dies, the queue hands to another; the lease in the run
//! sees to it that one works on it at a time.

mod files;
mod hands;
mod perform;
mod record;

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{Either, select},
};
use hands::{Hand, Hands};
use memchr::memmem;
pub(super) use perform::in_own_words;
use serde::{Deserialize, Serialize};

use super::{Gateway, Origin};
use crate::{
    Code, Error, Result,
    chat::Request,
    keys::Caller,
    ports::{Blobs, Delivery, Host, Message, Queue, Records},
    queue::RecordsQueue,
    responses::Kept,
    runs::{NewRun, Run, Runs, State, Taken},
    settings::Settings,
    wire::{
        self, Opening,
        openai_responses::{AnswerEncoder, Told, done_item, input_items, passed_response},
    },
};

/// The queue in which runs wait.
const QUEUE: &str = "runs";
/// How long a message waits whose run is not there: whoever queues it keeps the run right after.
const NOT_YET: Duration = Duration::from_secs(1);
/// After so many deliveries a run that is not there never was.
const NEVER: u32 = 3;
/// How long a message waits whose run could not be claimed.
const UNAVAILABLE: Duration = Duration::from_secs(5);

/// What a gateway works with.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) runs: Runs,
    queue: Arc<dyn Queue>,
    /// Where the files of runs are kept.
    blobs: Arc<dyn Blobs>,
    hands: Arc<Hands>,
}

/// What a message of the queue says.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    tenant: String,
    run: String,
}

impl Work {
    pub(super) fn new(
        settings: &Settings,
        records: Arc<dyn Records>,
        blobs: Arc<dyn Blobs>,
        host: Arc<dyn Host>,
    ) -> Self {
        let queue = Arc::new(RecordsQueue::new(Arc::clone(&records), Arc::clone(&host)));
        let runs = Runs::new(records, host, settings.responses_retention, settings.run_lease);
        Self { runs, queue, blobs, hands: Arc::new(Hands::new(settings.runs)) }
    }
}

impl Gateway {
    /// The runs that are kept.
    pub fn runs(&self) -> &Runs {
        &self.work.runs
    }

    /// Keeps a request of `caller`, to be answered whether or not anybody waits. Returns the run, and the
    /// response as it stands.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] if no answers are kept, or the request belongs to a conversation that is;
    /// [`Code::BodyTooLarge`] for one above [`MAX_REQUEST_BYTES`](crate::runs::MAX_REQUEST_BYTES);
    /// [`Code::StoreUnavailable`].
    pub async fn answer_later(
        &self,
        caller: &Caller,
        request: &Request,
        origin: Origin,
    ) -> Result<(Run, Kept)> {
        let runs = &self.work.runs;
        let why = match &origin.conversing {
            Some(opened) if !opened.by_agent() => {
                "`background`: a response of a conversation is answered while its caller waits"
            }
            _ if !runs.keeps() => "`background`: this gateway keeps no responses",
            _ => "",
        };
        let body = request.original.as_ref().map(|original| original.body.clone());
        let Some(body) = body.filter(|_| why.is_empty()) else {
            return Err(Error::invalid("background", why));
        };
        let new = NewRun {
            id: Run::fresh_id(&*self.ports.host),
            dialect: request.dialect,
            model: request.model.clone(),
            body,
            key: caller.key.clone(),
            correlation_id: origin.correlation_id,
            conversation: origin.conversation,
            came_by: origin.came_by,
        };
        // The queue first: a message without a run is forgotten, a run without a message would wait for ever.
        self.queue(&caller.tenant, &new.id, Duration::ZERO).await?;
        let created = self.ports.host.now().0 / 1000;
        let id = Run::name_of(&new.id).to_owned();
        let told = AnswerEncoder::new(request, &Opening { id, created }).queued();
        let run = runs.create(&caller.tenant, new, &told).await?;
        self.metrics.run_queued();
        self.work_now();
        let kept = standing(&run, request)?;
        Ok((run, kept))
    }

    /// The run of this id. Where it waits, and this process may, it begins to work.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn run(&self, tenant: &str, id: &str) -> Result<Run> {
        let run = self.work.runs.get(tenant, id).await?;
        if run.waits(self.work.runs.now()) {
            self.work_now();
        }
        Ok(run)
    }

    /// The run that answers with the response of this id, if one does.
    pub async fn run_of_response(&self, tenant: &str, id: &str) -> Result<Option<Run>> {
        match self.run(tenant, &Run::of_response(id)).await {
            Err(error) if error.code() == Code::NotFound => Ok(None),
            run => run.map(Some),
        }
    }

    /// The response of this id: as it was kept, or as it stands if it is still to be answered.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn response(&self, tenant: &str, id: &str) -> Result<Kept> {
        let unknown = match self.responses.get(tenant, id).await {
            Err(error) if error.code() == Code::NotFound => error,
            kept => return kept,
        };
        let Some(run) = self.run_of_response(tenant, id).await? else { return Err(unknown) };
        if matches!(run.state, State::Completed | State::HandedBack) {
            // It may have been kept since it was looked for.
            return self.responses.get(tenant, id).await;
        }
        let request = decode(&run, &self.work.runs.request(tenant, &run).await?)?;
        let standing = standing(&run, &request)?;
        if !run.state.is_ended() {
            return Ok(standing);
        }
        // What was answered before it failed, or was cancelled, stands in the last event.
        let before_last = run.events.checked_sub(2);
        let last = self.work.runs.follow(tenant, &run.id, before_last).next().await?;
        let response = last.and_then(|event| passed_response(&event.bytes));
        Ok(Kept { response: response.unwrap_or(standing.response), input: standing.input })
    }

    /// Deletes the response of this id, and the run that it comes from.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn delete_response(&self, tenant: &str, id: &str) -> Result<()> {
        let run = self.run_of_response(tenant, id).await?;
        let of_run = run.is_some();
        if let Some(run) = run {
            self.work.runs.delete(tenant, &run.id).await?;
            self.work.hands.stop(&run.id);
            self.forget_files(tenant, &run).await?;
        }
        match self.responses.delete(tenant, id).await {
            Err(error) if error.code() == Code::NotFound && of_run => Ok(()),
            deleted => deleted,
        }
    }

    /// Ends a run at once. One that is over stays as it is.
    ///
    /// # Errors
    ///
    /// Those of [`Runs::cancel`].
    pub async fn cancel(&self, tenant: &str, run: &str) -> Result<Run> {
        let end = |run: &Run, body| Ok(encoder(run, &decode(run, &body)?).cancelled());
        let (run, ended) = self.work.runs.cancel(tenant, run, end).await?;
        if ended {
            self.metrics.run_ended(State::Cancelled);
            self.work.hands.stop(&run.id);
            self.forget_files(tenant, &run).await?;
        }
        Ok(run)
    }

    /// Works on runs, this process's own and those that others leave, until the gateway is closed. Looks for
    /// them every [so often](Settings::runs_poll), and when this process takes one.
    pub async fn work(&self) {
        while self.work.hands.limit() > 0 {
            let pause = self.ports.host.sleep(self.settings.runs_poll);
            if let Either::Right(_) = select(pause, pin!(self.closing.closed())).await {
                return;
            }
            self.work_now();
        }
    }

    /// Works on runs as [`work`](Self::work) does, but returns when there are none, and after `time` at the
    /// latest: what is not over by then is handed over. For hosts that give their functions so much time.
    pub async fn work_for(&self, time: Duration) {
        let (host, hands) = (&self.ports.host, &self.work.hands);
        let mut over = host.sleep(time);
        hands.rest(false);
        loop {
            self.work_now();
            let looks = select(hands.idle(), host.sleep(self.settings.runs_poll));
            match select(&mut over, looks).await {
                Either::Left(_) => break,
                Either::Right((Either::Left(_), _)) => return,
                Either::Right((Either::Right(_), _)) => {}
            }
        }
        hands.rest(true);
        // Nobody sends; who waits is told by the end of it.
        let _ = hands.idle().await;
    }

    /// Begins to work on what the queue hands out now, beside everything else. Does nothing where
    /// [as many as may](Settings::runs) are worked on already.
    pub fn work_now(&self) {
        if let Some(hand) = Hands::free(&self.work.hands) {
            self.ports.host.spawn(work_on(self.clone(), hand).boxed());
        }
    }

    async fn forget_files(&self, tenant: &str, run: &Run) -> Result<()> {
        match &run.files {
            Some(name) => self.work.blobs.delete(tenant, name).await,
            None => Ok(()),
        }
    }

    async fn queue(&self, tenant: &str, run: &str, delay: Duration) -> Result<()> {
        let order = Order { tenant: tenant.to_owned(), run: run.to_owned() };
        let body = serde_json::to_string(&order).map_err(|error| {
            Error::new(Code::Internal, "a run cannot be queued").caused_by(error)
        })?;
        self.work.queue.enqueue(QUEUE, Message { delay, ..Message::new(body) }).await.map(drop)
    }
}

/// Works on what the queue hands out, until it hands out nothing.
async fn work_on(gateway: Gateway, hand: Hand) {
    loop {
        if hand.rests() || gateway.closing.closed().now_or_never().is_some() {
            return;
        }
        let lease = gateway.work.runs.lease();
        let delivery = match gateway.work.queue.pull(QUEUE, 1, lease).await {
            Ok(mut pulled) => pulled.pop(),
            Err(error) => return log(&error, "the queue of runs cannot be read"),
        };
        let Some(delivery) = delivery else { return };
        // There may be others.
        gateway.work_now();
        if let Err(error) = take(&gateway, &hand, delivery).await {
            log(&error, "a run was left to others");
        }
    }
}

/// Works on the run that a message is about.
async fn take(gateway: &Gateway, hand: &Hand, delivery: Delivery) -> Result<()> {
    let queue = &gateway.work.queue;
    let Some(Order { tenant, run }) = order(&delivery) else {
        return queue.acknowledge(QUEUE, delivery).await.map(drop);
    };
    let begin = |run: &Run, body| Ok(vec![encoder(run, &decode(run, &body)?).started()]);
    match gateway.work.runs.claim(&tenant, &run, begin).await {
        Ok(Taken::Claimed(claimed)) => {
            let _working = perform::measured(gateway, &claimed.run().await);
            let claimed = Arc::from(claimed);
            Box::pin(perform::perform(gateway, &claimed, delivery, hand.on(&run))).await
        }
        Ok(Taken::Missing) if delivery.deliveries < NEVER => {
            queue.give_back(QUEUE, delivery, NOT_YET).await.map(drop)
        }
        Ok(Taken::Missing | Taken::Ended(_)) => queue.acknowledge(QUEUE, delivery).await.map(drop),
        Ok(Taken::Leased(left)) => queue.give_back(QUEUE, delivery, left).await.map(drop),
        Err(error) => {
            queue.give_back(QUEUE, delivery, UNAVAILABLE).await?;
            Err(error)
        }
    }
}

fn order(delivery: &Delivery) -> Option<Order> {
    let order = serde_json::from_str(&delivery.body);
    order.inspect_err(|_| tracing::error!("a message of the queue of runs is none")).ok()
}

/// Reads the request that a run answers.
fn decode(run: &Run, body: &Bytes) -> Result<Request> {
    let format = wire::served(run.dialect)
        .ok_or_else(|| Error::new(Code::Internal, "nobody speaks the dialect of a stored run"))?;
    format.decode_request(&http::HeaderMap::new(), body)
}

fn opening(run: &Run) -> Opening {
    Opening { id: run.name().to_owned(), created: run.created_at.0 / 1000 }
}

/// What writes the events of a run behind those that were told.
fn encoder(run: &Run, request: &Request) -> AnswerEncoder {
    let told = Told { events: run.events, items: run.items, ..Told::default() };
    AnswerEncoder::new(request, &opening(run)).going_on(told)
}

/// What the caller of a run was told, with the items that belong to recorded steps.
async fn told(runs: &Runs, tenant: &str, run: &Run) -> Result<Told> {
    let mut told = Told { events: run.events, items: run.items, output: Vec::new() };
    if run.recorded == 0 {
        return Ok(told);
    }
    let mut follow = runs.follow(tenant, &run.id, None);
    while let Some(event) = follow.next().await? {
        if event.number >= run.recorded {
            break;
        }
        told.output.extend(done_item(&event.bytes));
    }
    Ok(told)
}

/// The events in what an encoder wrote. Comments, which only show that the connection lives, are none.
fn frames(written: &Bytes) -> Vec<Bytes> {
    const END: &[u8] = b"\n\n";
    let mut rest = written.clone();
    let mut frames = Vec::new();
    while let Some(end) = memmem::find(&rest, END) {
        let frame = rest.split_to(end + END.len());
        if !frame.starts_with(b":") {
            frames.push(frame);
        }
    }
    frames
}

/// The response of a run that was not answered, or not yet.
fn standing(run: &Run, request: &Request) -> Result<Kept> {
    let status = match run.state {
        State::Queued => "queued",
        State::Running => "in_progress",
        State::Completed | State::HandedBack => "completed",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    };
    let error = run
        .error
        .as_ref()
        .map(|problem| serde_json::json!({ "code": "server_error", "message": problem.message }));
    let opening = opening(run);
    let response = AnswerEncoder::new(request, &opening).standing(status, error);
    Ok(Kept { response, input: input_items(request, Some(&opening))? })
}

fn log(error: &Error, what: &'static str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
