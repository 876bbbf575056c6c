//! What comes next in a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Call, Ending, Limits, Ran, Said, Step, done};
use crate::chat::{FinishReason, Message, Part, Role};

/// What stands in the place of a result that there will be none of.
pub(super) const NOT_RUN: &str = "The call was not run.";

/// What is settled when a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The names of the tools that the gateway runs. Calls of others are the caller's.
    pub ours: BTreeSet<String>,
    /// What it may take.
    pub limits: Limits,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the model: the request's own messages and then [`Loop::messages`].
    Ask,
    /// Run these, beside each other. Each result is a [`Step::Ran`].
    Call(Vec<Call>),
    /// Tell the model to go on: a [`Step::Nudged`].
    Nudge,
    /// It is over: a [`Step::Ended`], unless that is the last step already.
    End(Ending),
}

/// A run: its terms and its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    terms: Terms,
    steps: Vec<Step>,
}

impl Loop {
    /// A run that came as far as `steps` say.
    pub fn new(terms: Terms, steps: Vec<Step>) -> Self {
        Self { terms, steps }
    }

    /// Something happened.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// What happened so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What was settled when the run began.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether the gateway runs the tool of this name.
    pub fn runs(&self, tool: &str) -> bool {
        self.terms.ours.contains(tool)
    }

    /// How often the model has answered.
    pub fn asked(&self) -> u32 {
        let said = self.steps.iter().filter(|step| matches!(step, Step::Said(_)));
        u32::try_from(said.count()).unwrap_or(u32::MAX)
    }

    /// The last answer of the model.
    pub fn said(&self) -> Option<&Said> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Said(said) => Some(&**said),
            _ => None,
        })
    }

    /// What is to be done now.
    pub fn next(&self) -> Next {
        let Some(said) = self.said() else { return Next::Ask };
        match self.steps.last() {
            Some(Step::Ended(ending)) => return Next::End(*ending),
            Some(Step::Nudged) => return Next::Ask,
            _ => {}
        }
        let calls = said.calls();
        if calls.is_empty() { self.after_words(said) } else { self.after_calls(calls) }
    }

    /// What the model is told beyond the request's own messages.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        for turn in self.turns() {
            let calls = turn.said.calls();
            if !turn.said.message.parts.is_empty() {
                messages.push(turn.said.message.clone());
            }
            let results = calls.iter().filter_map(|call| Some((call, turn.ran.get(&call.index)?)));
            messages.extend(results.map(|(call, ran)| result(call, ran)));
            if turn.nudged {
                messages.push(Message::text(Role::User, done::nudge(turn.said.emulated)));
            }
        }
        messages
    }

    /// What is kept of the run as a turn of a conversation that ended so: what the model was told and said, with
    /// a result for every call of ours, and the final answer as the caller was told it.
    pub fn turn(&self, ending: Ending) -> Vec<Message> {
        let mut messages = self.messages();
        if let (Some(turn), Some(last)) = (self.turns().last(), messages.last_mut()) {
            if ending == Ending::Done && turn.said.emulated {
                let answer = done::answer(&turn.said.text());
                last.parts.retain(|part| !matches!(part, Part::Text { .. }));
                last.parts.push(Part::Text { text: answer, cache: None });
            }
            let is_open =
                |call: &Call| self.runs(&call.name) && !turn.ran.contains_key(&call.index);
            let unrun = turn.said.calls().into_iter().filter(is_open).map(|call| {
                let parts = vec![Part::Text { text: NOT_RUN.to_owned(), cache: None }];
                result(&call, &Ran { call: call.index, parts, is_error: true })
            });
            messages.extend(unrun);
        }
        messages.extend(ending.words().map(|words| Message::text(Role::Assistant, words)));
        messages
    }

    fn after_calls(&self, calls: Vec<Call>) -> Next {
        let is_theirs = |call: &Call| !self.runs(&call.name);
        let handed_back = calls.iter().any(is_theirs);
        let ran: BTreeSet<u32> = self.turns().last().map(Turn::answered).unwrap_or_default();
        let is_due = |call: &Call| !is_theirs(call) && !ran.contains(&call.index);
        let due: Vec<Call> = calls.into_iter().filter(is_due).collect();
        let is_last = self.asked() >= self.terms.limits.steps;
        match (due.is_empty(), handed_back) {
            // Nobody would read the results.
            (false, false) if is_last => Next::End(Ending::Steps),
            (false, _) => Next::Call(due),
            (true, true) => Next::End(Ending::HandedBack),
            (true, false) if self.repeats() => Next::End(Ending::Repetition),
            (true, false) if is_last => Next::End(Ending::Steps),
            (true, false) => Next::Ask,
        }
    }

    fn after_words(&self, said: &Said) -> Next {
        let cut = match &said.finish_reason {
            FinishReason::Length | FinishReason::ContentFilter | FinishReason::Other(_) => true,
            FinishReason::Stop | FinishReason::StopText(_) | FinishReason::ToolCalls => false,
        };
        let text = said.text();
        let is_empty = text.trim().is_empty();
        let nudged = self.steps.contains(&Step::Nudged);
        let answered = !is_empty && (!said.emulated || nudged || done::is_done(&text));
        if cut {
            Next::End(Ending::Cut)
        } else if answered {
            Next::End(Ending::Done)
        } else if nudged {
            Next::End(Ending::Idle)
        } else if self.asked() >= self.terms.limits.steps {
            Next::End(if is_empty { Ending::Steps } else { Ending::Done })
        } else {
            Next::Nudge
        }
    }

    /// Whether a call of the last answer has had the same result too often.
    fn repeats(&self) -> bool {
        let turns: Vec<Turn<'_>> = self.turns();
        let results = |turn: &Turn<'_>| {
            let calls = turn.said.calls();
            let with =
                calls.into_iter().filter_map(|call| Some((turn.ran.get(&call.index)?, call)));
            with.map(|(ran, call)| ((*ran).clone(), call)).collect::<Vec<_>>()
        };
        let all: Vec<(Ran, Call)> = turns.iter().flat_map(results).collect();
        let last = turns.last().map(results).unwrap_or_default();
        let most = usize::try_from(self.terms.limits.repetitions).unwrap_or(usize::MAX).max(1);
        last.iter().any(|(ran, call)| {
            let same = |(other_ran, other): &&(Ran, Call)| {
                other.is_alike(call)
                    && (&other_ran.parts, other_ran.is_error) == (&ran.parts, ran.is_error)
            };
            all.iter().filter(same).count() >= most
        })
    }

    /// The answers, each with what followed it.
    fn turns(&self) -> Vec<Turn<'_>> {
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for step in &self.steps {
            match (step, turns.last_mut()) {
                (Step::Said(said), _) => {
                    turns.push(Turn { said, ran: BTreeMap::new(), nudged: false });
                }
                // What was recorded twice counts once.
                (Step::Ran(ran), Some(turn)) => {
                    turn.ran.entry(ran.call).or_insert(ran);
                }
                (Step::Nudged, Some(turn)) => turn.nudged = true,
                (Step::Ran(_) | Step::Nudged, None) | (Step::Ended(_), _) => {}
            }
        }
        turns
    }
}

/// An answer, and what followed it.
struct Turn<'a> {
    said: &'a Said,
    /// The results, by the place of their call.
    ran: BTreeMap<u32, &'a Ran>,
    nudged: bool,
}

impl Turn<'_> {
    fn answered(&self) -> BTreeSet<u32> {
        self.ran.keys().copied().collect()
    }
}

fn result(call: &Call, ran: &Ran) -> Message {
    let part = Part::ToolResult {
        call_id: call.id.clone(),
        parts: ran.parts.clone(),
        is_error: ran.is_error,
        cache: None,
    };
    Message { parts: vec![part], ..Message::text(Role::Tool, "") }
}
