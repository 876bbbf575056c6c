//! Which tools may be used.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::Pattern;

/// The most patterns of a list.
const MAX_PATTERNS: usize = 256;
/// The longest pattern, in bytes.
const MAX_BYTES: usize = 128;

/// A list of patterns; the last one that a tool's name matches says whether it may be used. A name that
/// none matches may not. Written as a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Allowed(Arc<[Rule]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    allows: bool,
}

impl Allowed {
    /// Reads patterns: names in which one `*` stands for any text, with `!` in front where they take away
    /// instead. An error completes the sentence that begins with the field's name.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut rules = Vec::new();
        for text in patterns {
            if rules.len() == MAX_PATTERNS {
                return Err(format!("has more than {MAX_PATTERNS} patterns"));
            }
            let (allows, name) = match text.strip_prefix('!') {
                Some(name) => (false, name),
                None => (true, text),
            };
            if name.is_empty() || name.len() > MAX_BYTES {
                return Err(format!("has a pattern that is not 1 to {MAX_BYTES} bytes long"));
            }
            let pattern: Pattern =
                name.parse().map_err(|why| format!("has `{text}`, which {why}"))?;
            rules.push(Rule { pattern, allows });
        }
        Ok(Self(rules.into()))
    }

    /// Whether the tool of this name may be used.
    pub fn allows(&self, name: &str) -> bool {
        let said = self.0.iter().rev().find(|rule| rule.pattern.matches(name));
        said.is_some_and(|rule| rule.allows)
    }

    /// Whether some tool whose name begins with `start` may be used. It may be said of none that there is, but
    /// where it says no, there is none.
    pub(super) fn allows_some_after(&self, start: &str) -> bool {
        for rule in self.0.iter().rev() {
            if rule.allows && rule.pattern.matches_some_after(start) {
                return true;
            }
            if !rule.allows && rule.pattern.matches_all_after(start) {
                return false;
            }
        }
        false
    }

    /// The patterns as they are written.
    pub fn patterns(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|rule| format!("{}{}", if rule.allows { "" } else { "!" }, rule.pattern))
    }
}

impl TryFrom<Vec<String>> for Allowed {
    type Error = String;

    fn try_from(patterns: Vec<String>) -> Result<Self, String> {
        Self::parse(patterns.iter().map(String::as_str))
    }
}

impl From<Allowed> for Vec<String> {
    fn from(list: Allowed) -> Self {
        list.patterns().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str]) -> Allowed {
        Allowed::parse(patterns.iter().copied()).unwrap()
    }

    #[test]
    fn the_last_pattern_that_fits_counts() {
        let list = allowed(&["*", "!web_*", "web_search"]);
        for (name, allows) in [("bash", true), ("web_fetch", false), ("web_search", true)] {
            assert_eq!(list.allows(name), allows, "{name}");
        }
        assert!(!allowed(&["web_*"]).allows("bash"));
    }

    #[test]
    fn a_list_knows_of_which_names_it_allows_none() {
        for (patterns, allows) in [
            (&["*"][..], true),
            (&["d*"], true),
            (&["docs__read"], true),
            (&["*_read"], true),
            (&["!docs__*", "*_read"], true),
            (&["*", "!docs__read"], true),
            (&["*", "!*_read"], true),
            (&["*", "!docs__*"], false),
            (&["*", "!docs*"], false),
            (&["docs__read", "!*"], false),
            (&["bash", "docs"], false),
            (&[], false),
        ] {
            assert_eq!(allowed(patterns).allows_some_after("docs__"), allows, "{patterns:?}");
        }
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!allowed(&[]).allows("calculator"));
    }

    #[test]
    fn a_list_is_shown_as_it_was_written() {
        let written = ["*", "!server__*", "server__read"];
        assert!(allowed(&written).patterns().eq(written));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "!", "a b", "*_*", &"x".repeat(129)] {
            assert!(Allowed::parse([wrong]).is_err(), "{wrong}");
        }
        assert!(Allowed::parse(std::iter::repeat_n("a", 257)).is_err());
    }
}
