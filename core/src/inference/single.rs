//! One tool call an answer, where a provider cannot be told (`parallel_tool_calls: false`): the first call
//! of each choice is told, the others are not. What else is said stays, and so does what was used.

use std::collections::BTreeMap;

use futures::StreamExt;

use crate::chat::{Chunk, ChunkStream, Event, PartKind, Request};

/// `chunks` with at most one tool call in each choice, if `request` wants that.
pub(super) fn answer(request: &Request, chunks: ChunkStream) -> ChunkStream {
    if request.parallel_tool_calls != Some(false) {
        return chunks;
    }
    let mut filter = Filter::default();
    chunks.map(move |chunk| chunk.map(|chunk| filter.chunk(chunk))).boxed()
}

#[derive(Debug, Default)]
struct Filter {
    choices: BTreeMap<u32, Calls>,
}

/// The calls of one choice.
#[derive(Debug, Default)]
struct Calls {
    /// A call was told.
    told: bool,
    /// How many were left out so far: later parts move up.
    left_out: u32,
    /// The open part is left out.
    leaving_out: bool,
}

impl Filter {
    fn chunk(&mut self, chunk: Chunk) -> Chunk {
        let events = chunk.events.into_iter().filter_map(|event| self.event(event)).collect();
        Chunk { events, verbatim: None }
    }

    fn event(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::PartStart { choice, index, kind } => {
                let calls = self.choices.entry(*choice).or_default();
                let call = matches!(kind, PartKind::ToolCall { .. });
                calls.leaving_out = call && calls.told;
                calls.told |= call;
                if calls.leaving_out {
                    calls.left_out += 1;
                    return None;
                }
                *index -= calls.left_out;
            }
            Event::PartDelta { choice, index, .. } | Event::PartEnd { choice, index } => {
                let calls = self.choices.entry(*choice).or_default();
                if calls.leaving_out {
                    return None;
                }
                *index -= calls.left_out;
            }
            _ => {}
        }
        Some(event)
    }
}
