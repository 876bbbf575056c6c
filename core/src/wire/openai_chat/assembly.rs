//! From the deltas of one choice to a legal sequence of events.
//!
//! The format lets parts mix: text may come between pieces of a tool call, and the pieces of several
//! calls may alternate. Here the first unfinished part is open, and what belongs to later ones waits. A
//! text gives way as soon as something else begins; a call gives way when its arguments are complete
//! JSON, so that no later piece of it can be missed. What has not given way is closed at the finish.

use std::{borrow::Cow, collections::VecDeque};

use crate::{
    Code, Error, Result,
    chat::{Delta, Dialect, Event, FinishReason, PartKind, Signature},
    wire::{arguments::Arguments, out::Out},
};

/// The most tool calls in one choice.
const MAX_CALLS: usize = 1024;
/// The most parts that wait for an open one.
const MAX_WAITING: usize = 4096;
/// The most text that waits for an open part, in bytes.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// What is said rather than called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Text,
    Reasoning,
    Refusal,
}

/// A piece of a tool call.
#[derive(Debug, Default)]
pub(super) struct CallPiece<'a> {
    /// The call's place, as the provider counts.
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) arguments: Cow<'a, str>,
    /// It is a `function_call`, of which there is only one, without an id.
    pub(super) legacy: bool,
}

/// One choice in the making.
#[derive(Debug)]
pub(super) struct Assembly {
    choice: u32,
    /// The index of the first part in `parts`.
    index: u32,
    /// The open part, and those that wait.
    parts: VecDeque<Pending>,
    calls: Vec<Known>,
    waiting_bytes: usize,
    finished: bool,
}

/// A call that has been mentioned.
#[derive(Debug)]
struct Known {
    index: Option<u64>,
    id: Option<String>,
    legacy: bool,
    arguments: Arguments,
}

#[derive(Debug)]
struct Pending {
    kind: Kind,
    /// Whether its start has been told.
    open: bool,
    /// What has not been told yet.
    text: String,
    signature: Option<String>,
    signed: bool,
}

#[derive(Debug)]
enum Kind {
    Voice(Voice),
    Call { known: usize, name: Option<String> },
}

impl Assembly {
    pub(super) fn new(choice: u32) -> Self {
        Self {
            choice,
            index: 0,
            parts: VecDeque::new(),
            calls: Vec::new(),
            waiting_bytes: 0,
            finished: false,
        }
    }

    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// Whether a tool was called.
    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Something is said.
    pub(super) fn say(&mut self, voice: Voice, text: Cow<'_, str>, out: &mut Out) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.waiting_bytes += text.len();
        if let Some(part) = self.voice(voice) {
            part.add(text);
        }
        self.advance(out)
    }

    /// The thoughts are signed.
    pub(super) fn sign(&mut self, signature: String, out: &mut Out) -> Result<()> {
        self.waiting_bytes += signature.len();
        if let Some(part) = self.voice(Voice::Reasoning) {
            (part.signature, part.signed) = (Some(signature), true);
        }
        self.advance(out)
    }

    /// A tool is called, or a call goes on.
    pub(super) fn call(&mut self, piece: CallPiece<'_>, out: &mut Out) -> Result<()> {
        out.inexact |= piece.index.is_none() && !piece.legacy;
        let Some(known) = self.known(&piece, out)? else { return Ok(()) };
        let of_call =
            |part: &&mut Pending| matches!(part.kind, Kind::Call { known: it, .. } if it == known);
        let (Some(part), Some(call)) =
            (self.parts.iter_mut().find(of_call), self.calls.get_mut(known))
        else {
            // It is closed, for its arguments were complete: what follows them is noise.
            out.inexact |= !piece.arguments.trim().is_empty();
            return Ok(());
        };
        call.id = call.id.take().or(piece.id);
        call.arguments.push(&piece.arguments);
        self.waiting_bytes += piece.arguments.len();
        part.add(piece.arguments);
        if let Kind::Call { name: name @ None, .. } = &mut part.kind {
            *name = piece.name;
        }
        self.advance(out)
    }

    /// Everything is said.
    pub(super) fn finish(&mut self, reason: FinishReason, out: &mut Out) -> Result<()> {
        while !self.parts.is_empty() {
            if !self.tell(out) {
                return Err(Error::new(
                    Code::UpstreamInvalid,
                    "the provider called a tool without naming it",
                ));
            }
            if !matches!(reason, FinishReason::Length | FinishReason::ContentFilter) {
                self.complete_call(out);
            }
            self.close(out);
        }
        out.events.push(Event::Finish { choice: self.choice, reason });
        self.finished = true;
        Ok(())
    }

    /// The part that takes more of `voice`: the last one, or a new one.
    fn voice(&mut self, voice: Voice) -> Option<&mut Pending> {
        let fits =
            |part: &Pending| matches!(part.kind, Kind::Voice(it) if it == voice) && !part.signed;
        if !self.parts.back().is_some_and(fits) {
            self.parts.push_back(Pending::new(Kind::Voice(voice)));
        }
        self.parts.back_mut()
    }

    /// Which call a piece belongs to. `None`: the piece says nothing.
    fn known(&mut self, piece: &CallPiece<'_>, out: &mut Out) -> Result<Option<usize>> {
        let found = match (piece.legacy, piece.index, &piece.id) {
            (true, ..) => self.calls.iter().rposition(|call| call.legacy),
            (_, Some(_), _) => self.calls.iter().rposition(|call| call.index == piece.index),
            (_, None, Some(_)) => self.calls.iter().rposition(|call| call.id == piece.id),
            (_, None, None) if piece.name.is_some() => None,
            (_, None, None) => self.calls.len().checked_sub(1),
        };
        if let Some((known, call)) = found.and_then(|known| Some((known, self.calls.get(known)?))) {
            // Some providers give every call the same index.
            let other_id = piece.id.is_some() && call.id.is_some() && piece.id != call.id;
            let again = piece.id.is_none()
                && piece.name.is_some()
                && call.arguments.complete()
                && !piece.arguments.trim().is_empty();
            if !other_id && !again {
                return Ok(Some(known));
            }
            out.inexact = true;
        }
        if piece.id.is_none() && piece.name.is_none() && piece.arguments.is_empty() {
            return Ok(None);
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(Error::new(
                Code::UpstreamInvalid,
                "the provider called too many tools at once",
            ));
        }
        let known = self.calls.len();
        // Chunks of our own count calls from 0; bytes between them must count the same way.
        let count = self.calls.iter().filter(|call| !call.legacy).count();
        out.inexact |= !piece.legacy && piece.index != u64::try_from(count).ok();
        self.calls.push(Known {
            index: piece.index,
            id: piece.id.clone(),
            legacy: piece.legacy,
            arguments: Arguments::default(),
        });
        self.parts.push_back(Pending::new(Kind::Call { known, name: None }));
        Ok(Some(known))
    }

    /// Tells what can be told.
    fn advance(&mut self, out: &mut Out) -> Result<()> {
        while self.tell(out) && self.parts.len() > 1 && self.gives_way() {
            self.close(out);
        }
        // What still waits has bytes that must not be passed on before it is told.
        out.inexact |= self.waiting_bytes > 0 || self.parts.iter().any(|part| !part.open);
        if self.waiting_bytes > MAX_WAITING_BYTES || self.parts.len() > MAX_WAITING {
            return Err(Error::new(
                Code::UpstreamInvalid,
                "the provider's tool call does not come to an end",
            ));
        }
        Ok(())
    }

    fn gives_way(&self) -> bool {
        self.parts.front().is_some_and(|part| match part.kind {
            Kind::Voice(_) => true,
            Kind::Call { known, .. } => {
                self.calls.get(known).is_none_or(|call| call.arguments.complete())
            }
        })
    }

    /// Tells the first part, as far as it is known. False: not even its name is.
    fn tell(&mut self, out: &mut Out) -> bool {
        let (choice, index) = (self.choice, self.index);
        let Some(part) = self.parts.front_mut() else { return false };
        if !part.open {
            let Some(kind) = part.kind.named(&mut self.calls, choice, out) else { return false };
            out.events.push(Event::PartStart { choice, index, kind });
            part.open = true;
        }
        if !part.text.is_empty() {
            self.waiting_bytes -= part.text.len();
            let delta = part.kind.delta(std::mem::take(&mut part.text));
            out.events.push(Event::PartDelta { choice, index, delta });
        }
        if let Some(signature) = part.signature.take() {
            self.waiting_bytes -= signature.len();
            let signature = Signature::new(Dialect::OpenAiChat, signature);
            let delta = Delta::Signature(signature);
            out.events.push(Event::PartDelta { choice, index, delta });
        }
        true
    }

    /// A call of a tool that takes nothing has an empty object as its arguments. Some providers leave it
    /// out, and clients then fail to parse nothing.
    fn complete_call(&mut self, out: &mut Out) {
        if let Some(Pending { kind: Kind::Call { known, .. }, .. }) = self.parts.front()
            && let Some(call) = self.calls.get_mut(*known)
            && call.arguments.blank()
        {
            out.inexact = true;
            let delta = Delta::Arguments("{}".into());
            out.events.push(Event::PartDelta { choice: self.choice, index: self.index, delta });
        }
    }

    fn close(&mut self, out: &mut Out) {
        out.events.push(Event::PartEnd { choice: self.choice, index: self.index });
        self.parts.pop_front();
        self.index += 1;
    }
}

impl Pending {
    fn new(kind: Kind) -> Self {
        Self { kind, open: false, text: String::new(), signature: None, signed: false }
    }

    fn add(&mut self, text: Cow<'_, str>) {
        if self.text.is_empty() {
            self.text = text.into_owned();
        } else {
            self.text.push_str(&text);
        }
    }
}

impl Kind {
    /// What starts, once that is known. A call without an id gets one, the same every time.
    fn named(&self, calls: &mut [Known], choice: u32, out: &mut Out) -> Option<PartKind> {
        Some(match self {
            Self::Voice(Voice::Text) => PartKind::Text,
            Self::Voice(Voice::Reasoning) => PartKind::Reasoning,
            Self::Voice(Voice::Refusal) => PartKind::Refusal,
            Self::Call { known, name } => {
                let call = calls.get_mut(*known)?;
                let name = name.clone()?;
                let id = if call.legacy { Some(String::new()) } else { call.id.clone() };
                let id = id.unwrap_or_else(|| {
                    out.inexact = true;
                    if choice == 0 {
                        format!("call_{known}")
                    } else {
                        format!("call_{choice}_{known}")
                    }
                });
                call.id.get_or_insert_with(|| id.clone());
                PartKind::ToolCall { id, name, custom: false }
            }
        })
    }

    fn delta(&self, text: String) -> Delta {
        match self {
            Self::Voice(Voice::Text) => Delta::Text(text),
            Self::Voice(Voice::Reasoning) => Delta::Reasoning(text),
            Self::Voice(Voice::Refusal) => Delta::Refusal(text),
            Self::Call { .. } => Delta::Arguments(text),
        }
    }
}
