//! Thoughts between tags, as thoughts.

use super::{
    cursor::{Cursor, End, Read, Stop},
    place::{MAX_WHITE_BYTES, Place},
    rewrite::{Found, Rewrite, Scan},
};
use crate::chat::{Chunk, Event};

/// Tags of thoughts: Qwen, DeepSeek and most others; Gemma; Seed; MiniMax; Mistral; Cohere; Kimi.
const TAGS: [(&str, &str); 9] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
];

/// Where a thought of harmony ends: at its own mark, or where the next message begins.
const HARMONY_ENDS: [&str; 4] = ["<|end|>", "<|return|>", "<|start|>", "<|channel|>"];
/// Marks that begin a message of harmony, which are left for whoever reads that message.
const HARMONY_NEXT: [&str; 2] = ["<|start|>", "<|channel|>"];

/// Marks around what is no thought, in templates that also mark their thoughts so.
const FRAMES: [&str; 6] = [
    "<|END_RESPONSE|>",
    "<|START_RESPONSE|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|end|>",
    "<|return|>",
];

/// How a model's thoughts are marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningMarks {
    /// The model's template has opened the tag already: the answer begins with thoughts, and only the
    /// closing tag will be seen. An answer without one is thoughts to its end.
    pub opened: bool,
    /// A tag also counts in the middle of a line. Else one in letters (`<think>`) only does where the
    /// answer or a line begins, or behind other thoughts: elsewhere it is talked about.
    pub anywhere: bool,
}

/// Finds the thoughts in the texts of an answer. Everything else passes through.
#[derive(Debug)]
pub struct ReasoningTags(Rewrite<Thoughts>);

impl ReasoningTags {
    /// For one answer.
    pub fn new(options: ReasoningMarks) -> Self {
        let state = if options.opened { State::Thinking(Ends::Any) } else { State::Speaking };
        let blank = Thoughts {
            anywhere: options.anywhere,
            state,
            opening: options.opened,
            framed: false,
            held: String::new(),
            place: Place::default(),
        };
        Self(Rewrite::new(blank, None, false))
    }

    /// Takes what came next. `None`: there is nothing to tell yet. The provider's bytes do not pass, for
    /// they say something else now.
    pub fn push(&mut self, chunk: Chunk) -> Option<Chunk> {
        chunk_of(self.0.push(chunk).events)
    }

    /// The answer ended. What was held back comes out, in case its [`Event::Finish`] never came.
    pub fn finish(&mut self) -> Option<Chunk> {
        chunk_of(self.0.end().events)
    }
}

/// A chunk of these events, if there are any.
pub(crate) fn chunk_of(events: Vec<Event>) -> Option<Chunk> {
    (!events.is_empty()).then_some(Chunk { events, verbatim: None })
}

/// Reads the texts of one choice.
#[derive(Clone, Debug)]
struct Thoughts {
    anywhere: bool,
    state: State,
    /// Nothing was thought since the tag.
    opening: bool,
    /// The template marks everything, not only thoughts.
    framed: bool,
    held: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Speaking,
    Thinking(Ends),
}

/// What ends a thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Tag(&'static str),
    Harmony,
    /// Any closing tag: nobody saw which one was opened.
    Any,
}

/// What a step over the text found.
enum Step {
    Say(usize),
    Skip(usize),
    Think(usize),
    Open(usize, Ends),
    Close(usize),
    Wait,
}

impl Scan for Thoughts {
    fn push(&mut self, text: &str, found: &mut Vec<Found>) {
        self.held.push_str(text);
        self.read(End::Open, found);
    }

    fn end(&mut self, end: End, found: &mut Vec<Found>) {
        self.read(end, found);
    }
}

impl Thoughts {
    fn read(&mut self, end: End, found: &mut Vec<Found>) {
        let mut held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while !rest.is_empty() {
            let step = match self.state {
                State::Speaking => self.speak(rest, end),
                State::Thinking(ends) => self.think(ends, rest, end),
            };
            let length = match step {
                Step::Wait => break,
                Step::Say(n) | Step::Think(n) | Step::Skip(n) => n,
                Step::Open(n, _) | Step::Close(n) => n,
            };
            let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            rest = after;
            self.done(&step, text, found);
        }
        let left = held.len() - rest.len();
        held.drain(..left);
        self.held = held;
    }

    fn done(&mut self, step: &Step, text: &str, found: &mut Vec<Found>) {
        match step {
            Step::Say(_) => {
                text.chars().for_each(|c| self.place.step(c));
                add(found, text, Found::Text);
            }
            Step::Think(_) => {
                self.opening = false;
                add(found, text, Found::Reasoning);
            }
            Step::Open(_, ends) => {
                found.push(Found::Break);
                self.state = State::Thinking(*ends);
                self.opening = true;
            }
            Step::Close(_) => {
                found.push(Found::Break);
                self.state = State::Speaking;
                self.place.restart();
            }
            Step::Skip(_) | Step::Wait => {}
        }
    }

    fn speak(&mut self, rest: &str, end: End) -> Step {
        let space = rest.len() - rest.trim_start().len();
        if self.place.fresh() && space > 0 {
            return self.speak_behind_white(rest, space, end);
        }
        match self.mark(&self.place.clone(), rest, end) {
            Ok(step) => step,
            Err(Stop::More) => Step::Wait,
            Err(_) => Step::Say(Self::plain(rest)),
        }
    }

    /// White space around tags disappears with them.
    fn speak_behind_white(&mut self, rest: &str, space: usize, end: End) -> Step {
        let (white, behind) = rest.split_at(space);
        if space > MAX_WHITE_BYTES {
            return Step::Say(white.chars().next().map_or(0, char::len_utf8));
        }
        if behind.is_empty() && end == End::Open {
            return Step::Wait;
        }
        let mut place = self.place.clone();
        white.chars().for_each(|c| place.step(c));
        match self.mark(&place, behind, end) {
            Ok(_) => Step::Skip(space),
            Err(Stop::More) => Step::Wait,
            Err(_) if self.place.untouched() => Step::Say(space),
            Err(_) => Step::Skip(space),
        }
    }

    /// How much is said without a doubt.
    fn plain(rest: &str) -> usize {
        let mut marks = rest.char_indices().skip(1).filter(|(_, c)| matches!(c, '<' | '[' | '◁'));
        marks.next().map_or(rest.len(), |(at, _)| at)
    }

    /// The mark that stands here, if one does.
    fn mark(&mut self, place: &Place, rest: &str, end: End) -> Read<Step> {
        if place.in_code() || place.after_quote() {
            return Err(Stop::No);
        }
        let start = Cursor::new(rest, end);
        let mut cursor = start;
        if let Some(thinking) = harmony(&mut cursor)? {
            self.framed = true;
            let length = start.distance(&cursor);
            return Ok(if thinking {
                Step::Open(length, Ends::Harmony)
            } else {
                Step::Close(length)
            });
        }
        if self.framed && either(cursor.any(FRAMES))? {
            return Ok(Step::Close(start.distance(&cursor)));
        }
        let here = |open: &str| {
            open.starts_with("<|") || place.fresh() || place.line_start() || self.anywhere
        };
        let tags = TAGS.into_iter().filter(|(open, _)| here(open));
        let opened = cursor.any(tags.map(|(open, _)| open))?;
        let (open, close) = TAGS.into_iter().find(|(open, _)| *open == opened).ok_or(Stop::No)?;
        self.framed |= open.starts_with("<|");
        Ok(Step::Open(open.len(), Ends::Tag(close)))
    }

    fn think(&mut self, ends: Ends, rest: &str, end: End) -> Step {
        let text = rest.trim_start();
        if self.opening {
            let space = rest.len() - text.len();
            if space > 0 {
                return Step::Skip(space);
            }
            // Some models open the tag again that their template opened.
            match Cursor::new(rest, end).any(TAGS.map(|(open, _)| open)) {
                Ok(open) if ends == Ends::Any => return Step::Skip(open.len()),
                Err(Stop::More) if ends == Ends::Any => return Step::Wait,
                _ => {}
            }
        }
        for (at, c) in rest.char_indices() {
            if !c.is_whitespace() && !matches!(c, '<' | '[' | '◁') {
                continue;
            }
            match closing(ends, rest.get(at..).unwrap_or_default(), end) {
                Err(Stop::No | Stop::Refused) => {}
                _ if at > 0 => return Step::Think(at),
                Err(Stop::More) => return Step::Wait,
                Ok(length) => return Step::Close(length),
            }
        }
        Step::Think(rest.len())
    }
}

/// The length of a closing mark, with the white space before it.
fn closing(ends: Ends, rest: &str, end: End) -> Read<usize> {
    let start = Cursor::new(rest, end);
    let mut cursor = start;
    cursor.white();
    if start.distance(&cursor) > MAX_WHITE_BYTES {
        return Err(Stop::No);
    }
    if cursor.rest().is_empty() && end != End::Open {
        return Ok(rest.len());
    }
    let white = start.distance(&cursor);
    match ends {
        Ends::Tag(close) => cursor.literal(close)?,
        Ends::Any => {
            cursor.any(TAGS.map(|(_, close)| close))?;
        }
        Ends::Harmony => {
            let mark = cursor.any(HARMONY_ENDS)?;
            if HARMONY_NEXT.contains(&mark) {
                return Ok(white);
            }
        }
    }
    Ok(start.distance(&cursor))
}

/// The head of a message of harmony that is addressed to nobody: whether it is a thought.
fn harmony(cursor: &mut Cursor<'_>) -> Read<Option<bool>> {
    let mut here = *cursor;
    here.maybe("<|start|>assistant")?;
    if !here.maybe("<|channel|>")? {
        return Ok(None);
    }
    let Ok(channel) = waited(here.any(["analysis", "final", "commentary"]))? else {
        return Ok(None);
    };
    if !here.maybe("<|message|>")? {
        return Ok(None);
    }
    *cursor = here;
    Ok(Some(channel == "analysis"))
}

/// Passes only on that more is needed.
fn waited<T>(read: Read<T>) -> Read<Read<T>> {
    match read {
        Err(Stop::More) => Err(Stop::More),
        read => Ok(read),
    }
}

fn either<T>(read: Read<T>) -> Read<bool> {
    waited(read).map(|read| read.is_ok())
}

/// Adds to what was found last, or begins something new.
fn add(found: &mut Vec<Found>, text: &str, new: fn(String) -> Found) {
    let one = new(text.to_owned());
    match (found.last_mut(), one) {
        (Some(Found::Text(said)), Found::Text(more))
        | (Some(Found::Reasoning(said)), Found::Reasoning(more)) => said.push_str(&more),
        (_, one) => found.push(one),
    }
}
