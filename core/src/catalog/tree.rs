//! YAML as a tree in which everything knows where it stood.
//!
//! A file is data, so what YAML has beyond data is refused: several documents, tags, keys that are
//! no text. Anchors and aliases are followed, within a limit on what they unfold to.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    path::Path,
    problem::{Finding, Findings, Position},
};

/// The longest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most that a file may be with its aliases followed: bytes of text, and [`NODE`] for each value.
const MAX_UNFOLDED: usize = 4 << 20;
/// What a value counts beside its text.
const NODE: usize = 16;
/// How deep lists and mappings may be nested.
const MAX_DEPTH: usize = 32;

/// A value and where it begins.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
}

impl Node {
    /// Every text in it, names of fields excepted.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut waiting = vec![self];
        while let Some(node) = waiting.pop() {
            match &node.value {
                Value::Scalar(scalar) => texts.push(scalar.text.as_str()),
                Value::List(items) => waiting.extend(items),
                Value::Map(entries) => waiting.extend(entries.iter().map(|(_, node)| node)),
            }
        }
        texts
    }
}

/// What YAML can say.
#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The name of a field, and where it stood.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// A single value, as it was written.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Neither quoted nor a block: then it may be something else than text.
    plain: bool,
}

/// What a scalar is (YAML 1.2.2, 10.3.2, the core schema).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Whole,
    Number,
    Text,
}

impl Scalar {
    pub(crate) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
            "true" | "True" | "TRUE" => return Kind::Bool(true),
            "false" | "False" | "FALSE" => return Kind::Bool(false),
            _ => {}
        }
        let unsigned = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        let radix = |prefix, radix| {
            let digits: Option<&str> = self.text.strip_prefix(prefix);
            digits.is_some_and(|digits| u64::from_str_radix(digits, radix).is_ok())
        };
        let begins_a_number = |first: char| first.is_ascii_digit() || first == '.';
        match unsigned {
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => Kind::Number,
            "" => Kind::Text,
            _ if unsigned.bytes().all(|byte| byte.is_ascii_digit()) => Kind::Whole,
            _ if radix("0x", 16) || radix("0o", 8) => Kind::Whole,
            _ if unsigned.starts_with(begins_a_number) && unsigned.parse::<f64>().is_ok() => {
                Kind::Number
            }
            _ => Kind::Text,
        }
    }
}

/// Reads `text`. What is wrong with single values is added to `findings`; an error is what leaves no
/// tree to look at.
pub(crate) fn parse(text: &str, findings: &mut Findings) -> Result<Node, Finding> {
    if text.len() > MAX_BYTES {
        let why = format!("is longer than {MAX_BYTES} bytes, the most that a file may have");
        return Err(Finding::new(Path::default(), why).standing(Position::START));
    }
    let mut builder = Builder::new(findings);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let position = Position::of(error.marker());
            Finding::new(Path::default(), format!("is not YAML: {}", error.info()))
                .standing(position)
        })?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| Finding::new(Path::default(), "is empty").standing(Position::START))
}

struct Builder<'a> {
    root: Option<Node>,
    documents: usize,
    open: Vec<Open>,
    /// What aliases may stand for, and how much it counts.
    anchors: BTreeMap<usize, (Node, usize)>,
    unfolded: usize,
    findings: &'a mut Findings,
}

/// A list or a mapping whose end is still to come.
struct Open {
    position: Position,
    anchor: usize,
    /// How much was unfolded when it began.
    before: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, seen: BTreeSet<String>, key: Option<Key> },
}

impl<'a> Builder<'a> {
    fn new(findings: &'a mut Findings) -> Self {
        Self {
            root: None,
            documents: 0,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            unfolded: 0,
            findings,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        let position = Position::of(&span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self
                        .finding("is a second document: a file is one")
                        .standing(position));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.untagged(tag.is_some(), position);
                let before = self.unfolded;
                self.count(NODE + text.len(), position)?;
                let plain = style == ScalarStyle::Plain;
                let value = Value::Scalar(Scalar { text: text.into_owned(), plain });
                self.add(Node { position, value }, anchor, before)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.is_some(), position);
                self.enter(position, anchor, Parts::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.is_some(), position);
                let parts = Parts::Map { entries: Vec::new(), seen: BTreeSet::new(), key: None };
                self.enter(position, anchor, parts)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave()?,
            Event::Alias(anchor) => self.follow(anchor, position)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn enter(&mut self, position: Position, anchor: usize, parts: Parts) -> Result<(), Finding> {
        let before = self.unfolded;
        self.count(NODE, position)?;
        if self.open.len() == MAX_DEPTH {
            let why = format!("is nested more than {MAX_DEPTH} deep");
            return Err(self.finding(why).standing(position));
        }
        self.open.push(Open { position, anchor, before, parts });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Finding> {
        let Some(Open { position, anchor, before, parts }) = self.open.pop() else { return Ok(()) };
        let value = match parts {
            Parts::List(items) => Value::List(items),
            Parts::Map { entries, .. } => Value::Map(entries),
        };
        self.add(Node { position, value }, anchor, before)
    }

    /// Copies what was said before. The limit is checked first, so no copy is ever larger.
    fn follow(&mut self, anchor: usize, position: Position) -> Result<(), Finding> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(self.finding("is an alias of what it stands in").standing(position));
        };
        let (node, size, before) = (node.clone(), *size, self.unfolded);
        self.count(size, position)?;
        self.add(node, 0, before)
    }

    fn count(&mut self, size: usize, position: Position) -> Result<(), Finding> {
        self.unfolded += size;
        if self.unfolded > MAX_UNFOLDED {
            let why = "makes the file too large: its aliases unfold to too much";
            return Err(self.finding(why).standing(position));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize, before: usize) -> Result<(), Finding> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.unfolded - before));
        }
        let here = self.here();
        match self.open.last_mut().map(|open| &mut open.parts) {
            None => self.root = Some(node),
            Some(Parts::List(items)) => items.push(node),
            Some(Parts::Map { entries, seen, key }) => match mem::take(key) {
                Some(key) if seen.insert(key.text.clone()) => entries.push((key, node)),
                Some(key) => {
                    let found = Finding::new(here, "is given a second time");
                    self.findings.push(found.standing(key.position));
                }
                None => {
                    let Value::Scalar(Scalar { text, .. }) = node.value else {
                        let why = "has a list or a mapping where the name of a field belongs";
                        return Err(Finding::new(here, why).standing(node.position));
                    };
                    *key = Some(Key { text, position: node.position });
                }
            },
        }
        Ok(())
    }

    fn untagged(&mut self, tagged: bool, position: Position) {
        if tagged {
            let found = self.finding("has a tag, which means nothing here: leave it out");
            self.findings.push(found.standing(position));
        }
    }

    fn finding(&self, why: impl Into<String>) -> Finding {
        Finding::new(self.here(), why)
    }

    /// The path of what comes next.
    fn here(&self) -> Path {
        self.open.iter().fold(Path::default(), |path, open| match &open.parts {
            Parts::List(items) => path.item(items.len()),
            Parts::Map { key: Some(key), .. } => path.field(&key.text),
            Parts::Map { key: None, .. } => path,
        })
    }
}
