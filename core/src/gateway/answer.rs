//! Stage 5: ask the model, and wake it before if it sleeps.

mod wake;

use std::{
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream};

use super::{
    line::Place,
    route::{Attempt, Destination},
    settle::Settlement,
};
use crate::{
    Code, Error, Result,
    accounting::Outcome,
    chat::{Chunk, ChunkStream, Event, Request},
    inference::{Deadline, LocalModels, Provider, Unanswered},
    ports::Lease,
};

/// Waits before a server that could not be reached is asked for again.
const DEATH_PAUSES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(100), Duration::from_millis(500)];

/// What is asked, and how long one may wait for the answer.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) request: &'a Request,
    /// The output limit to enforce.
    pub(super) cap: Option<u32>,
    pub(super) deadline: &'a Deadline,
    /// Names the conversation, so that it meets the same slot of a model server again.
    pub(super) conversation: Option<String>,
    /// Where the request stands in line, if its model may have to be woken.
    pub(super) place: Option<Place>,
    /// How long a request that is not streamed waits for its model.
    pub(super) wake_timeout: Duration,
}

/// Starts the answer. If there is none, the call is settled: at no cost if the provider said no, by an
/// estimate if it may have worked for it.
pub(super) async fn answer(
    attempt: Attempt,
    question: Question<'_>,
    settlement: &mut Settlement,
) -> Result<ChunkStream> {
    let Attempt { candidate, visit, last } = attempt;
    let model = &candidate.upstream_model;
    let mut answered = match (&visit, &candidate.destination) {
        (Some(visit), _) => ask(visit.provider(), model, &question, settlement).await,
        (None, Destination::Local { models, .. }) => {
            ask_local(models, model, question, settlement).await
        }
        (None, Destination::Upstream(_)) => Err(Error::new(Code::Internal, "nobody was visited")),
    };
    if let (Ok(chunks), false) = (&mut answered, last) {
        answered = begun(std::mem::replace(chunks, stream::empty().boxed())).await;
    }
    if let Some(visit) = visit {
        visit.note(answered.as_ref().map(|_| ()));
    }
    if let Err(error) = &answered {
        settlement.end(Outcome::Failed, Some(error)).await?;
    }
    answered
}

/// Holds an answer back until something has been said: as long as nothing was, another model may answer
/// instead and nobody sees it.
async fn begun(mut chunks: ChunkStream) -> Result<ChunkStream> {
    let mut held = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let says = |event: &Event| matches!(event, Event::PartDelta { .. } | Event::Finish { .. });
        let said = chunk.events.iter().any(says);
        held.push(Ok(chunk));
        if said {
            break;
        }
    }
    Ok(stream::iter(held).chain(chunks).boxed())
}

async fn ask(
    provider: &Provider,
    model: &str,
    question: &Question<'_>,
    settlement: &mut Settlement,
) -> Result<ChunkStream> {
    settlement.asked();
    let answered = provider.chat(question.request, model, question.cap, question.deadline).await;
    answered.map_err(|Unanswered { error, refused }| {
        if refused {
            settlement.refused();
        }
        error
    })
}

/// Asks a model of this machine. A server that died after its lease was given, and before it was
/// asked, is woken again; whoever supervises it may need a moment to see that it is gone.
async fn ask_local(
    local: &LocalModels,
    model: &str,
    mut question: Question<'_>,
    settlement: &mut Settlement,
) -> Result<ChunkStream> {
    let mut pauses = DEATH_PAUSES.into_iter();
    loop {
        let lease = wake::wake(local, model, &question, settlement).await?;
        question.place = None;
        let error = match ask(&local.provider(&lease), model, &question, settlement).await {
            Ok(chunks) => return Ok(Leased { chunks, lease: Some(lease) }.boxed()),
            Err(error) => error,
        };
        drop(lease);
        match pauses.next().filter(|_| error.code() == Code::UpstreamUnreachable) {
            Some(pause) => question.deadline.within(pause, pending::<()>()).await,
            None => return Err(error),
        };
    }
}

/// An answer that keeps its model warm until it has ended. The call is ended before the lease.
struct Leased {
    chunks: ChunkStream,
    lease: Option<Lease>,
}

impl Stream for Leased {
    type Item = Result<Chunk>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.chunks.as_mut().poll_next(context);
        if let Poll::Ready(None | Some(Err(_))) = next {
            self.lease = None;
        }
        next
    }
}
