//! How a model without tools of its own says that it is done.
//!
//! Whatever it prints that is no call may be its answer or only a thought on the way. So it is told to put
//! `DONE:` in front of its answer; what comes before is told to the caller as thoughts.

use crate::chat::Tool;

/// What stands in front of the final answer, at the beginning of a line.
const MARK: &str = "DONE:";
/// The same, of a model that puts it behind its answer, in a line of its own.
const BARE: &str = "DONE";
/// What models put around words that they find important.
const EMPHASIS: [char; 3] = ['*', '_', '#'];
/// The longest beginning of a line that is held back, in bytes.
const LONGEST: usize = 64;

/// What a model reads of this, behind the description of its tools.
pub fn instruction(tools: &[Tool]) -> String {
    let mut text = "\n\nWork step by step: use a tool, wait for its result, then go on. \
When the task is finished, write a line that begins with DONE: and then the final answer, like this:\n\n\
DONE: <the final answer>\n\nDo not write DONE: before you have seen the results that you need."
        .to_owned();
    let has = |name: &str| tools.iter().any(|tool| tool.name == name);
    let languages: Vec<&str> = ["python", "bash"].into_iter().filter(|name| has(name)).collect();
    if !languages.is_empty() {
        let blocks = languages.join(" or ```");
        text.push_str(&format!(
            " To run code you may also end your message with a ```{blocks} block."
        ));
    }
    text
}

/// What a model is told that did nothing.
pub(super) const fn nudge(emulated: bool) -> &'static str {
    if emulated {
        "Go on. If there is something left to do, use a tool. If the task is finished, write DONE: and then the final answer."
    } else {
        "You gave no answer. Go on: call a tool, or give the final answer."
    }
}

/// Whether it says that it is done.
pub(super) fn is_done(text: &str) -> bool {
    let mut reading = Reading::default();
    let said = reading.push(text);
    drop((said, reading.finish()));
    reading.is_done()
}

/// The final answer in what it said: what comes behind the mark, or where nothing does, all the rest.
pub fn answer(text: &str) -> String {
    let mut reading = Reading::default();
    let mut said = reading.push(text);
    said.extend(reading.finish());
    let of = |voice: Voice| {
        let texts = said.iter().filter(|(it, _)| *it == voice);
        texts.map(|(_, text)| text.as_str()).collect::<String>().trim().to_owned()
    };
    Some(of(Voice::Answer)).filter(|it| !it.is_empty()).unwrap_or_else(|| of(Voice::Thought))
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// It comes before the mark.
    Thought,
    /// It comes behind it.
    Answer,
}

/// Reads what a model says, wherever it is cut. Only what may still become the mark is held back.
#[derive(Debug, Default)]
pub struct Reading {
    /// The beginning of a line that may become the mark.
    held: String,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineBegins,
    InLine,
    /// The mark has come, and what is put around it may follow.
    Marked,
    /// The answer is still to begin.
    Blank,
    Answer,
}

/// What the beginning of a line is.
enum Begun {
    Open,
    Mark,
    Other,
}

impl Reading {
    /// Takes what came next.
    pub fn push(&mut self, text: &str) -> Vec<(Voice, String)> {
        let (mut thought, mut answer) = (String::new(), String::new());
        for c in text.chars() {
            match self.state {
                State::LineBegins => {
                    self.held.push(c);
                    match begun(&self.held) {
                        Begun::Open => {}
                        Begun::Mark => {
                            self.held.clear();
                            self.state = State::Marked;
                        }
                        Begun::Other => {
                            thought.push_str(&std::mem::take(&mut self.held));
                            self.state = if c == '\n' { State::LineBegins } else { State::InLine };
                        }
                    }
                }
                State::InLine => {
                    thought.push(c);
                    if c == '\n' {
                        self.state = State::LineBegins;
                    }
                }
                State::Marked if EMPHASIS.contains(&c) => {}
                State::Marked | State::Blank if c.is_whitespace() => self.state = State::Blank,
                State::Marked | State::Blank | State::Answer => {
                    answer.push(c);
                    self.state = State::Answer;
                }
            }
        }
        let said = [(Voice::Thought, thought), (Voice::Answer, answer)];
        said.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// Nothing more comes. Gives what was held back.
    pub fn finish(&mut self) -> Option<(Voice, String)> {
        let held = std::mem::take(&mut self.held);
        if held.trim().trim_matches(EMPHASIS) == BARE {
            self.state = State::Marked;
            return None;
        }
        (!held.is_empty()).then_some((Voice::Thought, held))
    }

    /// Whether the mark has come.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Marked | State::Blank | State::Answer)
    }
}

fn begun(line: &str) -> Begun {
    let around = |c: char| (c.is_whitespace() && c != '\n') || EMPHASIS.contains(&c);
    let word = line.trim_start_matches(around);
    let ended = word.strip_suffix('\n').map(|word| word.trim_end_matches(around));
    if word.starts_with(MARK) || ended == Some(BARE) {
        return Begun::Mark;
    }
    let bare = word.trim_end_matches(around) == BARE;
    if line.len() <= LONGEST && (bare || MARK.starts_with(word)) {
        Begun::Open
    } else {
        Begun::Other
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_answer_stands_behind_the_mark() {
        for (said, wanted) in [
            ("DONE: 42", "42"),
            ("I think.\n\nDONE: 42\nmore", "42\nmore"),
            ("**DONE:** 42", "42"),
            ("## DONE:\n# Title", "# Title"),
            ("  DONE:42", "42"),
            ("The sum is 42.\nDONE", "The sum is 42."),
            ("The sum is 42.\n**DONE**\n", "The sum is 42."),
            ("DONE\n42", "42"),
            ("DONE:", ""),
        ] {
            assert!(is_done(said), "{said:?}");
            assert_eq!(answer(said), wanted, "{said:?}");
        }
    }

    #[test]
    fn what_only_looks_like_the_mark_is_none() {
        for said in
            ["", "Done: 42", "It is DONE: 42", "DONEST: x", "DONE it is", "DONE-ish\n", "\n \n"]
        {
            assert!(!is_done(said), "{said:?}");
            assert_eq!(answer(said), said.trim(), "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_wherever_the_text_is_cut(
            text in "([ *a\n]|DONE|DO|:|DONE: ){0,12}", at in 0_usize..40,
        ) {
            let whole = (is_done(&text), answer(&text));
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let mut reading = Reading::default();
            let mut said = reading.push(&text[..at]);
            said.extend(reading.push(&text[at..]));
            said.extend(reading.finish());
            let of = |voice| said.iter().filter(|(it, _)| *it == voice).map(|(_, text)| &**text).collect::<String>();
            let after = of(Voice::Answer);
            let told = if after.trim().is_empty() { of(Voice::Thought) } else { after };
            prop_assert_eq!((reading.is_done(), told.trim().to_owned()), whole);
        }
    }
}
