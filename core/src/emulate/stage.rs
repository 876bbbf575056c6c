//! From the answer of a model without tools to the answer that was asked for.

use super::reask;
use crate::{
    chat::{Chunk, Delta, Event, Request},
    parse::{
        CallIds, CallOptions, Flaw, MAX_CALL_BYTES, PrintedCalls, ReasoningMarks, ReasoningTags,
        Rewritten,
    },
};

/// Turns one answer back, chunk by chunk. Thoughts between tags become thoughts on the way.
///
/// Where a printed call is flawed, the stage stops short of it: [`flaw`](Self::flaw) says so, and what
/// follows is kept until the next step. Who goes on with `push` or `finish` gets the rest of the answer as
/// it is. Who ends the call instead and takes [`reask`](Self::reask) sends that request, and feeds its
/// answer to the same stage.
#[derive(Debug)]
pub struct Stage {
    reasoning: ReasoningTags,
    calls: PrintedCalls,
    /// What may be asked once more.
    retry: Option<Retry>,
    pending: Option<Flaw>,
    /// What was found behind the flaw, or is due before the next answer.
    kept: Vec<Event>,
    told: Told,
}

/// What asking once more takes.
#[derive(Debug)]
struct Retry {
    request: Request,
    tools: Vec<String>,
    reasoning: ReasoningMarks,
    /// What the model said, as it said it.
    said: String,
}

/// What was told of the answer so far.
#[derive(Debug, Default)]
struct Told {
    started: bool,
    /// The index of the next part, or of the open one.
    index: u32,
    open: bool,
    called: bool,
}

impl Stage {
    pub(super) fn new(
        request: &Request,
        plain: Request,
        reasoning: ReasoningMarks,
        options: CallOptions,
        ids: CallIds,
    ) -> Self {
        let tools = request.tools.iter().map(|tool| tool.name.clone());
        let tools = tools.filter(|name| !name.is_empty()).collect();
        // Several choices cannot be asked again one by one.
        let retry = (request.sampling.n.unwrap_or(1) == 1).then(|| Retry {
            request: plain,
            tools,
            reasoning,
            said: String::new(),
        });
        Self {
            reasoning: ReasoningTags::new(reasoning),
            calls: PrintedCalls::new(&request.tools, options, ids),
            retry,
            pending: None,
            kept: Vec::new(),
            told: Told::default(),
        }
    }

    /// Takes what came next, and gives what can be told of it: nothing, or one chunk. The provider's own
    /// bytes do not pass.
    pub fn push(&mut self, mut chunk: Chunk) -> Vec<Chunk> {
        // The answer to the second question goes on where the first one stopped.
        let started = self.told.started;
        chunk.events.retain(|event| !started || !matches!(event, Event::Start { .. }));
        let mut out = self.forgiven();
        if let Some(retry) = &mut self.retry {
            retry.remember(&chunk);
        }
        if let Some(chunk) = self.reasoning.push(chunk) {
            let read = self.calls.push(chunk);
            self.take(read, &mut out);
        }
        self.tell(out)
    }

    /// The answer ended, with its [`Event::Finish`] or without. Gives what was still held back.
    pub fn finish(&mut self) -> Vec<Chunk> {
        let mut out = self.forgiven();
        if let Some(chunk) = self.reasoning.finish() {
            out.extend(self.calls.push(chunk).events);
        }
        out.extend(self.calls.finish().events);
        self.tell(out)
    }

    /// What is wrong with the call that comes next, as long as nothing of it was told.
    pub fn flaw(&self) -> Option<&Flaw> {
        self.pending.as_ref()
    }

    /// The request that asks once more. The flawed call, and whatever came behind it, is forgotten: its
    /// answer's chunks are to be pushed next. `None` if there is no flaw to be mended, if it was asked
    /// once already, or if a call was told before: that one would be made twice.
    pub fn reask(&mut self) -> Option<Request> {
        let flaw = self.pending.as_ref().filter(|_| !self.told.called)?;
        let Retry { request, tools, reasoning, said } = self.retry.take()?;
        let request = reask::again(request, &said, flaw, &tools);
        self.pending = None;
        self.kept.clear();
        if self.told.open {
            self.kept.push(Event::PartEnd { choice: 0, index: self.told.index });
            (self.told.open, self.told.index) = (false, self.told.index + 1);
        }
        self.reasoning = ReasoningTags::new(reasoning);
        self.calls.restart(self.told.index);
        Some(request)
    }

    /// What was kept, for nobody asked again.
    fn forgiven(&mut self) -> Vec<Event> {
        if self.pending.take().is_some() {
            self.retry = None;
        }
        std::mem::take(&mut self.kept)
    }

    /// Tells everything up to the first flaw, as long as that may be mended.
    fn take(&mut self, read: Rewritten, out: &mut Vec<Event>) {
        let Rewritten { mut events, flaws } = read;
        if let Some((at, flaw)) = flaws.into_iter().next().filter(|_| self.retry.is_some()) {
            self.kept = events.split_off(at.min(events.len()));
            self.pending = Some(flaw);
        }
        out.append(&mut events);
    }

    fn tell(&mut self, events: Vec<Event>) -> Vec<Chunk> {
        for event in &events {
            match event {
                Event::Start { .. } => self.told.started = true,
                Event::PartStart { index, kind, .. } => {
                    (self.told.index, self.told.open) = (*index, true);
                    self.told.called |= matches!(kind, crate::chat::PartKind::ToolCall { .. });
                }
                Event::PartEnd { index, .. } => {
                    (self.told.index, self.told.open) = (index + 1, false);
                }
                _ => {}
            }
        }
        if events.is_empty() { Vec::new() } else { vec![Chunk { events, verbatim: None }] }
    }
}

impl Retry {
    /// Keeps what the model says, up to the length that a call may have.
    fn remember(&mut self, chunk: &Chunk) {
        for event in &chunk.events {
            if let Event::PartDelta { delta: Delta::Text(text), .. } = event
                && self.said.len() + text.len() <= MAX_CALL_BYTES
            {
                self.said.push_str(text);
            }
        }
    }
}
