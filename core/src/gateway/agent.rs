//! The agent loop: the model is asked, its calls are run and their results are told to it, until it is done.
//!
//! [`crate::agent`] says what comes next; this module does it. Each call of the model walks the path that every
//! call walks, from route to settle, with a hold and a receipt of its own, under one deadline. What the caller
//! is told is one answer; dropping it ends the call of the model and those of tools.
//!
//! An answer of a run in a kept conversation is one turn of it: the question, every call and result, and the
//! final answer. The first call of the model claims the conversation, and the end of the run adds the turn.

mod around;
mod keep;
mod listening;
mod plan;
mod question;

use std::{pin::pin, sync::Arc, time::Duration};

use async_stream::try_stream;
use futures::{Stream, StreamExt, stream};
use keep::Keeping;
use listening::Listening;
pub(super) use plan::{Plan, plan};
use question::Question;
use tracing::{Instrument, Span, info_span};

use super::{
    Begun, Gateway, Origin, Scratch, Share, Told, converse::Conversing, deliver, settle::illegal,
};
use crate::{
    Code, Result,
    agent::{
        Call, Close, Ending, Loop, Manner, Next, Purpose, Ran, Run, Step, Telling, Terms,
        idempotency_key,
    },
    chat::{Chunk, ChunkStream, Event, Grammar, Request, Usage, Whole},
    inference::Deadline,
    keys::Caller,
    ports::{Workspace, hex},
    tools::{Context, Offer},
};

/// How many tools of one run work at once.
const AT_ONCE: usize = 8;
/// Random bytes in the id of a run.
const ID_BYTES: usize = 12;

/// Which call of which run.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) run: String,
    /// How often the model was asked before.
    pub(super) step: u32,
    pub(super) deadline: Deadline,
}

/// Begins the answer of a run, or of the rest of one.
pub(super) async fn run(
    gateway: &Gateway,
    (caller, origin): (&Caller, Origin),
    request: Request,
    conversing: Option<Arc<Conversing>>,
    plan: Plan,
) -> Result<Told> {
    let mut driver = Driver::new(gateway, (caller, origin), request, conversing, plan);
    let early = driver.look_up().await?;
    let first = match driver.progress.next() {
        Next::Ask(purpose) => Some(driver.ask(purpose).await?),
        _ => None,
    };
    let of = |begun: &Begun<ChunkStream>| (begun.receipt.clone(), begun.model.clone());
    let (receipt, model) = first.as_ref().map(of).unwrap_or_default();
    let (run, degraded) = (Some(driver.run.id.clone()), driver.degraded());
    let chunks = drive(driver, early, first);
    let chunks = if cfg!(debug_assertions) { checked(chunks) } else { chunks };
    Ok(Told { receipt, model, run, degraded, chunks })
}

/// The same, with an error where it breaks the grammar of events.
fn checked(mut chunks: ChunkStream) -> ChunkStream {
    try_stream! {
        let mut grammar = Grammar::default();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            for event in &chunk.events {
                grammar.check(event).map_err(illegal)?;
            }
            yield chunk;
        }
        grammar.complete().map_err(illegal)?;
    }
    .boxed()
}

/// Does what comes next, until nothing does.
fn drive(mut driver: Driver, early: Vec<Event>, first: Option<Begun<ChunkStream>>) -> ChunkStream {
    try_stream! {
        if !early.is_empty() {
            yield told(early);
        }
        let (mut first, time) = (first, driver.time.clone());
        let ending = 'run: loop {
            match driver.progress.next() {
                Next::End(ending) => break ending,
                Next::Nudge => driver.record(Step::Nudged).await?,
                Next::Ask(purpose) => {
                    let begun = match first.take() {
                        Some(begun) => begun,
                        None => match driver.ask_again(purpose).await? {
                            Asked::Begun(begun) => *begun,
                            Asked::Ended(ending) => break ending,
                        },
                    };
                    let (mut listening, held) = driver.listen(begun, purpose);
                    if !held.is_empty() {
                        yield told(held);
                    }
                    while let Some(chunk) = next(&time, &mut listening.chunks).await {
                        let Some(chunk) = chunk else { break 'run Ending::Time };
                        if let Some(told) = driver.hear(&mut listening, &chunk?)? {
                            yield told;
                        }
                    }
                    driver.record(listening.said()).await?;
                }
                Next::Call(calls) => {
                    let mut running = driver.call(calls);
                    while let Some(answered) = next(&time, &mut running).await {
                        let Some(answered) = answered else { break 'run Ending::Time };
                        let (call, ran) = answered?;
                        yield told(driver.telling.result(&call, &ran));
                        driver.record(Step::Ran(ran)).await?;
                    }
                }
            }
        };
        yield driver.close(ending);
        driver.end(ending).await?;
    }
    .boxed()
}

/// Everything that a run needs.
struct Driver {
    gateway: Gateway,
    caller: Caller,
    origin: Origin,
    question: Question,
    run: Run,
    progress: Loop,
    telling: Telling,
    offer: Arc<Offer>,
    workspace: Workspace,
    /// Whether nobody comes back to its files. Then it is cleared away, once there may be some.
    passing: bool,
    scratch: Option<Scratch>,
    conversing: Option<Arc<Conversing>>,
    keeping: Option<Keeping>,
    /// When the request must be over, and when the run is to be.
    deadline: Deadline,
    time: Deadline,
    span: Span,
    /// How it ended, once it has.
    ended: Option<Ending>,
}

/// What became of a further question.
enum Asked {
    Begun(Box<Begun<ChunkStream>>),
    Ended(Ending),
}

impl Driver {
    fn new(
        gateway: &Gateway,
        (caller, mut origin): (&Caller, Origin),
        request: Request,
        conversing: Option<Arc<Conversing>>,
        Plan { offer, tools, limits, around }: Plan,
    ) -> Self {
        let host = &gateway.ports.host;
        let mut run = origin.agent.take().unwrap_or_default();
        if run.id.is_empty() {
            run.id = format!("run_{}", hex(host.random().into_iter().take(ID_BYTES)));
        }
        let ours = tools.iter().map(|tool| tool.name.clone()).collect();
        let steps = std::mem::take(&mut run.steps);
        let name = conversing.as_ref().map_or_else(|| run.id.clone(), |it| it.id());
        // The run meets the same slot of a model server every time.
        origin.conversation.get_or_insert_with(|| run.id.clone());
        let mut telling = Telling::default();
        for step in &steps {
            if let Step::Said(said) = step {
                telling.used(said.usage);
            }
        }
        let workspace = Workspace { tenant: caller.tenant.clone(), name };
        // What outlives its process keeps its files from step to step, and clears them away itself.
        let passing = conversing.is_none() && run.journal.is_none();
        let most = gateway.settings.request_timeout;
        let deadline = |time| Deadline::after(Arc::clone(host), time);
        let span = info_span!(
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.conversation.id = run.id,
        );
        Self {
            caller: caller.clone(),
            origin,
            question: Question::new(request, tools),
            progress: Loop::new(Terms { ours, limits, around }, steps),
            telling,
            offer: Arc::new(offer),
            workspace,
            passing,
            scratch: None,
            conversing,
            keeping: None,
            deadline: deadline(most),
            time: deadline(limits.time.min(most)),
            gateway: gateway.clone(),
            run,
            span,
            ended: None,
        }
    }

    /// Looks up what is to be looked up before anything else, and says what was told of it.
    async fn look_up(&mut self) -> Result<Vec<Event>> {
        let (mut events, time) = (Vec::new(), self.time.clone());
        let (0, Next::Call(calls)) = (self.progress.asked(), self.progress.next()) else {
            return Ok(events);
        };
        let mut running = self.call(calls);
        while let Some(Some(answered)) = next(&time, &mut running).await {
            let (call, ran) = answered?;
            events.extend(self.telling.result(&call, &ran));
            self.record(Step::Ran(ran)).await?;
        }
        Ok(events)
    }

    /// Asks the model.
    async fn ask(&mut self, purpose: Purpose) -> Result<Begun<ChunkStream>> {
        let step = self.progress.asked();
        let place = Place { run: self.run.id.clone(), step, deadline: self.deadline.clone() };
        let share = Share { conversing: self.conversing.take(), run: Some(place) };
        let aside;
        let origin = if purpose == Purpose::Intent {
            // It is no part of the conversation: the slot of its model server is not for it.
            aside = Origin { conversation: None, ..self.origin.clone() };
            &aside
        } else {
            &self.origin
        };
        let request = self.question.ask(&self.progress, purpose);
        let asking = self.gateway.ask_as((&self.caller, origin), &*request, share);
        let mut begun = Box::pin(asking).instrument(self.span.clone()).await?;
        if let Some(heard) = begun.settlement.unheard() {
            self.keeping = Some(Keeping::new(&self.gateway, heard));
        }
        Ok(begun)
    }

    /// Asks the model once more. What cannot be paid, or comes too late, ends the run.
    async fn ask_again(&mut self, purpose: Purpose) -> Result<Asked> {
        let time = self.time.clone();
        match time.within(Duration::MAX, self.ask(purpose)).await {
            None => Ok(Asked::Ended(Ending::Time)),
            Some(Err(error)) if error.code() == Code::OverBudget => {
                Ok(Asked::Ended(Ending::Budget))
            }
            Some(begun) => Ok(Asked::Begun(Box::new(begun?))),
        }
    }

    /// The model's answer, on its way to the caller and into the record.
    fn listen(&mut self, begun: Begun<ChunkStream>, purpose: Purpose) -> (Listening, Vec<Event>) {
        let manner = Manner::of(&self.progress, purpose);
        let held = self.telling.asks(begun.emulated, manner);
        let limits =
            deliver::Limits { deadline: begun.deadline, closing: self.gateway.closing.clone() };
        let host = &self.gateway.ports.host;
        let delivered =
            self.span.in_scope(|| deliver::deliver(host, begun.answer, begun.settlement, limits));
        let listening = Listening {
            chunks: delivered,
            whole: Whole::default(),
            purpose,
            emulated: begun.emulated,
            receipt: begun.receipt,
            model: begun.model,
        };
        (listening, held)
    }

    fn hear(&mut self, listening: &mut Listening, chunk: &Chunk) -> Result<Option<Chunk>> {
        listening.hear(chunk)?;
        let progress = &self.progress;
        let events = self.telling.hear(chunk, |tool| progress.runs(tool));
        Ok((!events.is_empty()).then(|| told(events)))
    }

    /// Runs calls beside each other.
    fn call(&mut self, calls: Vec<Call>) -> stream::BoxStream<'static, Result<(Call, Ran)>> {
        if self.passing && self.scratch.is_none() {
            self.scratch = Some(self.gateway.scratch(self.workspace.clone()));
        }
        let step = self.progress.asked();
        let work: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let context = Context {
                    workspace: self.workspace.clone(),
                    idempotency_key: idempotency_key(&self.run.id, step, &call),
                };
                let (gateway, offer) = (self.gateway.clone(), Arc::clone(&self.offer));
                let running = async move {
                    let output = {
                        let (tools, asked) = (gateway.tools(), (&*call.name, &*call.arguments));
                        let execution = tools.execute(&offer, asked, &context, tools.limits());
                        let execution = pin!(async { Ok(execution.await) });
                        gateway.closing.unless(execution).await?
                    };
                    let ran =
                        Ran { call: call.index, parts: output.parts, is_error: output.is_error };
                    Ok((call, ran))
                };
                running.instrument(self.span.clone())
            })
            .collect();
        stream::iter(work).buffer_unordered(AT_ONCE).boxed()
    }

    /// Records a step before the next one begins.
    async fn record(&mut self, step: Step) -> Result<()> {
        if let Some(journal) = &self.run.journal {
            let at = u32::try_from(self.progress.steps().len()).unwrap_or(u32::MAX);
            journal.record(at, &step).await?;
        }
        self.progress.push(step);
        Ok(())
    }

    /// What it does without.
    fn degraded(&self) -> Vec<String> {
        let web = self.progress.misses_the_web().then(|| "web".to_owned());
        self.offer.degraded().into_iter().chain(web).collect()
    }

    /// The last words.
    fn close(&mut self, ending: Ending) -> Chunk {
        let dialect = self.question.request().dialect;
        let degraded = self.degraded();
        let close = Close { run: &self.run.id, ending, degraded, dialect };
        told(self.telling.close(&self.progress, close))
    }

    /// Keeps what is to be kept.
    async fn end(&mut self, ending: Ending) -> Result<()> {
        if !matches!(self.progress.steps().last(), Some(Step::Ended(_))) {
            self.record(Step::Ended(ending)).await?;
        }
        if let Some(keeping) = self.keeping.take() {
            let (receipt, usage) = match self.progress.said() {
                Some(said) => (said.receipt.clone(), said.usage),
                None => (self.run.id.clone(), Usage::default()),
            };
            keeping.keep(self.progress.turn(ending), receipt, usage).await?;
        }
        if let Some(scratch) = self.scratch.take() {
            scratch.discard().await;
        }
        self.ended = Some(ending);
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let ended = self.ended.map_or("aborted", Ending::as_str);
        let (used, sent_back) = self.progress.used();
        let metrics = &self.gateway.metrics;
        metrics.agent_ended(ended, self.progress.asked());
        used.into_iter().for_each(|it| metrics.agent_used(it.as_str()));
        sent_back.into_iter().for_each(|it| metrics.agent_sent_back(it.as_str()));
    }
}

/// What comes next. `None`: nothing more; `Some(None)`: not in time.
async fn next<S: Stream + Unpin>(time: &Deadline, stream: &mut S) -> Option<Option<S::Item>> {
    match time.within(Duration::MAX, stream.next()).await {
        None => Some(None),
        Some(item) => item.map(Some),
    }
}

fn told(events: Vec<Event>) -> Chunk {
    Chunk { events, verbatim: None }
}
