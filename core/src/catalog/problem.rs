//! What is wrong with a catalog: everything at once, and each with its place.

use std::fmt;

use saphyr_parser::Marker;

use super::{path::Path, tree::Node};
use crate::Error;

/// The most problems that are listed.
const MAX_LISTED: usize = 100;
/// How much of a name or value is repeated in a message, in characters.
const MAX_QUOTED: usize = 64;

/// A line and a column, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    line: usize,
    column: usize,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    pub(crate) fn of(marker: &Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// Something wrong, before it is known where it stands.
pub(crate) struct Finding {
    path: Path,
    position: Option<Position>,
    message: String,
}

impl Finding {
    /// `message` completes the sentence that begins with `path`.
    pub(crate) fn new(path: Path, message: impl Into<String>) -> Self {
        Self { path, position: None, message: message.into() }
    }

    /// Says where it stands, if that is not where the value of its path begins.
    pub(crate) fn standing(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }
}

/// What was found so far. What could not be listed is only counted.
#[derive(Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    further: usize,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(finding);
        } else {
            self.further += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Whether what comes is only counted; then no thought need be given to its words.
    pub(crate) fn is_full(&self) -> bool {
        self.listed.len() == MAX_LISTED
    }
}

/// One thing that is wrong with a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters.
    pub column: usize,
    /// The value: `providers[1].credentials[0].secret`; empty for the whole.
    pub path: String,
    /// What is wrong and what would be right. Never holds a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `12:5: models[0].provider: there is no provider …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, path, message } = self;
        if path.is_empty() {
            write!(f, "{line}:{column}: {message}")
        } else {
            write!(f, "{line}:{column}: {path}: {message}")
        }
    }
}

/// Everything that is wrong with a catalog, in the order of its lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    further: usize,
}

impl Problems {
    /// `root` tells where the findings' paths lead.
    pub(crate) fn new(findings: Findings, root: Option<&Node>) -> Self {
        let Findings { listed, further } = findings;
        let problem = |Finding { path, position, message }| {
            let found = position.or_else(|| root.map(|root| path.position(root)));
            let Position { line, column } = found.unwrap_or(Position::START);
            Problem { line, column, path: path.to_string(), message }
        };
        let mut listed: Vec<_> = listed.into_iter().map(problem).collect();
        listed.sort_by_key(|problem| (problem.line, problem.column));
        Self { listed, further }
    }

    /// The problems, at most a hundred.
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// One line for each problem, as compilers write them: `file:line:column: path: message`.
    pub fn lines<'a>(&'a self, file: &'a str) -> impl Iterator<Item = String> + 'a {
        let further = (self.further > 0).then(|| format!("{file}: and {} more", self.further));
        self.listed.iter().map(move |problem| format!("{file}:{problem}")).chain(further)
    }

    /// The same as an error of the setting that names the catalog.
    pub fn into_error(self, file: &str) -> Error {
        let lines: Vec<_> = self.lines(file).collect();
        Error::invalid("DORMOUSE_CONFIG", lines.join("\n"))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.listed.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        if self.further > 0 {
            write!(f, "\nand {} more", self.further)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// `text` in a length and form that can stand in a message.
pub(crate) fn shortened(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(MAX_QUOTED).map(shown).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        short.push('…');
    }
    short
}
