//! Answers that outlive their caller: what is said of one that waits, and how one goes on that was begun by
//! another process.
//!
//! An item that was begun and not done when its process died is never done: it is no part of the response. What
//! comes after it has the places behind it.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::{AnswerEncoder, State, length};
use crate::chat::FinishReason;

/// What was told of an answer so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// How many events.
    pub events: u64,
    /// How many items were begun in them.
    pub items: u64,
    /// Those of them that are part of the response.
    pub output: Vec<Value>,
}

impl AnswerEncoder {
    /// Shows encrypted thoughts even to a caller who did not ask for them.
    #[must_use]
    pub fn showing_all(mut self) -> Self {
        self.style.shows_encrypted = true;
        self
    }

    /// Writes the rest of an answer of which this was told: the events that every response begins with are
    /// among it, if there are any.
    #[must_use]
    pub fn going_on(mut self, told: Told) -> Self {
        self.sequence = told.events;
        self.begun = told.events > 0;
        self.before = told.items.saturating_sub(length(told.output.len()));
        self.output = told.output;
        self
    }

    /// Ends the item of which all was said, where more will be said of other things. `reason` is why its model
    /// stopped.
    pub fn settle(&mut self, reason: &FinishReason) -> Bytes {
        let mut out = BytesMut::new();
        if self.open.as_ref().is_some_and(|open| open.complete) {
            self.close(State::ended(Some(reason)).status, &mut out);
        }
        out.freeze()
    }

    /// The first events of a response that waits for its turn.
    pub fn queued(&mut self) -> [Bytes; 2] {
        self.begun = true;
        ["response.created", "response.queued"].map(|kind| self.about(kind, "queued"))
    }

    /// The event that its turn has come.
    pub fn started(&mut self) -> Bytes {
        self.about("response.in_progress", "in_progress")
    }

    /// The last event of a response that its caller has cancelled. The published API has none for that: it is
    /// the one of a failure, which every client takes for an end, with the status that tells why.
    pub fn cancelled(&mut self) -> Bytes {
        self.ended = true;
        self.about("response.failed", "cancelled")
    }

    /// The response as it stands, without anything that was answered.
    pub fn standing(&self, status: &'static str, error: Option<Value>) -> Value {
        self.response.object(State { status, error, ..State::default() })
    }

    fn about(&mut self, kind: &'static str, status: &'static str) -> Bytes {
        let mut out = BytesMut::new();
        let state = State { status, ..State::default() };
        self.write(kind, &mut out, |event, response| response.write(event, state));
        out.freeze()
    }
}
