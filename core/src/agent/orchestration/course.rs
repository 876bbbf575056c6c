//! What was done around the answers so far, and what is due.
//!
//! The recorded answers are gone through from the first: each leads to what came after it, so the model is told
//! the same whoever goes on, and however often.

use super::{
    Kind, Orchestration, Purpose, Use, code, form,
    verdict::{self, Critique},
    web, words,
};
use crate::{
    agent::{
        Call, Said, done,
        turns::{Turn, Turns},
    },
    chat::{Message, Part, Role, told},
};

/// How often code that fails is sent back.
const MAX_TRIALS: u32 = 3;

/// What the loop is asked around.
#[derive(Clone, Copy)]
pub(in crate::agent) struct Work<'a> {
    pub(in crate::agent) terms: &'a Orchestration,
    /// Which of the gateway's tools there are.
    pub(in crate::agent) tools: &'a std::collections::BTreeSet<String>,
    /// How often the model may be asked.
    pub(in crate::agent) steps: u32,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Due {
    /// Run these.
    Call(Vec<Call>),
    /// Ask the model.
    Ask(Purpose),
    /// Whatever the loop itself does next.
    Loop,
    /// Nothing: the answer that stands is the answer.
    Nothing,
}

/// An answer that may still change.
pub(in crate::agent) struct Draft<'a> {
    pub(in crate::agent) said: &'a Said,
    /// Its place among the turns.
    pub(in crate::agent) at: usize,
    score: Option<u8>,
}

/// How far a run has come.
pub(in crate::agent) struct Course<'a> {
    work: Work<'a>,
    pub(in crate::agent) kind: Option<Kind>,
    /// What is looked up before anything else.
    pub(in crate::agent) lookups: Vec<Call>,
    /// What is put behind the question.
    pub(in crate::agent) behind: String,
    /// What the model is told beyond the question.
    pub(in crate::agent) messages: Vec<Message>,
    drafts: Vec<Draft<'a>>,
    pub(in crate::agent) due: Due,
    /// What was used.
    pub(in crate::agent) used: Vec<Use>,
    /// What had answers given again.
    pub(in crate::agent) sent_back: Vec<Use>,
    planned: bool,
    verified: bool,
    criticised: u32,
    /// Whether a criticism let the answer stand.
    praised: bool,
    trials: u32,
    corrected: bool,
}

impl<'a> Course<'a> {
    /// How far `turns` lead.
    pub(in crate::agent) fn of(work: Work<'a>, turns: &Turns<'a>) -> Self {
        let of_kind = turns.all.iter().find(|turn| turn.said.purpose == Purpose::Intent);
        let kind = of_kind.and_then(|turn| Kind::parse(&turn.said.text()));
        let question = work.terms.question.as_deref();
        let lookups = question.map_or_else(Vec::new, |question| {
            web::calls((work.terms.web, kind), question, |tool| work.tools.contains(tool))
        });
        let mut course = Self {
            work,
            kind,
            behind: web::context(&lookups, &turns.looked_up),
            lookups,
            messages: Vec::new(),
            drafts: Vec::new(),
            due: Due::Ask(Purpose::Work),
            used: Vec::new(),
            sent_back: Vec::new(),
            planned: false,
            verified: false,
            criticised: 0,
            praised: false,
            trials: 0,
            corrected: false,
        };
        course.used.extend(of_kind.map(|_| Use::Intent));
        course.used.extend((!turns.looked_up.is_empty()).then_some(Use::Web));
        for (at, turn) in turns.all.iter().enumerate() {
            course.take(at, turn);
        }
        if turns.all.len() == usize::from(of_kind.is_some()) {
            course.due = course.before(turns, of_kind.is_some());
        }
        course
    }

    /// The answer that counts if nothing more is done: that with the highest score, and of equals the last. A
    /// last one without a score was made to be better than those before.
    pub(in crate::agent) fn standing(&self) -> Option<&Draft<'a>> {
        let last = self.drafts.last().map(|draft| draft.at);
        let worth = |draft: &&Draft<'a>| match draft.score {
            None if Some(draft.at) == last => (2, 0),
            Some(score) => (1, score),
            None => (0, 0),
        };
        self.drafts.iter().max_by_key(worth)
    }

    /// Whether this turn is a draft.
    pub(in crate::agent) fn has_draft(&self, at: usize) -> bool {
        self.drafts.iter().any(|draft| draft.at == at)
    }

    /// What is due before the model begins. It must be able to begin after that.
    fn before(&mut self, turns: &Turns<'a>, is_sorted: bool) -> Due {
        let terms = self.work.terms;
        let asked = u32::try_from(turns.all.len()).unwrap_or(u32::MAX);
        let has_room = asked.saturating_add(2) <= self.work.steps;
        if terms.question.is_none() {
            return Due::Ask(Purpose::Work);
        }
        if terms.intent && !is_sorted && has_room {
            return Due::Ask(Purpose::Intent);
        }
        let is_due = |call: &&Call| !turns.looked_up.contains_key(&call.index);
        let due: Vec<Call> = self.lookups.iter().filter(is_due).cloned().collect();
        if !due.is_empty() {
            return Due::Call(due);
        }
        if terms.plans(self.kind) && has_room {
            self.ask_for_plan();
            return Due::Ask(Purpose::Plan);
        }
        Due::Ask(Purpose::Work)
    }

    fn ask_for_plan(&mut self) {
        if !self.behind.is_empty() {
            self.behind.push_str("\n\n");
        }
        let is_helpful = |tool: &&str| self.kind.is_none_or(|kind| kind.is_helped_by(tool));
        let tools = self.work.tools.iter().map(String::as_str).filter(is_helpful);
        self.behind.push_str(&words::plan(tools));
    }

    fn take(&mut self, at: usize, turn: &Turn<'a>) {
        let text = turn.said.text();
        match turn.said.purpose {
            Purpose::Intent => {}
            Purpose::Plan => {
                self.used.push(Use::Plan);
                if !text.trim().is_empty() {
                    self.planned = true;
                    self.ask_for_plan();
                    self.says(text);
                    self.tell(words::CARRY_OUT);
                }
                self.due = Due::Ask(Purpose::Work);
            }
            Purpose::Work => {
                self.messages.extend(turn.messages());
                self.due = if turn.is_answer() {
                    self.drafts.push(Draft { said: turn.said, at, score: None });
                    self.after_draft(turn)
                } else {
                    Due::Loop
                };
            }
            Purpose::Verify => {
                self.replies(&text);
                let sends_back = verdict::is_verified(&text) == Some(false);
                self.due = self.after_review(sends_back, (Use::Plan, words::COMPLETE));
            }
            Purpose::Critique => {
                self.used.push(Use::Critique);
                self.replies(&text);
                let critique = Critique::read(&text);
                if let Some(draft) = self.drafts.last_mut() {
                    draft.score = critique.map(|it| it.score);
                }
                let sends_back = critique.is_some_and(Critique::sends_back);
                self.praised = !sends_back;
                self.due = self.after_review(sends_back, (Use::Critique, words::IMPROVE));
            }
        }
    }

    /// What the model said of its answer. It is not told that it said nothing.
    fn replies(&mut self, text: &str) {
        if text.trim().is_empty() {
            self.messages.pop();
        } else {
            self.says(text.to_owned());
        }
    }

    fn after_review(&mut self, sends_back: bool, (of, words): (Use, &str)) -> Due {
        if sends_back { self.send_back(of, words) } else { self.review() }
    }

    fn after_draft(&mut self, turn: &Turn<'a>) -> Due {
        let refuses = |part: &Part| matches!(part, Part::Refusal { .. });
        if self.corrected || turn.said.message.parts.iter().any(refuses) {
            return Due::Nothing;
        }
        match self.after_trial(turn) {
            Some(due) => due,
            None => self.review(),
        }
    }

    /// Has the code of an answer run, a block after the other, until one fails.
    fn after_trial(&mut self, turn: &Turn<'a>) -> Option<Due> {
        if !self.work.terms.run_code || self.trials >= MAX_TRIALS {
            return None;
        }
        let answer = self.text(turn.said);
        let calls = code::calls(&answer, |tool| self.work.tools.contains(tool));
        self.trials += u32::from(!calls.is_empty());
        for (at, call) in calls.into_iter().enumerate() {
            match turn.ran.get(&call.index) {
                None => return Some(Due::Call(vec![call])),
                Some(ran) => {
                    self.used.push(Use::RunCode);
                    if ran.is_error {
                        let result = told(&ran.parts);
                        let words = words::code_failed(at + 1, &call.name, &result);
                        return Some(self.send_back(Use::RunCode, &words));
                    }
                }
            }
        }
        None
    }

    /// What the model is asked about its answer, and what the answer is held against at last.
    fn review(&mut self) -> Due {
        if self.planned && !std::mem::replace(&mut self.verified, true) {
            self.tell(words::VERIFY);
            return Due::Ask(Purpose::Verify);
        }
        if self.criticised < self.work.terms.critique && !self.praised {
            self.criticised += 1;
            self.tell(words::CRITIQUE);
            return Due::Ask(Purpose::Critique);
        }
        match (&self.work.terms.schema, self.standing()) {
            (Some(schema), Some(draft)) => {
                let answer = self.text(draft.said);
                let is_last = self.drafts.last().is_some_and(|last| last.at == draft.at);
                let flaw = form::flaw(schema, &answer);
                self.used.push(Use::Correct);
                let Some(flaw) = flaw else { return Due::Nothing };
                let earlier = (!is_last).then_some(&*answer);
                self.corrected = true;
                let words = words::correct(&flaw, &schema.to_string(), earlier);
                self.send_back(Use::Correct, &words)
            }
            _ => Due::Nothing,
        }
    }

    /// The answer in what was said, as the caller is told it.
    pub(in crate::agent) fn text(&self, said: &Said) -> String {
        let text = if said.emulated { done::answer(&said.text()) } else { said.text() };
        match &self.work.terms.schema {
            Some(_) => form::bare(&text).to_owned(),
            None => text,
        }
    }

    fn send_back(&mut self, of: Use, words: &str) -> Due {
        self.sent_back.push(of);
        self.tell(words);
        Due::Ask(Purpose::Work)
    }

    fn tell(&mut self, words: &str) {
        self.messages.push(Message::text(Role::User, words));
    }

    fn says(&mut self, words: String) {
        self.messages.push(Message::text(Role::Assistant, words));
    }
}
