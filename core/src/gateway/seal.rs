//! What lies between dialects: thoughts that one provider has signed, carried by a caller of another
//! dialect. They are sealed on the way out and opened on the way back, so no dialect knows of it.

use std::collections::BTreeMap;

use async_stream::try_stream;
use futures::StreamExt;

use crate::{
    Error, Result,
    chat::{Chunk, ChunkStream, Delta, Dialect, Event, Part, PartKind, Request, Signature},
    seal::{Seals, Thoughts, is_sealed},
};

/// Opens every sealed thought of `request`. Its original bytes hold what no provider knows, so they go.
pub(super) async fn open(seals: &Seals, tenant: &str, request: &mut Request) -> Result<()> {
    let sealed = |part: &Part| matches!(part, Part::Reasoning { signature: Some(it), .. } if is_sealed(&it.text));
    if !request.messages.iter().flat_map(|message| &message.parts).any(sealed) {
        return Ok(());
    }
    let seal = seals.get().await?;
    let field = match request.dialect {
        Dialect::OpenAiResponses => "encrypted_content",
        Dialect::Anthropic => "signature",
        _ => "reasoning_signature",
    };
    let list = if request.dialect == Dialect::OpenAiResponses { "input" } else { "messages" };
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Part::Reasoning { text, signature, redacted } = part
            && let Some(sealed) = signature.as_ref().filter(|it| is_sealed(&it.text))
        {
            let opened = seal.open(tenant, &sealed.text).ok_or_else(|| {
                let message = format!("`{field}` is not as it was given, or not for this caller");
                Error::invalid(format!("{list}[].{field}"), message)
            })?;
            (*text, *signature, *redacted) = (opened.text, opened.signature, opened.redacted);
        }
    }
    request.original = None;
    Ok(())
}

/// Seals what a caller of `dialect` is to bring back. Bytes of a provider of the caller's own dialect pass.
pub(super) fn close(
    seals: &Seals,
    tenant: &str,
    dialect: Dialect,
    mut chunks: ChunkStream,
) -> ChunkStream {
    if !matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic) {
        return chunks;
    }
    let mut closing =
        Closing { seals: seals.clone(), tenant: tenant.to_owned(), dialect, open: BTreeMap::new() };
    try_stream! {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            yield if closing.concerns(&chunk) { closing.chunk(chunk).await? } else { chunk };
        }
    }
    .boxed()
}

struct Closing {
    seals: Seals,
    tenant: String,
    dialect: Dialect,
    /// The thoughts that are being told, by choice.
    open: BTreeMap<u32, Thoughts>,
}

impl Closing {
    fn concerns(&self, chunk: &Chunk) -> bool {
        let begins = |event: &Event| {
            matches!(event, Event::PartStart { kind: PartKind::Reasoning | PartKind::Redacted, .. })
        };
        chunk.verbatim.is_none() && (!self.open.is_empty() || chunk.events.iter().any(begins))
    }

    async fn chunk(&mut self, chunk: Chunk) -> Result<Chunk> {
        let mut events = Vec::with_capacity(chunk.events.len() + 1);
        for event in chunk.events {
            self.event(event, &mut events).await?;
        }
        Ok(Chunk { events, verbatim: None })
    }

    async fn event(&mut self, mut event: Event, events: &mut Vec<Event>) -> Result<()> {
        match &mut event {
            Event::PartStart { choice, kind: PartKind::Reasoning, .. } => {
                self.open.insert(*choice, Thoughts::default());
            }
            Event::PartStart { choice, kind: PartKind::Redacted, .. } => {
                self.open.insert(*choice, Thoughts { redacted: true, ..Thoughts::default() });
            }
            Event::PartDelta { choice, delta: Delta::Reasoning(more), .. } => {
                if let Some(thoughts) = self.open.get_mut(choice) {
                    thoughts.text.push_str(more);
                }
            }
            Event::PartDelta { choice, delta: Delta::Signature(signature), .. } => {
                if let Some(thoughts) = self.open.remove(choice)
                    && signature.dialect != self.dialect
                {
                    let signed = Some(signature.clone());
                    *signature = self.sealed(&Thoughts { signature: signed, ..thoughts }).await?;
                }
            }
            Event::PartEnd { choice, index } => {
                // A caller of the chat format gets a field that it did not expect only where it must.
                if let Some(thoughts) = self.open.remove(choice)
                    && self.dialect != Dialect::OpenAiChat
                    && !thoughts.text.is_empty()
                {
                    let delta = Delta::Signature(self.sealed(&thoughts).await?);
                    events.push(Event::PartDelta { choice: *choice, index: *index, delta });
                }
            }
            _ => {}
        }
        events.push(event);
        Ok(())
    }

    async fn sealed(&self, thoughts: &Thoughts) -> Result<Signature> {
        let text = self.seals.get().await?.seal(&self.tenant, thoughts)?;
        Ok(Signature::new(self.dialect, text))
    }
}
