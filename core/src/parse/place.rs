//! What stands before a place in an answer, as far as it tells whether something there is meant.

use super::code::Code;

/// The most white space that is held back because a mark may follow that it goes with.
pub(super) const MAX_WHITE_BYTES: usize = 1024;
/// How much of the text before is remembered, in bytes; twice that, before it is cut.
const REMEMBERED_BYTES: usize = 160;

/// Words in the line before a call that make it an example.
const EXAMPLES: [&str; 9] = [
    "for example",
    "for instance",
    "example:",
    "e.g.",
    "like this:",
    "like so:",
    "would look like",
    "looks like",
    "the format",
];

/// A place in the text of one choice.
#[derive(Clone, Debug)]
pub(super) struct Place {
    code: Code,
    /// Nothing but white space was said since the answer, or what was taken out of it, began.
    fresh: bool,
    /// Nothing but white space was said at all, and nothing taken out.
    untouched: bool,
    /// The text before, its end.
    before: String,
}

impl Default for Place {
    fn default() -> Self {
        Self { code: Code::default(), fresh: true, untouched: true, before: String::new() }
    }
}

impl Place {
    pub(super) const fn in_code(&self) -> bool {
        self.code.inside()
    }

    pub(super) const fn line_start(&self) -> bool {
        self.code.line_start()
    }

    pub(super) const fn fresh(&self) -> bool {
        self.fresh
    }

    /// Whether nothing but white space was said before, and nothing taken out.
    pub(super) const fn untouched(&self) -> bool {
        self.untouched
    }

    pub(super) fn after_quote(&self) -> bool {
        self.before.ends_with(['"', '\'', '`', '“', '‘', '«', '„', '\\'])
    }

    /// Whether the line before announces an example.
    pub(super) fn example(&self) -> bool {
        let line = self.before.trim_end().rsplit('\n').next().unwrap_or_default().to_lowercase();
        EXAMPLES.iter().any(|example| line.contains(example))
    }

    /// Something was said.
    pub(super) fn step(&mut self, c: char) {
        self.code.step(c);
        self.fresh &= c.is_whitespace();
        self.untouched &= c.is_whitespace();
        self.before.push(c);
        if self.before.len() > 2 * REMEMBERED_BYTES {
            let from = (REMEMBERED_BYTES..).find(|at| self.before.is_char_boundary(*at));
            self.before.drain(..from.unwrap_or_default());
        }
    }

    /// Something was taken out: what follows begins anew.
    pub(super) fn restart(&mut self) {
        self.code.restart();
        (self.fresh, self.untouched) = (true, false);
        self.before.clear();
    }
}
