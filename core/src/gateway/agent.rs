//! The agent loop: the model is asked, its calls are run and their results are told to it, until it is done.
//!
//! [`crate::agent`] says what comes next; this module does it. Each call of the model walks the path that every
//! call walks, from route to settle, with a hold and a receipt of its own, under one deadline. What the caller
//! is told is one answer; dropping it ends the call of the model and those of tools.
//!
//! An answer of a run in a kept conversation is one turn of it: the question, every call and result, and the
//! final answer. The first call of the model claims the conversation, and the end of the run adds the turn.

mod keep;
mod plan;

use std::{pin::pin, sync::Arc, time::Duration};

use async_stream::try_stream;
use futures::{Stream, StreamExt, stream};
use keep::Keeping;
pub(super) use plan::{Plan, plan};
use tracing::{Instrument, Span, info_span};

use super::{
    Begun, Gateway, Origin, Scratch, Share, Told, converse::Conversing, deliver, settle::illegal,
};
use crate::{
    Code, Result,
    agent::{
        About, Call, Ending, Loop, Next, Ran, Run, Said, Step, Telling, Terms, idempotency_key,
    },
    chat::{
        Chunk, ChunkStream, Event, FinishReason, Grammar, Message, Part, Request, Role, Usage,
        Whole,
    },
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
    let first = match driver.progress.next() {
        Next::Ask => Some(driver.ask().await?),
        _ => None,
    };
    let of = |begun: &Begun<ChunkStream>| (begun.receipt.clone(), begun.model.clone());
    let (receipt, model) = first.as_ref().map(of).unwrap_or_default();
    let (run, degraded) = (Some(driver.run.id.clone()), driver.offer.degraded());
    let chunks = drive(driver, first);
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
fn drive(mut driver: Driver, first: Option<Begun<ChunkStream>>) -> ChunkStream {
    try_stream! {
        let (mut first, time) = (first, driver.time.clone());
        let ending = 'run: loop {
            match driver.progress.next() {
                Next::End(ending) => break ending,
                Next::Nudge => driver.record(Step::Nudged).await?,
                Next::Ask => {
                    let begun = match first.take() {
                        Some(begun) => begun,
                        None => match driver.ask_again().await? {
                            Asked::Begun(begun) => *begun,
                            Asked::Ended(ending) => break ending,
                        },
                    };
                    let mut listening = driver.listen(begun);
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
    /// What was asked, with the tools of both sides. Its first messages are the request's own.
    request: Request,
    own_messages: usize,
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
        mut request: Request,
        conversing: Option<Arc<Conversing>>,
        Plan { offer, tools, limits }: Plan,
    ) -> Self {
        let host = &gateway.ports.host;
        let mut run = origin.agent.take().unwrap_or_default();
        if run.id.is_empty() {
            run.id = format!("run_{}", hex(host.random().into_iter().take(ID_BYTES)));
        }
        let ours = tools.iter().map(|tool| tool.name.clone()).collect();
        request.tools.extend(tools);
        request.original = None;
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
            own_messages: request.messages.len(),
            request,
            progress: Loop::new(Terms { ours, limits }, steps),
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

    /// Asks the model.
    async fn ask(&mut self) -> Result<Begun<ChunkStream>> {
        self.request.messages.truncate(self.own_messages);
        self.request.messages.extend(self.progress.messages());
        let step = self.progress.asked();
        if step > 0 {
            // What was demanded of the first answer was given.
            self.request.tool_choice = None;
        }
        let place = Place { run: self.run.id.clone(), step, deadline: self.deadline.clone() };
        let share = Share { conversing: self.conversing.take(), run: Some(place) };
        let asked = (&self.caller, &self.origin);
        let asking = self.gateway.ask_as(asked, &self.request, share);
        let mut begun = Box::pin(asking).instrument(self.span.clone()).await?;
        if let Some(heard) = begun.settlement.unheard() {
            self.keeping = Some(Keeping::new(&self.gateway, heard));
        }
        Ok(begun)
    }

    /// Asks the model once more. What cannot be paid, or comes too late, ends the run.
    async fn ask_again(&mut self) -> Result<Asked> {
        let time = self.time.clone();
        match time.within(Duration::MAX, self.ask()).await {
            None => Ok(Asked::Ended(Ending::Time)),
            Some(Err(error)) if error.code() == Code::OverBudget => {
                Ok(Asked::Ended(Ending::Budget))
            }
            Some(begun) => Ok(Asked::Begun(Box::new(begun?))),
        }
    }

    /// The model's answer, on its way to the caller and into the record.
    fn listen(&mut self, begun: Begun<ChunkStream>) -> Listening {
        self.telling.asks(begun.emulated);
        let limits =
            deliver::Limits { deadline: begun.deadline, closing: self.gateway.closing.clone() };
        let host = &self.gateway.ports.host;
        let delivered =
            self.span.in_scope(|| deliver::deliver(host, begun.answer, begun.settlement, limits));
        Listening {
            chunks: delivered,
            whole: Whole::default(),
            emulated: begun.emulated,
            receipt: begun.receipt,
            model: begun.model,
        }
    }

    fn hear(&mut self, listening: &mut Listening, chunk: &Chunk) -> Result<Option<Chunk>> {
        for event in &chunk.events {
            listening.whole.push(event.clone())?;
        }
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

    /// The last words.
    fn close(&mut self, ending: Ending) -> Chunk {
        let said = self.progress.said();
        let about = About { run: &self.run.id, ending, degraded: self.offer.degraded() };
        told(self.telling.close(about, said, self.request.dialect))
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
        self.gateway.metrics.agent_ended(ended, self.progress.asked());
    }
}

/// An answer of the model on its way.
struct Listening {
    chunks: ChunkStream,
    whole: Whole,
    emulated: bool,
    receipt: String,
    model: String,
}

impl Listening {
    /// The answer, complete.
    fn said(self) -> Step {
        let mut whole = self.whole;
        let choice = whole.choices.remove(&0).unwrap_or_default();
        let silent = |part: &Part| matches!(part, Part::Text { text, .. } if text.is_empty());
        let parts = choice.parts.into_iter().filter(|part| !silent(part)).collect();
        Step::Said(Box::new(Said {
            message: Message { parts, ..Message::text(Role::Assistant, "") },
            finish_reason: choice.finish_reason.unwrap_or(FinishReason::Stop),
            emulated: self.emulated,
            receipt: self.receipt,
            model: self.model,
            usage: whole.usage.unwrap_or_default(),
        }))
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
