//! From the items of an answer, in whatever order a provider tells them, to a legal sequence of events.
//!
//! OpenAI tells one item after the other. Other servers begin the next before the last is done, and say
//! what became of all of them at the end. Here the first unfinished part is open, and what belongs to later
//! ones waits. Words give way as soon as something else begins; a call gives way when its arguments are
//! complete, so that no later piece of it can be missed.

use std::{borrow::Cow, collections::VecDeque};

use crate::{
    Code, Error, Result,
    chat::{Delta, Event, FinishReason, PartKind, Signature},
    wire::arguments::Arguments,
};

/// The most parts in one answer.
const MAX_PARTS: usize = 4096;
/// The most text that waits for an open part, in bytes.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Which part of the answer is meant: the number of its item, and of the piece in the item.
pub(super) type Place = (usize, u64);

/// The piece of an item that is its thoughts.
pub(super) const THOUGHTS: u64 = u64::MAX;

/// The parts of one answer.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// How many parts are closed.
    closed: u32,
    /// The open part, and those that wait.
    parts: VecDeque<Pending>,
    waiting_bytes: usize,
    called: bool,
}

#[derive(Debug)]
struct Pending {
    place: Place,
    kind: PartKind,
    /// Whether its start has been told.
    open: bool,
    /// What has not been told yet.
    text: String,
    signature: Option<Signature>,
    arguments: Arguments,
    complete: bool,
}

impl Assembly {
    /// Whether a tool was called.
    pub(super) fn has_calls(&self) -> bool {
        self.called
    }

    /// The index of the part at `place`, if it is not closed.
    pub(super) fn index(&self, place: Place) -> Option<u32> {
        let waiting = self.parts.iter().position(|part| part.place == place);
        let next = waiting.unwrap_or(self.parts.len());
        u32::try_from(next).ok()?.checked_add(self.closed)
    }

    /// The part at `place` begins, if it has not.
    pub(super) fn begin(
        &mut self,
        place: Place,
        kind: PartKind,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if self.parts.iter().any(|part| part.place == place) {
            return Ok(());
        }
        if self.parts.len() + usize::try_from(self.closed).unwrap_or(MAX_PARTS) >= MAX_PARTS {
            let message = "the provider's answer has too many parts";
            return Err(Error::new(Code::UpstreamInvalid, message));
        }
        self.called |= matches!(kind, PartKind::ToolCall { .. });
        self.parts.push_back(Pending {
            place,
            complete: matches!(kind, PartKind::Other { .. }),
            kind,
            open: false,
            text: String::new(),
            signature: None,
            arguments: Arguments::default(),
        });
        self.advance(out)
    }

    /// The part at `place` goes on. Says whether it does: it must have begun, and one that is closed takes
    /// no more.
    pub(super) fn extend(
        &mut self,
        place: Place,
        text: Cow<'_, str>,
        out: &mut Vec<Event>,
    ) -> Result<bool> {
        let Some(part) = self.parts.iter_mut().find(|part| part.place == place) else {
            return Ok(false);
        };
        if let PartKind::ToolCall { .. } = part.kind {
            part.arguments.push(&text);
        }
        self.waiting_bytes += text.len();
        if part.text.is_empty() {
            part.text = text.into_owned();
        } else {
            part.text.push_str(&text);
        }
        self.advance(out).map(|()| true)
    }

    /// The thoughts at `place` are signed.
    pub(super) fn sign(
        &mut self,
        place: Place,
        signature: Signature,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        // What is closed cannot be signed any more: the signature follows as thoughts of its own.
        self.begin(place, PartKind::Redacted, out)?;
        let thoughts = |part: &&mut Pending| {
            part.place == place && matches!(part.kind, PartKind::Reasoning | PartKind::Redacted)
        };
        if let Some(part) = self.parts.iter_mut().find(thoughts) {
            part.signature.get_or_insert(signature);
            part.complete = true;
        }
        self.advance(out)
    }

    /// The parts of the item are complete.
    pub(super) fn complete(&mut self, item: usize, out: &mut Vec<Event>) -> Result<()> {
        for part in self.parts.iter_mut().filter(|part| part.place.0 == item) {
            part.complete = true;
        }
        self.advance(out)
    }

    /// Everything is said.
    pub(super) fn finish(&mut self, reason: FinishReason, out: &mut Vec<Event>) {
        let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
        while !self.parts.is_empty() {
            self.tell(out);
            if !cut {
                self.complete_call(out);
            }
            self.close(out);
        }
        out.push(Event::Finish { choice: 0, reason });
    }

    /// Tells what can be told.
    fn advance(&mut self, out: &mut Vec<Event>) -> Result<()> {
        self.tell(out);
        while self.parts.front().is_some_and(|part| part.complete)
            || (self.parts.len() > 1 && self.gives_way())
        {
            self.complete_call(out);
            self.close(out);
            self.tell(out);
        }
        if self.waiting_bytes > MAX_WAITING_BYTES {
            let message = "the provider's tool call does not come to an end";
            return Err(Error::new(Code::UpstreamInvalid, message));
        }
        Ok(())
    }

    fn gives_way(&self) -> bool {
        self.parts.front().is_some_and(|part| match part.kind {
            PartKind::ToolCall { custom, .. } => !custom && part.arguments.complete(),
            _ => true,
        })
    }

    /// Tells the first part, as far as it is known.
    fn tell(&mut self, out: &mut Vec<Event>) {
        let index = self.closed;
        let Some(part) = self.parts.front_mut() else { return };
        if !part.open {
            out.push(Event::PartStart { choice: 0, index, kind: part.kind.clone() });
            part.open = true;
        }
        if !part.text.is_empty() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(part.text.len());
            let text = std::mem::take(&mut part.text);
            let delta = match part.kind {
                PartKind::Text => Delta::Text(text),
                PartKind::Refusal => Delta::Refusal(text),
                PartKind::Reasoning => Delta::Reasoning(text),
                PartKind::ToolCall { .. } | PartKind::OwnCall { .. } => Delta::Arguments(text),
                PartKind::Redacted | PartKind::ToolResult { .. } | PartKind::Other { .. } => return,
            };
            out.push(Event::PartDelta { choice: 0, index, delta });
        }
        if part.complete
            && let Some(signature) = part.signature.take()
        {
            let delta = Delta::Signature(signature);
            out.push(Event::PartDelta { choice: 0, index, delta });
        }
    }

    /// A call of a tool that takes nothing has an empty object as its arguments. Some providers leave it
    /// out, and clients then fail to parse nothing.
    fn complete_call(&self, out: &mut Vec<Event>) {
        if let Some(part) = self.parts.front()
            && matches!(part.kind, PartKind::ToolCall { custom: false, .. })
            && part.arguments.blank()
        {
            let delta = Delta::Arguments("{}".into());
            out.push(Event::PartDelta { choice: 0, index: self.closed, delta });
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if self.parts.pop_front().is_some() {
            out.push(Event::PartEnd { choice: 0, index: self.closed });
            self.closed += 1;
        }
    }
}
