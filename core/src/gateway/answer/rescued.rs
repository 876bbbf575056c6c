//! Asking a model that has tools, but sometimes prints its calls as text, or with arguments that are no
//! JSON: small ones do once their prompt is long.

use std::sync::Arc;

use async_stream::try_stream;
use futures::StreamExt;

use super::{Terms, emulated};
use crate::{
    chat::{Chunk, ChunkStream, Request, ToolChoice},
    inference::{Provider, Unanswered},
    parse::{CallOptions, MendedCalls, PrintedCalls},
    ports::Host,
};

/// Asks, and makes real calls of those that were printed. Only marks that nobody writes by chance, or
/// calls that are all of an answer, are taken for such: code in a block stays text, for a model with tools
/// shows it to people.
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
        mended: MendedCalls::new(&request.tools),
        streams: request.stream.is_some(),
    };
    Ok(told(chunks, rescue))
}

struct Rescue {
    printed: PrintedCalls,
    mended: MendedCalls,
    streams: bool,
}

impl Rescue {
    /// A whole answer in which there is nothing to rescue keeps its bytes; the pieces of a stream cannot,
    /// for it is not known what follows.
    fn chunk(&mut self, mut chunk: Chunk) -> Chunk {
        let bytes = chunk.verbatim.take().filter(|_| !self.streams);
        let before = bytes.as_ref().map(|_| chunk.events.clone());
        let events = self.printed.push(chunk).events;
        let told = self.mended.push(Chunk { events, verbatim: None });
        let verbatim = bytes.filter(|_| before.as_ref() == Some(&told.events));
        Chunk { verbatim, ..told }
    }

    fn finish(&mut self) -> Chunk {
        let events = self.printed.finish().events;
        let mut told = self.mended.push(Chunk { events, verbatim: None });
        told.events.extend(self.mended.finish().events);
        told
    }
}

fn told(mut chunks: ChunkStream, mut rescue: Rescue) -> ChunkStream {
    try_stream! {
        while let Some(chunk) = chunks.next().await {
            let chunk = rescue.chunk(chunk?);
            if !chunk.events.is_empty() {
                yield chunk;
            }
        }
        let rest = rescue.finish();
        if !rest.events.is_empty() {
            yield rest;
        }
    }
    .boxed()
}
