//! What the caller is told of a run: the answers of its model and the results of its tools, as one answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Call, Ending, Loop, Purpose, Ran, Said,
    done::{Reading, Voice},
    next::NOT_RUN,
};
use crate::chat::{Chunk, Delta, Dialect, Event, Extensions, FinishReason, Part, PartKind, Usage};

/// Makes one stream of events of a run. What comes out is a sequence that
/// [`Grammar`](crate::chat::Grammar) accepts.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    started: bool,
    /// The index of the part to come, or of the open one.
    index: u32,
    open: Option<Open>,
    /// Whether the last part is text.
    spoke: bool,
    /// What all answers before this one have used.
    before: Usage,
    /// Of the answer that is being told.
    now: Now,
    /// The ids of calls that the caller was told.
    ids: BTreeSet<String>,
    /// Words of an answer that may be sent back.
    held: String,
}

/// How an answer of the model is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it comes: it is the answer.
    #[default]
    Aloud,
    /// Its words as thoughts: it is about the answer, or a draft that the model will look at again.
    Thoughts(Purpose),
    /// Its words not before it is sent back, and then as thoughts: a draft that is only held against something.
    Held,
}

impl Manner {
    /// How an answer is told that the model is asked for now.
    pub(crate) fn of(progress: &Loop, purpose: Purpose) -> Self {
        if purpose.is_work() && !progress.is_reviewed() {
            return Self::Aloud;
        }
        let is_held = purpose.is_work() && !progress.terms().around.criticises(progress.kind());
        if is_held { Self::Held } else { Self::Thoughts(purpose) }
    }
}

/// How a run is closed.
#[derive(Debug)]
pub(crate) struct Close<'a> {
    /// Its id.
    pub(crate) run: &'a str,
    pub(crate) ending: Ending,
    /// What it did without.
    pub(crate) degraded: Vec<String>,
    pub(crate) dialect: Dialect,
}

impl Close<'_> {
    /// What the end of the answer says of the run.
    fn told(self) -> Value {
        let degraded = (!self.degraded.is_empty()).then(|| ("degraded", self.degraded.into()));
        let always = [("run", self.run.into()), ("ending", self.ending.as_str().into())];
        let fields = always.into_iter().chain(degraded);
        Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// A part of the model's own.
    Plain,
    /// Words of a model that says when it is done, told as this voice.
    Words(Voice),
}

/// An answer of the model on its way.
#[derive(Debug, Default)]
struct Now {
    /// Reads the words of a model that says when it is done.
    reading: Option<Reading>,
    /// Whether the open part of the model is such words.
    words: bool,
    manner: Manner,
    /// Whether the heading of these thoughts is told.
    headed: bool,
    /// Whether the open part is a call that is not told: of a model that was asked for words.
    ignored: bool,
    /// Whether anything was told behind the mark, or refused.
    answered: bool,
    usage: Usage,
    /// How many calls were told of.
    calls: u32,
    /// What the caller knows our calls as that have no result yet, by their place in the answer.
    due: BTreeMap<u32, String>,
}

impl Telling {
    /// The model is asked. `emulated`: it says when it is done. Tells what was held: it was not the answer.
    pub(crate) fn asks(&mut self, emulated: bool, manner: Manner) -> Vec<Event> {
        let mut events = Vec::new();
        self.release(Purpose::Work.heading(), &mut events);
        let usage = std::mem::take(&mut self.now.usage);
        self.before = sum(self.before, usage);
        self.now = Now { reading: emulated.then(Reading::default), manner, ..Now::default() };
        events
    }

    /// Tells what was held, as a thought.
    fn release(&mut self, heading: &str, events: &mut Vec<Event>) {
        let held = std::mem::take(&mut self.held);
        if !held.trim().is_empty() {
            events.extend(self.begun());
            self.words(vec![(Voice::Thought, format!("{heading}{held}"))], events);
            self.end(events);
        }
    }

    /// What answers that were recorded before have used.
    pub(crate) fn used(&mut self, usage: Usage) {
        self.before = sum(self.before, usage);
    }

    /// Tells a piece of the model's answer. `runs` says which tools are the gateway's.
    pub(crate) fn hear(&mut self, chunk: &Chunk, runs: impl Fn(&str) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        for event in &chunk.events {
            self.event(event, &runs, &mut events);
        }
        events
    }

    fn event(&mut self, event: &Event, runs: &impl Fn(&str) -> bool, events: &mut Vec<Event>) {
        match event {
            Event::Start { .. } if !self.started => {
                self.started = true;
                events.push(event.clone());
            }
            Event::PartStart { choice: 0, kind, .. } => self.begin(kind, runs, events),
            Event::PartDelta { choice: 0, .. } if self.now.ignored => {}
            Event::PartDelta { choice: 0, delta: Delta::Text(text), .. } if self.now.words => {
                let said = match &mut self.now.reading {
                    Some(reading) => reading.push(text),
                    None => vec![(Voice::Answer, text.clone())],
                };
                self.say(said, events);
            }
            Event::PartDelta { choice: 0, delta, .. } => {
                let (index, delta) = (self.index, delta.clone());
                events.push(Event::PartDelta { choice: 0, index, delta });
            }
            Event::PartEnd { choice: 0, .. } if self.now.words => self.now.words = false,
            Event::PartEnd { choice: 0, .. } if self.now.ignored => self.now.ignored = false,
            Event::PartEnd { choice: 0, .. } => self.end(events),
            Event::Finish { choice: 0, .. } => {
                let left = self.now.reading.as_mut().and_then(Reading::finish);
                self.say(left.into_iter().collect(), events);
                self.end(events);
            }
            Event::Usage(usage) => {
                self.now.usage = *usage;
                events.push(Event::Usage(sum(self.before, *usage)));
            }
            Event::Ping | Event::Progress { .. } => events.push(event.clone()),
            // What one of many answers says beside its content is not said of all together.
            Event::Start { .. }
            | Event::Extension { .. }
            | Event::PartStart { .. }
            | Event::PartDelta { .. }
            | Event::PartEnd { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn begin(&mut self, kind: &PartKind, runs: &impl Fn(&str) -> bool, events: &mut Vec<Event>) {
        let manner = self.now.manner;
        if *kind == PartKind::Text && (self.now.reading.is_some() || manner != Manner::Aloud) {
            // Goes on where the last words stopped, whatever came between.
            self.now.words = true;
            return;
        }
        let left = self.now.reading.as_mut().and_then(Reading::finish);
        self.say(left.into_iter().collect(), events);
        if matches!(kind, PartKind::ToolCall { .. }) {
            if matches!(manner, Manner::Thoughts(purpose) if !purpose.is_work()) {
                self.now.ignored = true;
                return;
            }
            // What is said beside calls is no answer.
            self.release("", events);
        }
        self.now.answered |= *kind == PartKind::Refusal;
        let kind = match kind {
            PartKind::ToolCall { id, name, .. } if runs(name) => {
                let id = self.unique(id);
                self.now.due.insert(self.now.calls, id.clone());
                PartKind::OwnCall { id, name: name.clone() }
            }
            kind => kind.clone(),
        };
        if matches!(kind, PartKind::OwnCall { .. } | PartKind::ToolCall { .. }) {
            self.now.calls += 1;
        }
        self.start(kind, Open::Plain, events);
    }

    /// Tells words in the manner of this answer.
    fn say(&mut self, said: Vec<(Voice, String)>, events: &mut Vec<Event>) {
        let mut words = Vec::new();
        for (voice, mut text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
            match (self.now.manner, voice) {
                (Manner::Thoughts(purpose), _) => {
                    if !std::mem::replace(&mut self.now.headed, true) {
                        text.insert_str(0, purpose.heading());
                    }
                    words.push((Voice::Thought, text));
                }
                (Manner::Held, Voice::Answer) => self.held.push_str(&text),
                (Manner::Held, Voice::Thought) | (Manner::Aloud, _) => words.push((voice, text)),
            }
        }
        self.words(words, events);
    }

    /// Tells words: thoughts, and answers.
    fn words(&mut self, said: Vec<(Voice, String)>, events: &mut Vec<Event>) {
        for (voice, text) in said {
            if self.open != Some(Open::Words(voice)) {
                let kind = match voice {
                    Voice::Thought => PartKind::Reasoning,
                    Voice::Answer => PartKind::Text,
                };
                self.start(kind, Open::Words(voice), events);
            }
            let delta = match voice {
                Voice::Thought => Delta::Reasoning(text),
                Voice::Answer => {
                    self.now.answered = true;
                    Delta::Text(text)
                }
            };
            events.push(Event::PartDelta { choice: 0, index: self.index, delta });
        }
    }

    /// Tells what a tool answered.
    pub(crate) fn result(&mut self, call: &Call, ran: &Ran) -> Vec<Event> {
        let mut events = self.begun();
        // Who goes on with a run that another process began was not told of the call.
        let id = match self.now.due.remove(&call.index) {
            Some(id) => id,
            None => {
                let id = self.unique(&call.id);
                let kind = PartKind::OwnCall { id: id.clone(), name: call.name.clone() };
                self.start(kind, Open::Plain, &mut events);
                let delta = Delta::Arguments(call.arguments.clone());
                events.push(Event::PartDelta { choice: 0, index: self.index, delta });
                id
            }
        };
        self.answer(id, ran.parts.clone(), ran.is_error, &mut events);
        events
    }

    /// Tells how a run ended that came so far.
    pub(crate) fn close(&mut self, progress: &Loop, close: Close<'_>) -> Vec<Event> {
        let (ending, dialect) = (close.ending, close.dialect);
        let mut events = self.begun();
        self.end(&mut events);
        for id in std::mem::take(&mut self.now.due).into_values() {
            let parts = vec![Part::Text { text: NOT_RUN.to_owned(), cache: None }];
            self.answer(id, parts, true, &mut events);
        }
        let standing = progress.standing().filter(|_| ending != Ending::HandedBack);
        let unsaid = match (&standing, progress.said()) {
            (Some(_), _) if self.now.answered => None,
            (Some((said, text)), _) => {
                // Of a model that did not say that it was done, all was told as thoughts.
                (progress.is_reviewed() || said.emulated).then(|| text.clone())
            }
            (None, Some(said)) if ending == Ending::Cut && progress.is_reviewed() => {
                said.purpose.is_work().then(|| said.text())
            }
            (None, _) => ending.words().map(str::to_owned),
        };
        self.held.clear();
        if let Some(mut text) = unsaid.filter(|text| !text.is_empty()) {
            if std::mem::take(&mut self.spoke) {
                text.insert_str(0, "\n\n");
            }
            self.start(PartKind::Text, Open::Plain, &mut events);
            let (index, delta) = (self.index, Delta::Text(text));
            events.push(Event::PartDelta { choice: 0, index, delta });
            self.end(&mut events);
        }
        let fields = Extensions([(super::FIELD.to_owned(), close.told())].into_iter().collect());
        events.push(Event::Extension { dialect, choice: None, fields });
        let reason = match standing {
            Some(_) => FinishReason::Stop,
            None => reason(ending, progress.said()),
        };
        events.push(Event::Finish { choice: 0, reason });
        events
    }

    /// The beginning, where the caller was told nothing yet.
    fn begun(&mut self) -> Vec<Event> {
        if std::mem::replace(&mut self.started, true) {
            return Vec::new();
        }
        vec![Event::Start { id: String::new(), model: String::new(), created: None }]
    }

    fn answer(&mut self, call_id: String, parts: Vec<Part>, is_error: bool, to: &mut Vec<Event>) {
        self.start(PartKind::ToolResult { call_id, parts, is_error }, Open::Plain, to);
        self.end(to);
    }

    fn start(&mut self, kind: PartKind, open: Open, events: &mut Vec<Event>) {
        self.end(events);
        self.open = Some(open);
        self.spoke = kind == PartKind::Text;
        events.push(Event::PartStart { choice: 0, index: self.index, kind });
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        if self.open.take().is_some() {
            events.push(Event::PartEnd { choice: 0, index: self.index });
            self.index += 1;
        }
    }

    /// The id itself, unless another call has it or it is none.
    fn unique(&mut self, id: &str) -> String {
        let mut told = id.to_owned();
        let mut number = self.ids.len();
        while told.is_empty() || self.ids.contains(&told) {
            told = format!("{}_{number}", if id.is_empty() { "call" } else { id });
            number += 1;
        }
        self.ids.insert(told.clone());
        told
    }
}

/// Why the whole answer ended.
fn reason(ending: Ending, said: Option<&Said>) -> FinishReason {
    match ending {
        Ending::Done => FinishReason::Stop,
        Ending::HandedBack => FinishReason::ToolCalls,
        Ending::Cut => said.map_or(FinishReason::Length, |said| said.finish_reason.clone()),
        Ending::Idle | Ending::Repetition | Ending::Steps | Ending::Time | Ending::Budget => {
            FinishReason::Length
        }
    }
}

fn sum(one: Usage, other: Usage) -> Usage {
    Usage {
        input: one.input.saturating_add(other.input),
        cached_input: one.cached_input.saturating_add(other.cached_input),
        cache_write: one.cache_write.saturating_add(other.cache_write),
        output: one.output.saturating_add(other.output),
        reasoning: one.reasoning.saturating_add(other.reasoning),
        source: one.source.max(other.source),
    }
}
