//! Asking a model that has no tools of its own for an answer with tool calls.

use std::sync::Arc;

use async_stream::try_stream;
use futures::StreamExt;

use super::Terms;
use crate::{
    Result,
    chat::{Chunk, ChunkStream, Event, Request, Source, Usage},
    emulate::{Abilities, Constraints, Emulation, Stage},
    inference::{Provider, Unanswered},
    parse::CallIds,
    ports::{Host, hex},
};

/// Random bytes in the id of a call.
const ID_BYTES: usize = 12;

/// Asks for an answer without tools, and reads the calls out of it. A flawed call is asked for once more:
/// the usage is then that of both answers together.
pub(super) async fn ask(
    request: &Request,
    provider: &Provider,
    model: &str,
    terms: &Terms<'_>,
    host: &Arc<dyn Host>,
) -> Result<ChunkStream, Unanswered> {
    let abilities = Abilities {
        constraints: constraints(provider),
        in_loop: terms.in_loop,
        ..Abilities::default()
    };
    let Some(Emulation { request, stage }) = Emulation::new(request, abilities, ids(host)) else {
        return provider.chat(request, model, terms.cap, terms.deadline).await;
    };
    let chunks = provider.chat(&request, model, terms.cap, terms.deadline).await?;
    let (provider, model) = (provider.clone(), model.to_owned());
    let (cap, deadline) = (terms.cap, terms.deadline.clone());
    let again = move |request: Request| {
        let (provider, model, deadline) = (provider.clone(), model.clone(), deadline.clone());
        async move {
            let answered = provider.chat(&request, &model, cap, &deadline).await;
            answered.map_err(|unanswered| unanswered.error)
        }
    };
    Ok(told(chunks, stage, again))
}

/// llama.cpp's server, which numbers its slots, takes grammars; any other may know JSON Schemas.
fn constraints(provider: &Provider) -> Constraints {
    if provider.has_slots() { Constraints::Grammar } else { Constraints::JsonSchema }
}

/// Ids for the calls that are read out of what a model printed.
pub(super) fn ids(host: &Arc<dyn Host>) -> CallIds {
    let host = Arc::clone(host);
    CallIds::new(move || format!("call_{}", hex(host.random().into_iter().take(ID_BYTES))))
}

fn told<A>(
    mut chunks: ChunkStream,
    mut stage: Stage,
    again: impl Fn(Request) -> A + Send + 'static,
) -> ChunkStream
where
    A: Future<Output = Result<ChunkStream>> + Send,
{
    try_stream! {
        let (mut usage, mut before) = (None, None);
        while let Some(chunk) = chunks.next().await {
            let mut chunk = chunk?;
            let counts = take_usage(&mut chunk, &mut usage);
            for chunk in stage.push(chunk) {
                yield chunk;
            }
            if counts {
                yield counted(usage, before).into();
            }
            let flawed = stage.flaw().is_some();
            if let Some(request) = flawed.then(|| stage.reask()).flatten() {
                // What it cost is told at its end.
                while let Some(chunk) = chunks.next().await {
                    take_usage(&mut chunk?, &mut usage);
                }
                before = Some(usage.take().unwrap_or(UNKNOWN));
                chunks = again(request).await?;
            }
        }
        for chunk in stage.finish() {
            yield chunk;
        }
    }
    .boxed()
}

/// The usage of an answer whose provider did not tell.
pub(super) const UNKNOWN: Usage = Usage {
    input: 0,
    cached_input: 0,
    cache_write: 0,
    output: 0,
    reasoning: 0,
    source: Source::Estimated,
};

/// Takes the token counts out of a chunk. Says whether there were any.
fn take_usage(chunk: &mut Chunk, usage: &mut Option<Usage>) -> bool {
    let mut found = false;
    chunk.events.retain(|event| match event {
        Event::Usage(counts) => {
            (*usage, found) = (Some(*counts), true);
            false
        }
        _ => true,
    });
    found
}

/// The counts so far, and those of the answer that was asked for again.
pub(super) fn counted(usage: Option<Usage>, before: Option<Usage>) -> Event {
    let now = usage.unwrap_or_default();
    let Some(before) = before else { return Event::Usage(now) };
    // Whoever told nothing of the first answer has read about as much as for the second.
    let read = if before.source == Source::Estimated { now.input } else { before.input };
    Event::Usage(Usage {
        input: now.input.saturating_add(read),
        cached_input: now.cached_input.saturating_add(before.cached_input),
        cache_write: now.cache_write.saturating_add(before.cache_write),
        output: now.output.saturating_add(before.output),
        reasoning: now.reasoning.saturating_add(before.reasoning),
        source: now.source.max(before.source),
    })
}
