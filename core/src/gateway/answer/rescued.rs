//! Asking a model that has tools, but sometimes prints its calls as text, or with arguments that are no
//! JSON: small ones do once their prompt is long.

use std::sync::Arc;

use async_stream::try_stream;
use futures::StreamExt;

use super::{
    Terms,
    emulated::{self, UNKNOWN, counted},
};
use crate::{
    Result,
    chat::{Chunk, ChunkStream, Delta, Event, Request, ToolChoice, Usage},
    emulate::ask_again,
    inference::{Provider, Unanswered},
    parse::{CallOptions, MAX_CALL_BYTES, MendedCalls, PrintedCalls},
    ports::Host,
};

/// Asks, and makes real calls of those that were printed. Only marks that nobody writes by chance, or
/// calls that are all of an answer, are taken for such: code in a block stays text, for a model with tools
/// shows it to people. A call whose arguments are beyond mending is asked for once more: the usage is then
/// that of both answers together.
pub(super) async fn ask(
    request: &Request,
    provider: &Provider,
    model: &str,
    terms: &Terms<'_>,
    host: &Arc<dyn Host>,
) -> Result<ChunkStream, Unanswered> {
    let chunks = provider.chat(request, model, terms.cap, terms.deadline).await?;
    let offers = request.tools.iter().any(|tool| !tool.name.is_empty());
    if !offers || request.tool_choice == Some(ToolChoice::None) {
        return Ok(chunks);
    }
    let options = CallOptions {
        single: request.parallel_tool_calls == Some(false),
        leaves_code: true,
        ..CallOptions::default()
    };
    let rescue = Rescue {
        printed: PrintedCalls::new(&request.tools, options, emulated::ids(host)),
        // Several choices cannot be asked again one by one.
        mended: MendedCalls::new(&request.tools, request.sampling.n.unwrap_or(1) == 1),
        streams: request.stream.is_some(),
        request: request.clone(),
        said: String::new(),
        asked_again: false,
    };
    let (provider, model) = (provider.clone(), model.to_owned());
    let (cap, deadline) = (terms.cap, terms.deadline.clone());
    let again = move |request: Request| {
        let (provider, model, deadline) = (provider.clone(), model.clone(), deadline.clone());
        async move {
            let answered = provider.chat(&request, &model, cap, &deadline).await;
            answered.map_err(|unanswered| unanswered.error)
        }
    };
    Ok(told(chunks, rescue, again))
}

struct Rescue {
    printed: PrintedCalls,
    mended: MendedCalls,
    streams: bool,
    request: Request,
    /// What the model said, up to the length that a call may have.
    said: String,
    asked_again: bool,
}

impl Rescue {
    /// A whole answer in which there is nothing to rescue keeps its bytes; the pieces of a stream cannot,
    /// for it is not known what follows.
    fn chunk(&mut self, mut chunk: Chunk) -> Chunk {
        // The answer to the second question goes on where the first one stopped.
        let goes_on = self.asked_again;
        chunk.events.retain(|event| !goes_on || !matches!(event, Event::Start { .. }));
        let bytes = chunk.verbatim.take().filter(|_| !self.streams && !goes_on);
        let before = bytes.as_ref().map(|_| chunk.events.clone());
        let events = self.printed.push(chunk).events;
        let told = self.mended.push(Chunk { events, verbatim: None });
        self.remember(&told);
        let verbatim = bytes.filter(|_| before.as_ref() == Some(&told.events));
        Chunk { verbatim, ..told }
    }

    fn remember(&mut self, told: &Chunk) {
        for event in &told.events {
            if let Event::PartDelta { delta: Delta::Text(text), .. } = event
                && self.said.len() + text.len() <= MAX_CALL_BYTES
            {
                self.said.push_str(text);
            }
        }
    }

    /// The request that asks for a call once more, if it cannot be mended. Its answer's chunks come next.
    fn reask(&mut self) -> Option<Request> {
        let flawed = self.mended.flawed()?;
        self.printed.restart(flawed.index);
        self.asked_again = true;
        Some(ask_again(&self.request, &self.said, &flawed))
    }

    fn finish(&mut self) -> Chunk {
        let events = self.printed.finish().events;
        let mut told = self.mended.push(Chunk { events, verbatim: None });
        told.events.extend(self.mended.finish().events);
        told
    }
}

fn told<A>(
    mut chunks: ChunkStream,
    mut rescue: Rescue,
    again: impl Fn(Request) -> A + Send + 'static,
) -> ChunkStream
where
    A: Future<Output = Result<ChunkStream>> + Send,
{
    try_stream! {
        let (mut usage, mut before) = (None, None);
        while let Some(chunk) = chunks.next().await {
            let mut chunk = chunk?;
            note_usage(&mut chunk, &mut usage, before);
            let chunk = rescue.chunk(chunk);
            if !chunk.events.is_empty() {
                yield chunk;
            }
            if let Some(request) = rescue.reask() {
                // What it cost is told at its end.
                while let Some(chunk) = chunks.next().await {
                    note_usage(&mut chunk?, &mut usage, before);
                }
                before = Some(usage.take().unwrap_or(UNKNOWN));
                chunks = again(request).await?;
            }
        }
        let rest = rescue.finish();
        if !rest.events.is_empty() {
            yield rest;
        }
    }
    .boxed()
}

/// Takes notice of the token counts of a chunk, and adds those of the answer that was given up.
fn note_usage(chunk: &mut Chunk, usage: &mut Option<Usage>, before: Option<Usage>) {
    for event in &mut chunk.events {
        if let Event::Usage(counts) = event {
            *usage = Some(*counts);
            if before.is_some() {
                *event = counted(*usage, before);
            }
        }
    }
}
