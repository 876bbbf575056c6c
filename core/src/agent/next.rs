//! What comes next in a run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Call, Ending, Limits, Ran, Said, Step,
    orchestration::{Course, Due, Kind, Orchestration, Purpose, Use, Work},
    turns::{Turn, Turns, Words, result},
};
use crate::chat::{Message, Part, Role};

/// What stands in the place of a result that there will be none of.
pub(super) const NOT_RUN: &str = "The call was not run.";

/// What is settled when a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The names of the tools that the gateway runs. Calls of others are the caller's.
    pub ours: BTreeSet<String>,
    /// What it may take.
    pub limits: Limits,
    /// What is done around it.
    pub around: Orchestration,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the model for this: with the request's own messages and then [`Loop::messages`].
    Ask(Purpose),
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

    /// Whether the model has answered when it was asked to go on with the task.
    pub fn has_worked(&self) -> bool {
        let works = |step: &Step| matches!(step, Step::Said(said) if said.purpose.is_work());
        self.steps.iter().any(works)
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
        if let Some(Step::Ended(ending)) = self.steps.last() {
            return Next::End(*ending);
        }
        let turns = self.turns();
        let (asked, most) = (self.asked(), self.terms.limits.steps.max(1));
        match self.course(&turns).due {
            Due::Loop => turns.last().map_or(Next::Ask(Purpose::Work), |turn| self.after(turn)),
            Due::Nothing => Next::End(Ending::Done),
            // Nobody could do anything about what the model finds wrong with its answer.
            Due::Ask(Purpose::Verify | Purpose::Critique) if asked.saturating_add(1) >= most => {
                Next::End(Ending::Steps)
            }
            Due::Ask(_) | Due::Call(_) if asked >= most => Next::End(Ending::Steps),
            Due::Ask(purpose) => Next::Ask(purpose),
            Due::Call(calls) => Next::Call(calls),
        }
    }

    /// What the model is told beyond the request's own messages.
    pub fn messages(&self) -> Vec<Message> {
        self.course(&self.turns()).messages
    }

    /// What is put behind the question, the last of the request's own messages. May be empty.
    pub fn behind(&self) -> String {
        self.course(&self.turns()).behind
    }

    /// Of which kind the request is, where its model was asked and said it.
    pub fn kind(&self) -> Option<Kind> {
        self.course(&self.turns()).kind
    }

    /// What was used of what can be done around a run, and what had answers given again, once for each time.
    pub fn used(&self) -> (BTreeSet<Use>, Vec<Use>) {
        let turns = self.turns();
        let course = self.course(&turns);
        (course.used.into_iter().collect(), course.sent_back)
    }

    /// Whether something that was looked up before the model began was not to be had.
    pub fn misses_the_web(&self) -> bool {
        self.turns().looked_up.values().any(|ran| ran.is_error)
    }

    /// The answer that counts if nothing more is done, as the caller is told it.
    pub fn standing(&self) -> Option<(&Said, String)> {
        let turns = self.turns();
        let course = self.course(&turns);
        course.standing().map(|draft| (draft.said, course.text(draft.said)))
    }

    /// Whether something may become of an answer once it was given. Then it is told when the run is over.
    pub fn is_reviewed(&self) -> bool {
        self.terms.around.reviews(self.kind())
    }

    /// What is kept of the run as a turn of a conversation that ended so: what was looked up, what the model was
    /// told and said, with a result for every call of ours, and the final answer as the caller was told it. Plans,
    /// earlier answers and what was found wrong with them are not kept.
    pub fn turn(&self, ending: Ending) -> Vec<Message> {
        let turns = self.turns();
        let course = self.course(&turns);
        let standing = course.standing().filter(|_| ending != Ending::HandedBack);
        let mut messages = looked_up(&course, &turns);
        for (at, turn) in turns.all.iter().enumerate() {
            let says_more = turn.nudged || !turn.said.calls().is_empty() || standing.is_none();
            if turn.said.purpose.is_work() && !course.has_draft(at) && says_more {
                messages.extend(turn.messages());
            }
        }
        if let Some(draft) = standing {
            messages.push(self.as_told(&course, draft.said));
            return messages;
        }
        if let Some(turn) = turns.last().filter(|turn| turn.said.purpose.is_work()) {
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

    /// An answer, with its words as the caller was told them.
    fn as_told(&self, course: &Course<'_>, said: &Said) -> Message {
        let (mut message, text) = (said.message.clone(), course.text(said));
        if text != said.text() {
            message.parts.retain(|part| !matches!(part, Part::Text { .. }));
            message.parts.push(Part::Text { text, cache: None });
        }
        message
    }

    /// What the loop itself does after an answer that does not stand.
    fn after(&self, turn: &Turn<'_>) -> Next {
        if turn.nudged {
            return Next::Ask(Purpose::Work);
        }
        let calls = turn.said.calls();
        if !calls.is_empty() {
            return self.after_calls(turn, calls);
        }
        match turn.words {
            Words::Answer => Next::End(Ending::Done),
            Words::Cut => Next::End(Ending::Cut),
            Words::Nothing { nudged: true } => Next::End(Ending::Idle),
            Words::Nothing { .. } if self.asked() >= self.terms.limits.steps => {
                Next::End(Ending::Steps)
            }
            Words::Nothing { .. } => Next::Nudge,
        }
    }

    fn after_calls(&self, turn: &Turn<'_>, calls: Vec<Call>) -> Next {
        let is_theirs = |call: &Call| !self.runs(&call.name);
        let handed_back = calls.iter().any(is_theirs);
        let is_due = |call: &Call| !is_theirs(call) && !turn.ran.contains_key(&call.index);
        let due: Vec<Call> = calls.into_iter().filter(is_due).collect();
        let is_last = self.asked() >= self.terms.limits.steps;
        match (due.is_empty(), handed_back) {
            // Nobody would read the results.
            (false, false) if is_last => Next::End(Ending::Steps),
            (false, _) => Next::Call(due),
            (true, true) => Next::End(Ending::HandedBack),
            (true, false) if self.repeats() => Next::End(Ending::Repetition),
            (true, false) if is_last => Next::End(Ending::Steps),
            (true, false) => Next::Ask(Purpose::Work),
        }
    }

    /// Whether a call of the last answer has had the same result too often.
    fn repeats(&self) -> bool {
        let turns = self.turns();
        let results = |turn: &Turn<'_>| {
            let calls = turn.said.calls();
            let with =
                calls.into_iter().filter_map(|call| Some((turn.ran.get(&call.index)?, call)));
            with.map(|(ran, call)| ((*ran).clone(), call)).collect::<Vec<_>>()
        };
        let all: Vec<(Ran, Call)> = turns.all.iter().flat_map(results).collect();
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

    fn turns(&self) -> Turns<'_> {
        Turns::of(&self.steps, self.terms.limits.steps)
    }

    fn course<'a>(&'a self, turns: &Turns<'a>) -> Course<'a> {
        let Terms { ours, limits, around } = &self.terms;
        Course::of(Work { terms: around, tools: ours, steps: limits.steps }, turns)
    }
}

/// What was looked up before the model began, as calls and results.
fn looked_up(course: &Course<'_>, turns: &Turns<'_>) -> Vec<Message> {
    let found = |call: &Call| Some((call.clone(), *turns.looked_up.get(&call.index)?));
    let found: Vec<(Call, &Ran)> = course.lookups.iter().filter_map(found).collect();
    let calls = found.iter().map(|(Call { id, name, arguments, .. }, _)| Part::ToolCall {
        id: id.clone(),
        name: name.clone(),
        arguments: arguments.clone(),
        custom: false,
    });
    let asked = Message { parts: calls.collect(), ..Message::text(Role::Assistant, "") };
    let results = found.iter().map(|(call, ran)| result(call, ran));
    let all = std::iter::once(asked).filter(|asked| !asked.parts.is_empty()).chain(results);
    all.collect()
}
