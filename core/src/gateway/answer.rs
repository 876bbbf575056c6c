//! Stage 5: ask the model, and wake it before if it sleeps.

mod ask;
mod emulated;
mod rescued;
mod wake;

use std::{future::pending, sync::Arc, time::Duration};

pub(super) use ask::Ask;

use super::{
    line::Place,
    route::{Attempt, Destination},
    settle::Settlement,
};
use crate::{
    Code, Error, Result,
    accounting::Outcome,
    inference::{Deadline, LocalModels, Provider, Unanswered},
    ports::Host,
};

/// Waits before a server that could not be reached is asked for again.
const DEATH_PAUSES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(100), Duration::from_millis(500)];

/// What is asked, and how long one may wait for the answer.
#[derive(Debug)]
pub(super) struct Question<'a, A> {
    pub(super) request: &'a A,
    pub(super) terms: Terms<'a>,
    /// Names the conversation, so that it meets the same slot of a model server again.
    pub(super) conversation: Option<String>,
    /// Where the request stands in line, if its model may have to be woken.
    pub(super) place: Option<Place>,
    /// How long a request that is not streamed waits for its model.
    pub(super) wake_timeout: Duration,
}

/// What an answer must keep to.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    /// The output limit to enforce.
    pub(super) cap: Option<u32>,
    pub(super) deadline: &'a Deadline,
    /// Whether a model that is told of tools in words is to say when it is done.
    pub(super) in_loop: bool,
    /// What is done about tools beside asking for them.
    pub(super) tools: Tools<'a>,
}

/// What is done about tools, and the host that makes ids for the calls that are found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tools<'a> {
    /// Nothing: the model has tools of its own.
    Native,
    /// It has, but what it prints instead of calling them is read, too.
    Rescued(&'a Arc<dyn Host>),
    /// It has none, and is told of them in words.
    Emulated(&'a Arc<dyn Host>),
}

/// Starts the answer. If there is none, the call is settled: at no cost if the provider said no, by an
/// estimate if it may have worked for it.
pub(super) async fn answer<A: Ask>(
    attempt: Attempt,
    question: Question<'_, A>,
    settlement: &mut Settlement,
) -> Result<A::Answer> {
    let Attempt { candidate, visit, last } = attempt;
    let model = &candidate.upstream_model;
    let answered = match (&visit, &candidate.destination) {
        (Some(visit), _) => ask(visit.provider(), model, &question, settlement).await,
        (None, Destination::Local { models, .. }) => {
            Box::pin(ask_local(models, model, question, settlement)).await
        }
        (None, Destination::Upstream(_)) => Err(Error::new(Code::Internal, "nobody was visited")),
    };
    let answered = match answered {
        Ok(answer) if !last => A::begun(answer).await,
        answered => answered,
    };
    if let Some(visit) = visit {
        visit.note(answered.as_ref().map(|_| ()));
    }
    if let Err(error) = &answered {
        settlement.end(Outcome::Failed, Some(error)).await?;
    }
    answered
}

async fn ask<A: Ask>(
    provider: &Provider,
    model: &str,
    question: &Question<'_, A>,
    settlement: &mut Settlement,
) -> Result<A::Answer> {
    settlement.asked();
    let answered = question.request.ask(provider, model, &question.terms).await;
    answered.map_err(|Unanswered { error, refused }| {
        if refused {
            settlement.refused();
        }
        error
    })
}

/// Asks a model of this machine. A server that died after its lease was given, and before it was
/// asked, is woken again; whoever supervises it may need a moment to see that it is gone.
async fn ask_local<A: Ask>(
    local: &LocalModels,
    model: &str,
    mut question: Question<'_, A>,
    settlement: &mut Settlement,
) -> Result<A::Answer> {
    let mut pauses = DEATH_PAUSES.into_iter();
    loop {
        let lease = wake::wake(local, model, &question, settlement).await?;
        question.place = None;
        let error = match ask(&local.provider(&lease), model, &question, settlement).await {
            Ok(answer) => return Ok(A::keep_warm(answer, lease)),
            Err(error) => error,
        };
        drop(lease);
        match pauses.next().filter(|_| error.code() == Code::UpstreamUnreachable) {
            Some(pause) => question.terms.deadline.within(pause, pending::<()>()).await,
            None => return Err(error),
        };
    }
}
