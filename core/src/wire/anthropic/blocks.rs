//! From the blocks of an answer to a legal sequence of parts.
//!
//! Anthropic itself sends one block after the other. Other servers of this format leave a block open when
//! the next one starts, or let the pieces of several alternate. Here the first unfinished block is open,
//! and what belongs to later ones waits: a text or thought gives way as soon as something else begins,
//! a call when its input is complete JSON.

mod pending;

use std::{borrow::Cow, collections::VecDeque};

use pending::{Pending, Voice};
use serde_json::{Map, Value};

use crate::{
    Code, Error, Result,
    chat::{Dialect, Event, Extensions},
    wire::out::Out,
};

/// The most blocks in one answer.
const MAX_BLOCKS: u32 = 4096;
/// The most that waits for an open block, in bytes.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// More of a block: of what is said, what is thought, or the input of a call.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Thinking(Cow<'a, str>),
    Input(Cow<'a, str>),
}

/// The blocks of one answer.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The open block, and those that wait.
    queue: VecDeque<Pending>,
    /// The index of the first in the queue.
    index: u32,
    begun: u32,
    waiting_bytes: usize,
    calls: bool,
}

impl Blocks {
    /// Whether a tool of the caller was called.
    pub(super) fn has_calls(&self) -> bool {
        self.calls
    }

    /// A block starts.
    pub(super) fn start(
        &mut self,
        at: u64,
        block: Map<String, Value>,
        out: &mut Out,
    ) -> Result<()> {
        if self.begun >= MAX_BLOCKS {
            let why = "the provider's answer has too many blocks";
            return Err(Error::new(Code::UpstreamInvalid, why));
        }
        out.inexact |= u64::from(self.begun) != at;
        let pending = Pending::new(at, block, self.begun, out)?;
        self.calls |= pending.is_call();
        self.begun += 1;
        self.waiting_bytes += pending.waiting_bytes();
        self.queue.push_back(pending);
        self.advance(out)
    }

    /// A block goes on.
    pub(super) fn delta(
        &mut self,
        at: u64,
        delta: &Map<String, Value>,
        out: &mut Out,
    ) -> Result<()> {
        let text = |field: &str| delta.get(field).and_then(Value::as_str).unwrap_or_default();
        match delta.get("type").and_then(Value::as_str) {
            Some("text_delta") => self.piece(at, Piece::Text(text("text").into()), out),
            Some("thinking_delta") => self.piece(at, Piece::Thinking(text("thinking").into()), out),
            Some("input_json_delta") => {
                self.piece(at, Piece::Input(text("partial_json").into()), out)
            }
            Some("signature_delta") => self.sign(at, text("signature"), out),
            Some("citations_delta") => {
                if let Some(citation) = delta.get("citation") {
                    cite(vec![citation.clone()], out);
                }
                Ok(())
            }
            // Its bytes may pass; nobody else would understand it.
            _ => Ok(()),
        }
    }

    /// More of a block comes.
    pub(super) fn piece(&mut self, at: u64, piece: Piece<'_>, out: &mut Out) -> Result<()> {
        let (voice, text) = match piece {
            Piece::Text(text) => (Voice::Text, text),
            Piece::Thinking(text) => (Voice::Thinking, text),
            Piece::Input(input) => return self.input(at, input, out),
        };
        if text.is_empty() {
            return Ok(());
        }
        self.waiting_bytes += text.len();
        let fits = |it: &&mut Pending| it.at() == at && it.takes(voice);
        match self.queue.iter_mut().rfind(fits) {
            Some(pending) => pending.push(text),
            None => {
                // The block is closed, or of another kind: this is a part of its own.
                out.inexact = true;
                self.begun += 1;
                self.queue.push_back(Pending::voice(at, voice, text));
            }
        }
        self.advance(out)
    }

    /// A block is complete.
    pub(super) fn stop(&mut self, at: u64, out: &mut Out) -> Result<()> {
        match self.queue.iter_mut().find(|pending| pending.at() == at && !pending.is_stopped()) {
            Some(pending) => pending.stop(),
            None => out.inexact = true,
        }
        self.advance(out)
    }

    /// The answer is complete, or was cut off.
    pub(super) fn finish(&mut self, cut: bool, out: &mut Out) {
        while let Some(mut pending) = self.queue.pop_front() {
            out.inexact |= !pending.is_stopped();
            pending.tell(self.index, out);
            pending.close(self.index, cut, out);
            self.index += 1;
        }
        self.waiting_bytes = 0;
    }

    fn sign(&mut self, at: u64, signature: &str, out: &mut Out) -> Result<()> {
        match self.queue.iter_mut().rfind(|it| it.at() == at && it.takes(Voice::Thinking)) {
            Some(pending) => pending.sign(signature),
            None => out.inexact |= !signature.is_empty(),
        }
        self.advance(out)
    }

    fn input(&mut self, at: u64, piece: Cow<'_, str>, out: &mut Out) -> Result<()> {
        match self.queue.iter_mut().rfind(|it| it.at() == at && it.takes_input()) {
            Some(pending) => {
                self.waiting_bytes += piece.len();
                pending.push(piece);
            }
            // It is closed, for its input was complete: what follows that is noise.
            None => out.inexact |= !piece.trim().is_empty(),
        }
        self.advance(out)
    }

    /// Tells what can be told.
    fn advance(&mut self, out: &mut Out) -> Result<()> {
        while let Some(first) = self.queue.front_mut() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(first.tell(self.index, out));
            let last = self.queue.len() == 1;
            let Some(first) = self.queue.front_mut() else { break };
            if !first.is_stopped() && (last || !first.gives_way()) {
                break;
            }
            // Its bytes have not closed it yet.
            out.inexact |= !first.is_stopped();
            first.close(self.index, false, out);
            self.index += 1;
            self.queue.pop_front();
        }
        out.inexact |= self.queue.len() > 1;
        if self.waiting_bytes > MAX_WAITING_BYTES {
            let why = "the provider's block does not come to an end";
            return Err(Error::new(Code::UpstreamInvalid, why));
        }
        Ok(())
    }
}

/// Tells the sources of what a text says.
fn cite(citations: Vec<Value>, out: &mut Out) {
    let mut fields = Map::new();
    fields.insert("citations".into(), citations.into());
    out.events.push(Event::Extension {
        dialect: Dialect::Anthropic,
        choice: Some(0),
        fields: Extensions(fields),
    });
}
