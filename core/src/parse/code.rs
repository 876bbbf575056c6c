//! Whether a place in a text is inside code: between backticks, or in a fenced block (CommonMark §4.5,
//! §6.1). What stands there is shown, not meant.

/// Follows a text, character by character. Inline code that is not closed ends with its line.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    /// The backticks that just came, and whether they began the line.
    run: usize,
    run_leads: bool,
    /// How many backticks opened the fenced block, or the inline code.
    fence: usize,
    inline: usize,
    /// Something other than white space stands in this line.
    written: bool,
}

/// The least backticks of a fence.
const FENCE: usize = 3;

impl Code {
    pub(super) const fn inside(&self) -> bool {
        self.fence > 0 || self.inline > 0 || self.run > 0
    }

    /// Whether only white space stands before this place in its line.
    pub(super) const fn line_start(&self) -> bool {
        !self.written
    }

    pub(super) fn step(&mut self, c: char) {
        if c == '`' {
            self.run_leads = if self.run == 0 { !self.written } else { self.run_leads };
            self.run += 1;
            self.written = true;
            return;
        }
        if self.run > 0 {
            self.after_run(c);
        }
        if c == '\n' {
            (self.written, self.inline) = (false, 0);
        } else {
            self.written |= !c.is_whitespace();
        }
    }

    /// Everything open is closed: a new text begins.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    fn after_run(&mut self, next: char) {
        let run = std::mem::take(&mut self.run);
        if self.fence > 0 {
            if self.run_leads && run >= self.fence && next.is_whitespace() {
                self.fence = 0;
            }
        } else if self.run_leads && run >= FENCE {
            self.fence = run;
        } else if self.inline == run {
            self.inline = 0;
        } else if self.inline == 0 {
            self.inline = run;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    fn inside(text: &str) -> bool {
        let mut code = Code::default();
        text.chars().for_each(|c| code.step(c));
        code.inside()
    }

    #[test]
    fn backticks_enclose_code() {
        assert!(inside("a `b "));
        assert!(!inside("a `b` "));
        assert!(inside("a ``b` "));
        assert!(!inside("a `b\n"));
    }

    #[test]
    fn a_fence_encloses_lines() {
        assert!(inside("```rust\nlet a = `b`;\n"));
        assert!(inside("```\na\n``\n"));
        assert!(!inside("```\na\n```\n"));
        assert!(inside("````\n```\n"));
        assert!(inside("- a\n  ```sh\n"));
    }
}
