//! Asking for an answer: one candidate after the other takes the stages from route to answer.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Gateway, Origin,
    admit::{self, Admission},
    agent,
    answer::{self, Ask, Question, Terms},
    converse::Conversing,
    reserve,
    route::{self, Attempt, Plan},
    settle,
};
use crate::{Result, inference::Deadline, keys::Caller, rates::Limits};

/// What all attempts to answer a request have in common.
struct Asked<'a, A> {
    caller: &'a Caller,
    request: &'a A,
    origin: &'a Origin,
    /// Names the conversation among those of all tenants.
    conversation: Option<String>,
    /// The kept conversation that it belongs to.
    conversing: Option<Arc<Conversing>>,
    /// The rate limits of the tenant, and whether the request counts already for how many it makes.
    limits: Limits,
    counted: AtomicBool,
    deadline: Deadline,
    /// The run that it is a part of.
    run: Option<agent::Place>,
}

/// What a call is a part of.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// The kept conversation that it belongs to.
    pub(super) conversing: Option<Arc<Conversing>>,
    /// The run.
    pub(super) run: Option<agent::Place>,
}

/// An answer that has begun, or is here as a whole, and the call that it belongs to.
pub(super) struct Begun<T> {
    pub(super) answer: T,
    pub(super) model: String,
    pub(super) receipt: String,
    pub(super) settlement: settle::Settlement,
    pub(super) deadline: Deadline,
    /// Whether the model was told of tools in words.
    pub(super) emulated: bool,
}

impl Gateway {
    /// Asks one candidate after the other, until one begins to answer.
    pub(super) async fn ask<A: Ask>(
        &self,
        caller: &Caller,
        request: &A,
        origin: &Origin,
        conversing: Option<Arc<Conversing>>,
    ) -> Result<Begun<A::Answer>> {
        self.ask_as((caller, origin), request, Share { conversing, run: None }).await
    }

    /// The same, as a part of something larger.
    pub(super) async fn ask_as<A: Ask>(
        &self,
        (caller, origin): (&Caller, &Origin),
        request: &A,
        Share { conversing, run }: Share,
    ) -> Result<Begun<A::Answer>> {
        let host = &self.ports.host;
        let deadline = match &run {
            Some(run) => run.deadline.clone(),
            None => Deadline::after(Arc::clone(host), self.settings.request_timeout),
        };
        // Tenants may use the same names.
        let named = origin.conversation.as_ref();
        let conversation = named.map(|name| format!("{}/{name}", caller.tenant));
        let effective = self.tenants.of(&caller.tenant).await?;
        let config = &effective.config;
        let mut plan = Plan::new(route::route(self, request, origin, config).await?);
        // A run is one request.
        let counted = AtomicBool::new(run.as_ref().is_some_and(|run| run.step > 0));
        let limits = config.limits();
        let asked = Asked {
            caller,
            request,
            origin,
            conversation,
            conversing,
            limits,
            counted,
            deadline,
            run,
        };
        let mut attempt = plan.first()?;
        loop {
            match Box::pin(self.attempt(attempt, &asked)).await {
                Ok(begun) => return Ok(begun),
                Err(error) => attempt = plan.after(error)?,
            }
        }
    }

    /// Asks one candidate. Each attempt has a hold and a receipt of its own.
    async fn attempt<A: Ask>(
        &self,
        attempt: Attempt,
        asked: &Asked<'_, A>,
    ) -> Result<Begun<A::Answer>> {
        let candidate = &attempt.candidate;
        let line = (&self.lines, self.settings.model_queue);
        let Admission { slot, place } =
            admit::admit(candidate, &self.workers, line, &self.metrics)?;
        let correlation_id = asked.origin.correlation_id.clone();
        if let Some(conversation) = &asked.conversation
            && let Some(prompt) = asked.request.prompt()
            && let Some(seen) = self.prefixes.next(conversation, &candidate.model, prompt)
        {
            self.metrics.followed(&candidate.model, seen.shared, seen.all);
        }
        let load = asked.request.load();
        let claim = reserve::Claim {
            limits: asked.limits,
            requests: u32::from(!asked.counted.load(Ordering::Relaxed)),
            run: of_run(asked),
            ..reserve::Claim::new(asked.caller, candidate, load, correlation_id)
        };
        let question = Question {
            request: asked.request,
            terms: Terms {
                cap: claim.cap,
                deadline: &asked.deadline,
                tools: candidate.tools(&self.ports.host),
                in_loop: asked.run.is_some(),
            },
            conversation: asked.conversation.clone(),
            place,
            wake_timeout: self.settings.wake_timeout,
        };
        let model = candidate.model.clone();
        let emulated = candidate.emulates_tools && asked.request.offers_tools();
        let conversing = asked.conversing.clone();
        let mut settlement =
            reserve::reserve(self, asked.caller.clone(), claim, slot, conversing).await?;
        asked.counted.store(true, Ordering::Relaxed);
        let receipt = settlement.receipt_id().unwrap_or_default().to_owned();
        let answer = {
            let answer = pin!(answer::answer(attempt, question, &mut settlement));
            self.closing.unless(answer).await?
        };
        let deadline = asked.deadline.clone();
        Ok(Begun { answer, model, receipt, settlement, deadline, emulated })
    }
}

/// Which step of which run a call is. An answer that outlives its caller is a run, of one step where its caller
/// has the hands.
fn of_run<A>(asked: &Asked<'_, A>) -> Option<(String, u32)> {
    let step = asked.run.as_ref().map(|place| (place.run.clone(), place.step));
    step.or_else(|| {
        let run = asked.origin.agent.as_ref().filter(|run| !run.id.is_empty())?;
        Some((run.id.clone(), 0))
    })
}
