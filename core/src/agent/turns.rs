//! The recorded steps, put together: each answer of the model with what followed it.

use std::collections::BTreeMap;

use super::{Call, Purpose, Ran, Said, Step, done};
use crate::chat::{FinishReason, Message, Part, Role};

/// An answer, and what followed it.
pub(super) struct Turn<'a> {
    pub(super) said: &'a Said,
    /// The results, by the place of their call.
    pub(super) ran: BTreeMap<u32, &'a Ran>,
    pub(super) nudged: bool,
    /// What it is, if it calls nothing.
    pub(super) words: Words,
}

/// What an answer without calls is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// It answers.
    Answer,
    /// It was cut short.
    Cut,
    /// It is nothing, or only a thought on the way. Whether it was nudged before.
    Nothing { nudged: bool },
}

/// All of them.
pub(super) struct Turns<'a> {
    /// What was looked up before the model was asked to do anything, by its place.
    pub(super) looked_up: BTreeMap<u32, &'a Ran>,
    pub(super) all: Vec<Turn<'a>>,
}

impl<'a> Turns<'a> {
    /// `most` is how often the model may be asked.
    pub(super) fn of(steps: &'a [Step], most: u32) -> Self {
        let mut turns = Self { looked_up: BTreeMap::new(), all: Vec::new() };
        let (mut asked, mut nudged) = (0_u32, false);
        for step in steps {
            match (step, turns.all.last_mut()) {
                (Step::Said(said), _) => {
                    asked = asked.saturating_add(1);
                    let words = words(said, nudged, asked >= most);
                    turns.all.push(Turn { said, ran: BTreeMap::new(), nudged: false, words });
                }
                // What was recorded twice counts once.
                (Step::Ran(ran), Some(turn)) if turn.said.purpose != Purpose::Intent => {
                    turn.ran.entry(ran.call).or_insert(ran);
                }
                (Step::Ran(ran), _) => {
                    turns.looked_up.entry(ran.call).or_insert(ran);
                }
                (Step::Nudged, Some(turn)) => {
                    nudged = true;
                    turn.nudged = true;
                }
                (Step::Nudged, None) | (Step::Ended(_), _) => {}
            }
        }
        turns
    }

    pub(super) fn last(&self) -> Option<&Turn<'a>> {
        self.all.last()
    }
}

impl Turn<'_> {
    /// Whether it is an answer to the task.
    pub(super) fn is_answer(&self) -> bool {
        self.said.purpose.is_work() && self.words == Words::Answer && self.said.calls().is_empty()
    }

    /// The answer, the results of its calls, and what it was told for doing nothing.
    pub(super) fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        if !self.said.message.parts.is_empty() {
            messages.push(self.said.message.clone());
        }
        let calls = self.said.calls();
        let results = calls.iter().filter_map(|call| Some((call, self.ran.get(&call.index)?)));
        messages.extend(results.map(|(call, ran)| result(call, ran)));
        if self.nudged {
            messages.push(Message::text(Role::User, done::nudge(self.said.emulated)));
        }
        messages
    }
}

/// A result, as a model reads it.
pub(super) fn result(call: &Call, ran: &Ran) -> Message {
    let part = Part::ToolResult {
        call_id: call.id.clone(),
        parts: ran.parts.clone(),
        is_error: ran.is_error,
        cache: None,
    };
    Message { parts: vec![part], ..Message::text(Role::Tool, "") }
}

fn words(said: &Said, nudged: bool, is_last: bool) -> Words {
    let text = said.text();
    match &said.finish_reason {
        FinishReason::Length | FinishReason::ContentFilter | FinishReason::Other(_) => Words::Cut,
        // A model that does not know the word, or may not be asked again, has an answer all the same.
        _ if !text.trim().is_empty()
            && (!said.emulated || nudged || is_last || done::is_done(&text)) =>
        {
            Words::Answer
        }
        FinishReason::Stop | FinishReason::StopText(_) | FinishReason::ToolCalls => {
            Words::Nothing { nudged }
        }
    }
}
