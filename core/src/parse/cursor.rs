//! Reading text of which the rest may not have arrived yet.
//!
//! Every step says yes, no, or that it needs more to know. What it said once, it also says of any longer
//! text: so it does not matter where an answer is cut.

/// Why a reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is something else, whatever follows.
    No,
    /// It began like it, and turned out to be something else.
    Refused,
    /// What arrived does not tell.
    More,
}

/// What a step found.
pub(super) type Read<T> = Result<T, Stop>;

/// How the text at hand ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// The model was done.
    Done,
    /// The answer was cut off: what is not closed is incomplete.
    Cut,
}

/// A place in the text at hand. A copy is a place to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    end: End,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(rest: &'a str, end: End) -> Self {
        Self { rest, end }
    }

    pub(super) const fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) const fn end(&self) -> End {
        self.end
    }

    /// All that is left.
    pub(super) fn all(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// How far `later` is from here, in bytes.
    pub(super) const fn distance(&self, later: &Self) -> usize {
        self.rest.len().saturating_sub(later.rest.len())
    }

    /// The text between here and `later`.
    pub(super) fn between(&self, later: &Self) -> &'a str {
        self.rest.get(..self.distance(later)).unwrap_or_default()
    }

    /// What to say where the text at hand is used up.
    const fn used_up(&self) -> Stop {
        match self.end {
            End::Open => Stop::More,
            End::Done | End::Cut => Stop::No,
        }
    }

    /// The next character.
    pub(super) fn peek(&self) -> Read<char> {
        self.rest.chars().next().ok_or_else(|| self.used_up())
    }

    /// Whether nothing follows, ever.
    pub(super) fn over(&self) -> Read<bool> {
        match (self.rest.is_empty(), self.end) {
            (true, End::Open) => Err(Stop::More),
            (empty, _) => Ok(empty),
        }
    }

    pub(super) fn literal(&mut self, wanted: &str) -> Read<()> {
        if let Some(rest) = self.rest.strip_prefix(wanted) {
            self.rest = rest;
            return Ok(());
        }
        Err(if wanted.starts_with(self.rest) { self.used_up() } else { Stop::No })
    }

    /// A literal in ASCII, in capitals or not.
    pub(super) fn word(&mut self, wanted: &str) -> Read<()> {
        let length = self.rest.len().min(wanted.len());
        let same = |(one, other): (u8, u8)| one.eq_ignore_ascii_case(&other);
        if !self.rest.bytes().zip(wanted.bytes()).all(same) {
            return Err(Stop::No);
        }
        if length < wanted.len() {
            return Err(self.used_up());
        }
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(())
    }

    /// A literal that may be missing. Says whether it was there.
    pub(super) fn maybe(&mut self, wanted: &str) -> Read<bool> {
        match self.literal(wanted) {
            Ok(()) => Ok(true),
            Err(Stop::More) => Err(Stop::More),
            Err(Stop::No | Stop::Refused) => Ok(false),
        }
    }

    /// The first of some literals that is there. None of them begins another one.
    pub(super) fn any<'w>(&mut self, wanted: impl IntoIterator<Item = &'w str>) -> Read<&'w str> {
        let mut stop = Stop::No;
        for one in wanted {
            match self.literal(one) {
                Ok(()) => return Ok(one),
                Err(Stop::More) => stop = Stop::More,
                Err(Stop::No | Stop::Refused) => {}
            }
        }
        Err(stop)
    }

    /// Steps over white space.
    pub(super) fn white(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Steps over white space in the line.
    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
    }

    /// Everything up to the first of `stops`, which is not stepped over. Each begins with `<` or a line
    /// break.
    pub(super) fn before(&mut self, stops: &[&str]) -> Read<&'a str> {
        // In one go: to look for each of them would read all of the rest again for every argument.
        let is_stop = |at: &usize| {
            let here = self.rest.get(*at..).unwrap_or_default();
            stops.iter().any(|stop| here.starts_with(stop))
        };
        let mut places = self.rest.match_indices(['<', '\n']).map(|(at, _)| at);
        let at = places.find(is_stop).ok_or_else(|| self.used_up())?;
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        Ok(text)
    }

    /// Everything up to `close`, which is stepped over.
    pub(super) fn until(&mut self, close: &str) -> Read<&'a str> {
        let (text, rest) = self.rest.split_once(close).ok_or_else(|| self.used_up())?;
        self.rest = rest;
        Ok(text)
    }

    /// The rest of the line. Its end is stepped over; the end of the text is one, too.
    pub(super) fn line(&mut self) -> Read<&'a str> {
        if let Some((line, rest)) = self.rest.split_once('\n') {
            self.rest = rest;
            return Ok(line.strip_suffix('\r').unwrap_or(line));
        }
        match self.end {
            End::Open => Err(Stop::More),
            End::Done | End::Cut => Ok(self.all()),
        }
    }

    /// A name: letters, digits and `_ - . : /`.
    pub(super) fn name(&mut self) -> Read<&'a str> {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        let rest = self.rest.trim_start_matches(part);
        let name = self.between(&Self { rest, ..*self });
        if rest.is_empty() && self.end == End::Open {
            return Err(Stop::More);
        }
        if name.is_empty() {
            return Err(Stop::No);
        }
        self.rest = rest;
        Ok(name)
    }

    /// A text in quotes, without them. Escapes stay as they are.
    pub(super) fn quoted(&mut self) -> Read<&'a str> {
        let quote = self.peek()?;
        if !matches!(quote, '"' | '\'') {
            return Err(Stop::No);
        }
        let inside = self.rest.get(1..).unwrap_or_default();
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    self.rest = inside.get(at + 1..).unwrap_or_default();
                    return Ok(inside.get(..at).unwrap_or_default());
                }
                _ => {}
            }
        }
        Err(self.used_up())
    }

    /// A value in brackets, to the bracket that closes it, or to `close` where brackets are missing.
    /// A model that was done may have forgotten the last ones.
    pub(super) fn brackets(&mut self, close: Option<&str>) -> Read<&'a str> {
        if !matches!(self.peek()?, '{' | '[' | '(') {
            return Err(Stop::No);
        }
        let length = match bracketed(self.rest, close) {
            Some(length) => length,
            None if self.end == End::Open => return Err(Stop::More),
            None if self.end == End::Cut => return Err(Stop::No),
            None => close.and_then(|close| self.rest.find(close)).unwrap_or(self.rest.len()),
        };
        let (value, rest) = self.rest.split_at_checked(length).ok_or(Stop::No)?;
        self.rest = rest;
        Ok(value)
    }
}

/// The length of the value in brackets at the start of `text`, if it ends.
fn bracketed(text: &str, close: Option<&str>) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[' | '(') => depth += 1,
            (None, '}' | ']' | ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + c.len_utf8());
                }
            }
            (None, '<') => {
                let rest = text.get(at..).unwrap_or_default();
                if close.is_some_and(|close| rest.starts_with(close)) {
                    return Some(at);
                }
            }
            (None, _) => {}
        }
    }
    None
}

/// Tells something that was never begun from something that was begun and refused.
pub(super) fn begun<T>(read: Read<T>) -> Read<T> {
    read.map_err(|stop| if stop == Stop::No { Stop::Refused } else { stop })
}

/// One way to read what stands at a place.
pub(super) type Reading<'r, 'a, T> = &'r dyn Fn(&mut Cursor<'a>) -> Read<T>;

/// The first reading that does not say no. One that needs more is waited for.
pub(super) fn first<'a, T>(cursor: &mut Cursor<'a>, readings: &[Reading<'_, 'a, T>]) -> Read<T> {
    let mut stop = Stop::No;
    for reading in readings {
        let mut here = *cursor;
        match reading(&mut here) {
            Err(Stop::No) => {}
            Err(Stop::Refused) => stop = Stop::Refused,
            done => {
                *cursor = here;
                return done;
            }
        }
    }
    Err(stop)
}
