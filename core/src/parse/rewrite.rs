//! From the events of an answer to those of the same answer, its texts read anew.
//!
//! Whatever is found in the texts of a choice gets a part of its own, so the parts are numbered again.
//! Everything else passes in its place. Adjacent texts become one part, empty ones none.

use std::{collections::BTreeMap, fmt};

use super::{Flaw, cursor::End, offered::Call};
use crate::chat::{Chunk, Delta, Event, FinishReason, PartKind};

/// Makes the ids of the calls that are found. A new one each time.
pub struct CallIds(Box<dyn FnMut() -> String + Send>);

impl CallIds {
    /// Asks `next` for each id.
    pub fn new(next: impl FnMut() -> String + Send + 'static) -> Self {
        Self(Box::new(next))
    }
}

impl fmt::Debug for CallIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallIds")
    }
}

/// Something found in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    Text(String),
    Reasoning(String),
    /// What was open is complete.
    Break,
    Call(Call),
    /// What comes next is flawed.
    Flaw(Flaw),
}

/// Reads the texts of one choice, piece by piece.
pub(super) trait Scan: Clone {
    fn push(&mut self, text: &str, found: &mut Vec<Found>);

    /// Lets go of everything that was held back.
    fn end(&mut self, end: End, found: &mut Vec<Found>);
}

/// Rewrites one answer.
#[derive(Debug)]
pub(super) struct Rewrite<S> {
    /// A scanner that has read nothing.
    blank: S,
    ids: Option<CallIds>,
    choices: BTreeMap<u32, Choice<S>>,
    /// The index of the first part of a choice.
    first: u32,
    /// Whether an answer without a call has a flaw.
    must_call: bool,
}

#[derive(Clone, Debug)]
struct Choice<S> {
    scan: S,
    /// The index of the part that is open, or of the next one.
    index: u32,
    open: Open,
    called: bool,
    finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Reasoning,
    /// A part of the provider's that is none of ours.
    Theirs,
}

/// What became of some events.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The events, in place of those that were read.
    pub events: Vec<Event>,
    /// What is wrong with the printed calls, and how many of `events` come before each flawed one.
    pub flaws: Vec<(usize, Flaw)>,
}

impl<S: Scan> Rewrite<S> {
    pub(super) fn new(blank: S, ids: Option<CallIds>, must_call: bool) -> Self {
        Self { blank, ids, choices: BTreeMap::new(), first: 0, must_call }
    }

    /// Forgets the answer, of which the parts before `first` were told.
    pub(super) fn restart(&mut self, first: u32) {
        self.choices.clear();
        self.first = first;
    }

    pub(super) fn push(&mut self, chunk: Chunk) -> Rewritten {
        let mut out = Rewritten::default();
        for event in chunk.events {
            self.event(event, &mut out);
        }
        out
    }

    /// The answer ended, however it did.
    pub(super) fn end(&mut self) -> Rewritten {
        let mut out = Rewritten::default();
        for (number, choice) in &mut self.choices {
            if !choice.finished {
                choice.flush(*number, End::Cut, &mut self.ids, &mut out);
            }
        }
        out
    }

    fn event(&mut self, event: Event, out: &mut Rewritten) {
        let Some(number) = choice_of(&event) else { return out.events.push(event) };
        let ids = &mut self.ids;
        let new = || Choice::new(self.blank.clone(), self.first);
        let choice = self.choices.entry(number).or_insert_with(new);
        match event {
            Event::PartStart { kind: PartKind::Text, .. } => {}
            Event::PartDelta { delta: Delta::Text(text), .. } => {
                choice.scanned(number, ids, out, |scan, found| scan.push(&text, found));
            }
            Event::PartStart { kind, .. } => {
                choice.flush(number, End::Done, ids, out);
                choice.close(number, out);
                choice.open = Open::Theirs;
                choice.called |= matches!(kind, PartKind::ToolCall { .. });
                out.events.push(Event::PartStart { choice: number, index: choice.index, kind });
            }
            Event::PartDelta { delta, .. } => {
                out.events.push(Event::PartDelta { choice: number, index: choice.index, delta });
            }
            Event::PartEnd { .. } if choice.open == Open::Theirs => choice.close(number, out),
            Event::PartEnd { .. } => {}
            Event::Finish { reason, .. } => {
                let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
                choice.flush(number, if cut { End::Cut } else { End::Done }, ids, out);
                choice.close(number, out);
                choice.finished = true;
                if self.must_call && !choice.called {
                    out.flaws.push((out.events.len(), Flaw::NoCall));
                }
                let reason = if choice.called && !cut { FinishReason::ToolCalls } else { reason };
                out.events.push(Event::Finish { choice: number, reason });
            }
            other => out.events.push(other),
        }
    }
}

/// Which choice's parts an event is about.
const fn choice_of(event: &Event) -> Option<u32> {
    match event {
        Event::PartStart { choice, .. }
        | Event::PartDelta { choice, .. }
        | Event::PartEnd { choice, .. }
        | Event::Finish { choice, .. } => Some(*choice),
        _ => None,
    }
}

impl<S: Scan> Choice<S> {
    const fn new(scan: S, index: u32) -> Self {
        Self { scan, index, open: Open::Nothing, called: false, finished: false }
    }

    fn flush(&mut self, number: u32, end: End, ids: &mut Option<CallIds>, out: &mut Rewritten) {
        self.scanned(number, ids, out, |scan, found| scan.end(end, found));
    }

    fn scanned(
        &mut self,
        number: u32,
        ids: &mut Option<CallIds>,
        out: &mut Rewritten,
        scan: impl FnOnce(&mut S, &mut Vec<Found>),
    ) {
        let mut found = Vec::new();
        scan(&mut self.scan, &mut found);
        for found in found {
            match found {
                Found::Text(text) => self.say(number, Open::Text, Delta::Text(text), out),
                Found::Reasoning(text) => {
                    self.say(number, Open::Reasoning, Delta::Reasoning(text), out);
                }
                Found::Break => self.close(number, out),
                Found::Call(call) => self.call(number, call, ids, out),
                Found::Flaw(flaw) => out.flaws.push((out.events.len(), flaw)),
            }
        }
    }

    fn say(&mut self, choice: u32, voice: Open, delta: Delta, out: &mut Rewritten) {
        if self.open != voice {
            self.close(choice, out);
            let kind = if voice == Open::Text { PartKind::Text } else { PartKind::Reasoning };
            out.events.push(Event::PartStart { choice, index: self.index, kind });
            self.open = voice;
        }
        out.events.push(Event::PartDelta { choice, index: self.index, delta });
    }

    fn call(&mut self, choice: u32, call: Call, ids: &mut Option<CallIds>, out: &mut Rewritten) {
        self.close(choice, out);
        let index = self.index;
        let id = ids.as_mut().map_or_else(String::new, |ids| (ids.0)());
        let kind = PartKind::ToolCall { id, name: call.name, custom: call.custom };
        out.events.push(Event::PartStart { choice, index, kind });
        let delta = Delta::Arguments(call.arguments);
        out.events.push(Event::PartDelta { choice, index, delta });
        self.open = Open::Theirs;
        self.close(choice, out);
        self.called = true;
    }

    fn close(&mut self, choice: u32, out: &mut Rewritten) {
        if self.open != Open::Nothing {
            out.events.push(Event::PartEnd { choice, index: self.index });
            self.open = Open::Nothing;
            self.index += 1;
        }
    }
}
