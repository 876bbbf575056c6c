//! From the pieces of an answer to its events: thoughts and calls that the model prints become what they
//! are meant to be.

use dormouse_core::{
    chat::{Chunk, Delta, Event, FinishReason, PartKind, Request, Tool, Usage},
    parse::{CallOptions, PrintedCalls, ReasoningMarks, ReasoningTags},
};

use super::question::call_ids;
use crate::engine::{Ending, Why};

/// Tells one answer.
#[derive(Debug)]
pub(super) struct Telling {
    thoughts: ReasoningTags,
    /// `None`: there is nothing to call.
    calls: Option<PrintedCalls>,
    usage: Usage,
    speaking: bool,
    called: bool,
}

impl Telling {
    /// An answer to `request`, whose prompt ends with `prompt`; `usage` is what it took to read it.
    pub(super) fn new(request: &Request, prompt: &str, usage: Usage) -> Self {
        let opened = prompt.trim_end().ends_with("<think>");
        let marks = ReasoningMarks { opened, anywhere: false };
        let options = CallOptions {
            single: request.parallel_tool_calls == Some(false),
            required: false,
            leaves_code: true,
        };
        let calls = |tools: &[Tool]| PrintedCalls::new(tools, options, call_ids());
        let calls = (!request.tools.is_empty()).then(|| calls(&request.tools));
        let thoughts = ReasoningTags::new(marks);
        Self { thoughts, calls, usage, speaking: false, called: false }
    }

    /// The beginning.
    pub(super) fn begin(&mut self, id: &str, model: &str, created: u64) -> Chunk {
        let (id, model) = (format!("chatcmpl-{id}"), model.to_owned());
        self.read(vec![Event::Start { id, model, created: Some(created) }])
    }

    /// More text.
    pub(super) fn text(&mut self, text: String) -> Chunk {
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.speaking, true) {
            events.push(Event::PartStart { choice: 0, index: 0, kind: PartKind::Text });
        }
        events.push(Event::PartDelta { choice: 0, index: 0, delta: Delta::Text(text) });
        self.read(events)
    }

    /// The end.
    pub(super) fn end(&mut self, ending: Ending) -> Chunk {
        let mut events = Vec::new();
        if self.speaking {
            events.push(Event::PartEnd { choice: 0, index: 0 });
        }
        let reason = match ending.why {
            Why::Stop => FinishReason::Stop,
            Why::Length => FinishReason::Length,
        };
        events.push(Event::Finish { choice: 0, reason });
        self.usage.output = ending.output as u64;
        events.push(Event::Usage(self.usage));
        self.read(events)
    }

    /// What was held back, of an answer that broke off.
    pub(super) fn cut(&mut self) -> Chunk {
        let chunk = self.thoughts.finish().unwrap_or_default();
        let Some(calls) = &mut self.calls else { return chunk };
        let mut events = calls.push(chunk).events;
        events.extend(calls.finish().events);
        Chunk { events, verbatim: None }
    }

    fn read(&mut self, events: Vec<Event>) -> Chunk {
        let chunk = self.thoughts.push(Chunk { events, verbatim: None });
        let mut events = chunk.map(|chunk| chunk.events).unwrap_or_default();
        if let Some(calls) = &mut self.calls {
            events = calls.push(Chunk { events, verbatim: None }).events;
        }
        for event in &mut events {
            match event {
                Event::PartStart { kind: PartKind::ToolCall { .. }, .. } => self.called = true,
                Event::Finish { reason, .. } if self.called && *reason == FinishReason::Stop => {
                    *reason = FinishReason::ToolCalls;
                }
                _ => {}
            }
        }
        Chunk { events, verbatim: None }
    }
}
