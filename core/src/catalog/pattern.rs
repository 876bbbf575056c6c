//! Names with a `*` in them.

use std::{fmt, str::FromStr};

use super::read::Word;

/// A name in which one `*` stands for any text, or none at all. Letters count as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    /// What follows the `*`; `None` if there is no `*`.
    after: Option<String>,
}

impl Pattern {
    /// The pattern that only `name` matches.
    pub fn exactly(name: &str) -> Self {
        Self { before: name.to_owned(), after: None }
    }

    /// Whether `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        match &self.after {
            None => name == self.before,
            Some(after) => {
                let rest = name.strip_prefix(self.before.as_str());
                rest.is_some_and(|rest| rest.ends_with(after.as_str()))
            }
        }
    }

    /// Whether whatever `other` matches, this one does too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.after, &other.after) {
            (_, None) => self.matches(&other.before),
            (None, Some(_)) => false,
            (Some(after), Some(others)) => {
                other.before.starts_with(&self.before) && others.ends_with(after.as_str())
            }
        }
    }

    /// Whether it matches a name that begins with `start`.
    pub(crate) fn matches_some_after(&self, start: &str) -> bool {
        match &self.after {
            None => self.before.starts_with(start),
            Some(_) => self.before.starts_with(start) || start.starts_with(&self.before),
        }
    }

    /// Whether it matches every name that begins with `start`.
    pub(crate) fn matches_all_after(&self, start: &str) -> bool {
        self.after.as_deref() == Some("") && start.starts_with(&self.before)
    }

    /// Whether it has a `*`.
    pub(super) fn is_open(&self) -> bool {
        self.after.is_some()
    }

    /// The same in small letters, for what is compared without regard to them.
    pub(super) fn in_small_letters(&self) -> Self {
        Self {
            before: self.before.to_ascii_lowercase(),
            after: self.after.as_deref().map(str::to_ascii_lowercase),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before)?;
        self.after.as_ref().map_or(Ok(()), |after| write!(f, "*{after}"))
    }
}

impl FromStr for Pattern {
    type Err = String;

    /// An error completes the sentence that begins with the text.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("is not a pattern: it has spaces".to_owned());
        }
        match text.split_once('*') {
            Some((_, after)) if after.contains('*') => {
                Err("has more than one `*`, which would match by accident".to_owned())
            }
            Some((before, after)) => {
                Ok(Self { before: before.to_owned(), after: Some(after.to_owned()) })
            }
            None => Ok(Self::exactly(text)),
        }
    }
}

impl Word for Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^[^\s*]*\*?[^\s*]*$")
    }
}
