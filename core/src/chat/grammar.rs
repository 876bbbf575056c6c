//! Which sequences of events are an answer.
//!
//! 1. `Start` comes first, once. (`Ping` and `Progress` may come anywhere, even before.)
//! 2. Within a choice, parts have the indices 0, 1, 2, … in order, and one is open at a time.
//! 3. A delta names the open part and is of its kind; a signature ends a reasoning part.
//! 4. `Finish` comes once per choice, with no part open; nothing of that choice follows it.
//! 5. `Usage` and `Extension` may come anywhere after `Start`, an `Extension` even behind the `Finish` of
//!    its choice.
//! 6. Each `OwnCall` has an id of its own, and one `ToolResult` behind it before its choice is finished.
//! 7. The answer is complete when at least one choice was mentioned and every one is finished.

use std::{collections::BTreeMap, error::Error, fmt};

use super::{Delta, Event, PartKind};

/// Checks one answer, event by event.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    started: bool,
    choices: BTreeMap<u32, Progress>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    parts: u32,
    open: Option<Open>,
    finished: bool,
    /// The calls of the gateway's own tools, and whether each has its result.
    calls: BTreeMap<String, bool>,
}

#[derive(Clone, Debug)]
struct Open {
    index: u32,
    kind: PartKind,
    signed: bool,
}

/// The rule that an event breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation(&'static str);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Violation {}

impl Grammar {
    /// Takes the next event, or says which rule it breaks.
    pub fn check(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Ping | Event::Progress { .. } => return Ok(()),
            Event::Start { .. } if self.started => return Err(Violation("a second start")),
            Event::Start { .. } => self.started = true,
            _ if !self.started => return Err(Violation("an event before the start")),
            Event::Usage(_) | Event::Extension { choice: None, .. } => {}
            Event::Extension { choice: Some(choice), .. } => {
                self.choices.entry(*choice).or_default();
            }
            Event::PartStart { choice, index, kind } => {
                self.choices.entry(*choice).or_default().start(*index, kind)?;
            }
            Event::PartDelta { choice, index, delta } => {
                self.choices.entry(*choice).or_default().extend(*index, delta)?;
            }
            Event::PartEnd { choice, index } => {
                self.choices.entry(*choice).or_default().end(*index)?;
            }
            Event::Finish { choice, .. } => self.choices.entry(*choice).or_default().finish()?,
        }
        Ok(())
    }

    /// Whether the answer may end here.
    pub fn complete(&self) -> Result<(), Violation> {
        if !self.started {
            return Err(Violation("no start"));
        }
        if self.choices.is_empty() || self.choices.values().any(|choice| !choice.finished) {
            return Err(Violation("a choice without a finish"));
        }
        Ok(())
    }
}

impl Progress {
    fn start(&mut self, index: u32, kind: &PartKind) -> Result<(), Violation> {
        self.unfinished()?;
        if self.open.is_some() {
            return Err(Violation("two parts open at once"));
        }
        if index != self.parts {
            return Err(Violation("part indices with a gap"));
        }
        let broken = match kind {
            PartKind::OwnCall { id, .. } => {
                let taken = self.calls.insert(id.clone(), false).is_some();
                taken.then_some("two calls with one id")
            }
            PartKind::ToolResult { call_id, .. } => {
                let due = self.calls.insert(call_id.clone(), true) == Some(false);
                (!due).then_some("a result without its call")
            }
            _ => None,
        };
        if let Some(rule) = broken {
            return Err(Violation(rule));
        }
        self.parts += 1;
        self.open = Some(Open { index, kind: kind.clone(), signed: false });
        Ok(())
    }

    fn extend(&mut self, index: u32, delta: &Delta) -> Result<(), Violation> {
        let open = self.opened(index)?;
        if open.signed {
            return Err(Violation("a delta after the signature"));
        }
        match (&open.kind, delta) {
            (PartKind::Reasoning | PartKind::Redacted, Delta::Signature(_)) => open.signed = true,
            (PartKind::Text, Delta::Text(_))
            | (PartKind::Reasoning, Delta::Reasoning(_))
            | (PartKind::Refusal, Delta::Refusal(_))
            | (PartKind::ToolCall { .. } | PartKind::OwnCall { .. }, Delta::Arguments(_)) => {}
            _ => return Err(Violation("a delta of another kind than its part")),
        }
        Ok(())
    }

    fn end(&mut self, index: u32) -> Result<(), Violation> {
        self.opened(index)?;
        self.open = None;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        self.unfinished()?;
        if self.open.is_some() {
            return Err(Violation("a finish while a part is open"));
        }
        if self.calls.values().any(|answered| !answered) {
            return Err(Violation("a finish before the result of a call"));
        }
        self.finished = true;
        Ok(())
    }

    fn opened(&mut self, index: u32) -> Result<&mut Open, Violation> {
        self.unfinished()?;
        self.open
            .as_mut()
            .filter(|open| open.index == index)
            .ok_or(Violation("a delta or end for a part that is not open"))
    }

    fn unfinished(&self) -> Result<(), Violation> {
        if self.finished { Err(Violation("an event after its choice finished")) } else { Ok(()) }
    }
}
