//! What a model says of its own answer. What cannot be read says nothing against the answer.

/// The highest score.
const HIGHEST: u8 = 10;
/// With this score an answer is good enough.
const GOOD: u8 = 8;
/// What models put around words and in front of lines.
const AROUND: [char; 8] = ['*', '_', '#', '>', '`', ' ', '\t', '"'];

/// A criticism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Critique {
    /// From 0 to 10.
    pub(super) score: u8,
    /// Whether any flaw is listed.
    pub(super) has_flaws: bool,
}

impl Critique {
    /// Reads what was asked for: a line `SCORE: 7`, and below it flaws, a line each.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let score = lines.find_map(|line| score(after(line, "score")?))?;
        Some(Self { score, has_flaws: lines.any(is_flaw) })
    }

    /// Whether the answer is to be mended.
    pub(super) fn sends_back(self) -> bool {
        self.score < GOOD && self.has_flaws
    }
}

/// Whether a verification found everything done. `None`: it does not say.
pub(super) fn is_verified(text: &str) -> Option<bool> {
    text.lines().find_map(|line| {
        let word: String =
            after(line, "verdict")?.chars().take_while(|c| c.is_alphabetic()).collect();
        match word.to_ascii_lowercase().as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    })
}

/// What stands behind `name:` at the beginning of a line, in whatever letters.
fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim_start_matches("DONE:").trim_start_matches(AROUND);
    let line = line.trim_start_matches("DONE:").trim_start_matches(AROUND);
    let begins = line.get(..name.len())?.eq_ignore_ascii_case(name);
    let rest = line.get(name.len()..).filter(|_| begins)?;
    let rest = rest.trim_start_matches(AROUND).strip_prefix([':', '='])?;
    Some(rest.trim_start_matches(AROUND))
}

/// `7`, `7/10`, `7.5`, but not `70`.
fn score(text: &str) -> Option<u8> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|score| *score <= HIGHEST)
}

/// A line of a list that says something.
fn is_flaw(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let said = match line.strip_prefix(['-', '*', '•', '–']) {
        Some(said) => said,
        None if number.len() < line.len() => match number.strip_prefix(['.', ')']) {
            Some(said) => said,
            None => return false,
        },
        None => return false,
    };
    let said = said.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
    !matches!(said.as_str(), "" | "none" | "no flaws" | "n/a" | "nothing")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_criticism_is_a_score_and_flaws() {
        for (text, score, has_flaws) in [
            ("SCORE: 7\n- too short", 7, true),
            ("**Score:** 4/10\n\n1. wrong sum\n2) no units", 4, true),
            ("DONE: SCORE: 10", 10, false),
            ("Well.\nscore = 6\n- none", 6, false),
            ("> SCORE: 0\n* **All of it** is wrong", 0, true),
            ("- strict\nSCORE: 9", 9, false),
            ("SCORE: 7.5\n•  vague", 7, true),
        ] {
            assert_eq!(Critique::read(text), Some(Critique { score, has_flaws }), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_score_says_nothing() {
        for text in ["", "It is good.", "SCORE: 85/100\n- bad", "SCORE: high", "SCORE 7", "- bad"] {
            assert_eq!(Critique::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_low_score_with_flaws_sends_an_answer_back() {
        let sends_back = |text| Critique::read(text).unwrap().sends_back();
        assert!(sends_back("SCORE: 7\n- vague"));
        assert!(!sends_back("SCORE: 8\n- vague"));
        assert!(!sends_back("SCORE: 3"));
    }

    #[test]
    fn a_verdict_is_yes_or_no() {
        for (text, wanted) in [
            ("VERDICT: yes", Some(true)),
            ("Let me see.\n**Verdict: No**\n- step 2", Some(false)),
            ("VERDICT: NO.", Some(false)),
            ("VERDICT: perhaps\nVERDICT: yes", Some(true)),
            ("yes", None),
            ("VERDICT: nothing", None),
        ] {
            assert_eq!(is_verified(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "([-*#1: \n]|SCORE|VERDICT|DONE:|no|yes|[0-9]|ä){0,20}") {
            let read = Critique::read(&text);
            prop_assert!(read.is_none_or(|it| it.score <= HIGHEST));
            let _ = is_verified(&text);
        }
    }
}
