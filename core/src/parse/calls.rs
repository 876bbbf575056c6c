//! Calls printed as text, as calls.

use super::{
    CallIds, Flaw,
    cursor::{Cursor, End, Stop},
    forms,
    offered::Offered,
    place::{MAX_WHITE_BYTES, Place},
    rewrite::{Found, Rewrite, Rewritten, Scan},
};
use crate::chat::{Chunk, Tool};

/// The longest printed call, in bytes, and so the most text that is held back. What is longer is text.
pub const MAX_CALL_BYTES: usize = 1 << 20;
/// How many things that begin like a call and are none are looked into in one choice. After that, all
/// is text.
const MAX_REFUSED: usize = 64;
/// From this length on, a call is only looked into again when a fraction of itself was added, so that
/// reading it in small pieces takes no more than a multiple of reading it at once.
const READ_EACH_PIECE_BYTES: usize = 4096;
const READ_AGAIN_AFTER: usize = 8;

/// What may be called, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// The answer ends with its first call: whatever the model went on to say is dropped, for it could
    /// only guess at the result (`parallel_tool_calls: false`).
    pub single: bool,
    /// An answer without a call is flawed ([`Flaw::NoCall`]).
    pub required: bool,
    /// Code in a block stays text, also where one of the tools runs such code.
    pub leaves_code: bool,
}

/// Finds the calls in the texts of an answer. Everything else passes through.
#[derive(Debug)]
pub struct PrintedCalls(Rewrite<Calls>);

impl PrintedCalls {
    /// For an answer to a request that offers `tools`.
    pub fn new(tools: &[Tool], options: CallOptions, ids: CallIds) -> Self {
        let blank = Calls {
            offered: Offered::new(tools, options.leaves_code),
            single: options.single,
            held: String::new(),
            place: Place::default(),
            looked_at: 0,
            refused: 0,
            over: false,
        };
        Self(Rewrite::new(blank, Some(ids), options.required))
    }

    /// Takes what came next, and gives what it means. The provider's bytes do not pass, for they say
    /// something else now.
    pub fn push(&mut self, chunk: Chunk) -> Rewritten {
        self.0.push(chunk)
    }

    /// The answer ended. Gives what was held back, in case its [`Finish`](crate::chat::Event::Finish) never came.
    pub fn finish(&mut self) -> Rewritten {
        self.0.end()
    }

    /// Another answer takes the place of this one, from the part of this index on.
    pub(crate) fn restart(&mut self, index: u32) {
        self.0.restart(index);
    }
}

/// Reads the texts of one choice.
#[derive(Clone, Debug)]
struct Calls {
    offered: Offered,
    single: bool,
    /// What may be the beginning of a call.
    held: String,
    place: Place,
    /// How much of it there was when it was last looked into.
    looked_at: usize,
    refused: usize,
    /// The only call was made.
    over: bool,
}

enum Look {
    /// So many bytes are text.
    Say(usize),
    /// So many bytes are nothing that anyone should see.
    Skip(usize),
    /// So many bytes are a printout, and this is in it.
    Found(usize, Vec<Found>),
    Wait,
}

impl Scan for Calls {
    fn push(&mut self, text: &str, found: &mut Vec<Found>) {
        self.held.push_str(text);
        self.read(End::Open, found);
    }

    fn end(&mut self, end: End, found: &mut Vec<Found>) {
        self.read(end, found);
    }
}

impl Calls {
    fn read(&mut self, end: End, found: &mut Vec<Found>) {
        let mut held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        let mut said = String::new();
        while !rest.is_empty() && !self.over {
            let length = match self.look(rest, end) {
                Look::Wait => break,
                Look::Say(length) => {
                    said.push_str(rest.get(..length).unwrap_or_default());
                    length
                }
                Look::Skip(length) => length,
                Look::Found(length, more) => {
                    say(&mut said, found);
                    self.found(more, found);
                    length
                }
            };
            self.looked_at = 0;
            rest = rest.get(length..).unwrap_or_default();
        }
        say(&mut said, found);
        if !self.over {
            let left = held.len() - rest.len();
            held.drain(..left);
            self.held = held;
        }
    }

    fn found(&mut self, more: Vec<Found>, found: &mut Vec<Found>) {
        for one in more {
            match &one {
                Found::Text(text) => text.chars().for_each(|c| self.place.step(c)),
                Found::Call(_) => {
                    self.place.restart();
                    self.over |= self.single;
                }
                _ => {}
            }
            found.push(one);
        }
    }

    fn look(&mut self, rest: &str, end: End) -> Look {
        if self.refused >= MAX_REFUSED {
            return self.say(rest, rest.len());
        }
        let white = rest.len() - rest.trim_start().len();
        if self.place.fresh() && white > 0 {
            return self.look_behind_white(rest, white, end);
        }
        let Some(c) = rest.chars().next() else { return Look::Wait };
        if forms::may_begin(&self.place, c) {
            return match self.printout(&self.place.clone(), rest, end) {
                Err(Stop::More) => Look::Wait,
                Err(_) => self.say(rest, c.len_utf8()),
                Ok((length, found)) => Look::Found(length, found),
            };
        }
        self.plain(rest)
    }

    fn say(&mut self, rest: &str, length: usize) -> Look {
        let said = rest.get(..length).unwrap_or_default();
        said.chars().for_each(|c| self.place.step(c));
        Look::Say(length)
    }

    /// Says what is text without a doubt.
    fn plain(&mut self, rest: &str) -> Look {
        for (at, c) in rest.char_indices() {
            if at > 0 && forms::may_begin(&self.place, c) {
                return Look::Say(at);
            }
            self.place.step(c);
        }
        Look::Say(rest.len())
    }

    /// White space where a call may follow belongs to that call, if one does.
    fn look_behind_white(&mut self, rest: &str, white: usize, end: End) -> Look {
        let (space, behind) = rest.split_at(white);
        if white > MAX_WHITE_BYTES {
            return self.say(space, space.chars().next().map_or(0, char::len_utf8));
        }
        let Some(c) = behind.chars().next() else {
            return match end {
                End::Open => Look::Wait,
                End::Done | End::Cut if self.place.untouched() => self.say(space, white),
                End::Done | End::Cut => Look::Skip(white),
            };
        };
        let mut place = self.place.clone();
        space.chars().for_each(|c| place.step(c));
        if !forms::may_begin(&place, c) {
            return self.say(space, white);
        }
        match self.printout(&place, behind, end) {
            Err(Stop::More) => Look::Wait,
            Err(_) => self.say(space, white),
            // What stays text keeps the white space before it.
            Ok((_, found)) if found.iter().any(|it| matches!(it, Found::Text(_))) => {
                self.say(space, white)
            }
            Ok((length, found)) => Look::Found(white + length, found),
        }
    }

    /// Reads the printout that begins here, and holds it against the tools.
    fn printout(
        &mut self,
        place: &Place,
        rest: &str,
        end: End,
    ) -> Result<(usize, Vec<Found>), Stop> {
        let long = rest.len() > READ_EACH_PIECE_BYTES;
        let grown = rest.len() - self.looked_at.min(rest.len());
        if long && end == End::Open && grown < self.looked_at / READ_AGAIN_AFTER {
            return Err(Stop::More);
        }
        self.looked_at = rest.len();
        // No call is longer than the limit, nor is what follows it looked at beyond that.
        let too_long = rest.len() > MAX_CALL_BYTES;
        let (rest, end) = if too_long {
            let cut = rest.floor_char_boundary(MAX_CALL_BYTES);
            (rest.get(..cut).unwrap_or_default(), End::Open)
        } else {
            (rest, end)
        };
        let start = Cursor::new(rest, end);
        let mut cursor = start;
        let read = match forms::read(&self.offered, place, &mut cursor) {
            Err(Stop::More) if too_long => Err(Stop::Refused),
            read => read,
        };
        let judged = read.and_then(|printout| {
            self.judged(printout, start.between(&cursor)).ok_or(Stop::Refused)
        });
        self.refused += usize::from(judged == Err(Stop::Refused));
        judged.map(|found| (start.distance(&cursor), found))
    }

    /// The calls of a printout. All of it is text where one of them cannot be made.
    fn judged(&self, printout: forms::Printout, text: &str) -> Option<Vec<Found>> {
        let mut found = Vec::new();
        let broken = printout.calls.is_empty().then_some(Flaw::InvalidJson { tool: None });
        let mut fatal = broken;
        for printed in printout.calls {
            let (call, flaw) = self.offered.judge(printed);
            if call.is_none() {
                fatal = fatal.or(flaw);
                continue;
            }
            found.extend(flaw.map(Found::Flaw));
            found.extend(call.map(Found::Call));
            if self.single {
                break;
            }
        }
        match fatal {
            None => Some(found),
            Some(flaw) if printout.marked => {
                Some(vec![Found::Flaw(flaw), Found::Text(text.to_owned())])
            }
            Some(_) => None,
        }
    }
}

fn say(said: &mut String, found: &mut Vec<Found>) {
    if !said.is_empty() {
        found.push(Found::Text(std::mem::take(said)));
    }
}
