//! What is asked: a question is put, waited for and settled the same way whatever it is.

use std::{
    collections::BTreeSet,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt, stream};

use super::{Terms, Tools, emulated, rescued};
use crate::{
    Result,
    catalog::Capability,
    chat::{Chunk, ChunkStream, Event, Request, ToolChoice},
    embeddings::{self, Embeddings},
    gateway::{prefixes::Prompt, reserve::Load, route::needs},
    inference::{Provider, Unanswered},
    moderation::{self, Verdicts},
    operation::Operation,
    ports::Lease,
};

/// Something that providers are asked.
pub(in crate::gateway) trait Ask: Sync {
    /// What they answer.
    type Answer: Send;

    /// The model that the caller named.
    fn model(&self) -> &str;

    /// What a model must be capable of.
    fn needs(&self) -> BTreeSet<Capability>;

    /// The most that it can use.
    fn load(&self) -> Load;

    /// What the model will read, where it is a conversation.
    fn prompt(&self) -> Option<Prompt> {
        None
    }

    /// Whether the model must call a tool.
    fn forces_tools(&self) -> bool {
        false
    }

    /// Whether there are tools that the model may call.
    fn offers_tools(&self) -> bool {
        false
    }

    /// Whether the caller is kept alive while it waits.
    fn is_streamed(&self) -> bool {
        false
    }

    /// Asks `model` of `provider`.
    fn ask(
        &self,
        provider: &Provider,
        model: &str,
        terms: &Terms<'_>,
    ) -> impl Future<Output = Result<Self::Answer, Unanswered>> + Send;

    /// Waits until something has been said, so that another model may answer instead if nothing is; a
    /// whole answer has said it.
    fn begun(answer: Self::Answer) -> impl Future<Output = Result<Self::Answer>> + Send {
        async { Ok(answer) }
    }

    /// Keeps the model warm until the answer has ended; a whole one has.
    fn keep_warm(answer: Self::Answer, lease: Lease) -> Self::Answer {
        drop(lease);
        answer
    }
}

impl Ask for Request {
    type Answer = ChunkStream;

    fn model(&self) -> &str {
        &self.model
    }

    fn needs(&self) -> BTreeSet<Capability> {
        needs::of(self)
    }

    fn load(&self) -> Load {
        Load::from(self)
    }

    fn prompt(&self) -> Option<Prompt> {
        Some(Prompt::of(self))
    }

    fn forces_tools(&self) -> bool {
        matches!(self.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
    }

    fn offers_tools(&self) -> bool {
        let named = self.tools.iter().any(|tool| !tool.name.is_empty());
        named && self.tool_choice != Some(ToolChoice::None)
    }

    fn is_streamed(&self) -> bool {
        self.stream.is_some()
    }

    async fn ask(
        &self,
        provider: &Provider,
        model: &str,
        terms: &Terms<'_>,
    ) -> Result<ChunkStream, Unanswered> {
        match terms.tools {
            // Apart, so that the others need no room for them.
            Tools::Emulated(host) => {
                Box::pin(emulated::ask(self, provider, model, terms, host)).await
            }
            Tools::Rescued(host) => {
                Box::pin(rescued::ask(self, provider, model, terms, host)).await
            }
            Tools::Native => provider.chat(self, model, terms.cap, terms.deadline).await,
        }
    }

    async fn begun(chunks: ChunkStream) -> Result<ChunkStream> {
        begun(chunks).await
    }

    fn keep_warm(chunks: ChunkStream, lease: Lease) -> ChunkStream {
        Leased { chunks, lease: Some(lease) }.boxed()
    }
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

impl Ask for embeddings::Request {
    type Answer = Embeddings;

    fn model(&self) -> &str {
        &self.model
    }

    fn needs(&self) -> BTreeSet<Capability> {
        BTreeSet::from([Capability::Embeddings])
    }

    fn load(&self) -> Load {
        Load::from(self)
    }

    async fn ask(
        &self,
        provider: &Provider,
        model: &str,
        terms: &Terms<'_>,
    ) -> Result<Embeddings, Unanswered> {
        provider.embed(self, model, terms.deadline).await
    }
}

impl Ask for moderation::Request {
    type Answer = Verdicts;

    fn model(&self) -> &str {
        &self.model
    }

    fn needs(&self) -> BTreeSet<Capability> {
        BTreeSet::new()
    }

    fn load(&self) -> Load {
        Load { operation: Operation::Moderation, ..Load::default() }
    }

    async fn ask(
        &self,
        provider: &Provider,
        model: &str,
        terms: &Terms<'_>,
    ) -> Result<Verdicts, Unanswered> {
        provider.moderate(self, model, terms.deadline).await
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
