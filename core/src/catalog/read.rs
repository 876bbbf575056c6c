//! From the tree to types: every value is read, and everything wrong with any is noted.
//!
//! What the catalog may hold is written once, in [`super::file`]; the reader of a shape, its list of
//! known fields and its JSON Schema all come from there. A value that cannot be read leaves its
//! default behind, so that the rest is still looked at: what was read counts only if nothing was noted.

use serde_json::{Map, Value as Json, json};

use super::{
    expand::expand,
    path::Path,
    problem::{Finding, Findings, Problems, shortened},
    tree::{self, Kind, Node, Scalar, Value},
};
use crate::near::did_you_mean;

/// The most items of a list and entries of a mapping.
pub(crate) const MAX_ITEMS: usize = 4096;
/// What a text holds that takes something from the environment.
const EXPANDED: &str = r"\$\{";

/// A file that was read as a `T`, and what was found wrong in it so far.
pub(crate) struct Document<T> {
    shape: T,
    pub(crate) findings: Findings,
    root: Node,
}

impl<T: Read> Document<T> {
    /// Reads `text`. `look_up` is given the `NAME` of every `${NAME}` in a value. An error is what leaves
    /// nothing to look at any further.
    pub(crate) fn read(
        text: &str,
        look_up: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let mut findings = Findings::default();
        match tree::parse(text, &mut findings) {
            Ok(root) => {
                let mut reading = Reading { look_up, findings };
                let shape = T::read(&root, &Path::default(), &mut reading);
                Ok(Self { shape, findings: reading.findings, root })
            }
            Err(fatal) => {
                findings.push(fatal);
                Err(Problems::new(findings, None))
            }
        }
    }

    /// What was read, to be held against the rest of it; it counts only if [`finish`](Self::finish) says so.
    pub(crate) fn take(&mut self) -> T {
        std::mem::take(&mut self.shape)
    }

    /// Everything that is wrong with it, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problems> {
        if self.findings.is_empty() {
            return Ok(());
        }
        Err(Problems::new(self.findings, Some(&self.root)))
    }
}

/// What reading goes on with: the environment, and what was found wrong so far.
pub(crate) struct Reading<'a> {
    pub(crate) look_up: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) findings: Findings,
}

impl Reading<'_> {
    /// Notes that the value at `path` is wrong; `why` completes the sentence.
    pub(crate) fn note(&mut self, path: &Path, why: impl Into<String>) {
        self.findings.push(Finding::new(path.clone(), why));
    }

    /// The text of a value, expanded. What is wrong is noted.
    pub(crate) fn text(&mut self, node: &Node, path: &Path) -> Option<String> {
        let why = match &node.value {
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Text => match expand(&scalar.text, self.look_up) {
                    Ok(text) => return Some(text.into_owned()),
                    Err(wrong) => {
                        wrong.into_iter().for_each(|why| self.note(path, why));
                        return None;
                    }
                },
                Kind::Null => "has no value: give it one, or leave the line out".to_owned(),
                Kind::Bool(_) | Kind::Whole | Kind::Number => {
                    let text = shortened(&scalar.text);
                    format!(
                        "must be a text; if `{text}` is meant as one, put it in quotation marks"
                    )
                }
            },
            Value::List(_) => "must be a text, not a list".to_owned(),
            Value::Map(_) => "must be a text, not a mapping".to_owned(),
        };
        self.note(path, why);
        None
    }

    /// The entries of a mapping. What is wrong is noted.
    pub(crate) fn entries<'n>(
        &mut self,
        node: &'n Node,
        path: &Path,
    ) -> &'n [(super::tree::Key, Node)] {
        match &node.value {
            Value::Map(entries) if entries.len() <= MAX_ITEMS => return entries,
            Value::Map(_) => self.note(path, format!("may have at most {MAX_ITEMS} entries")),
            Value::Scalar(scalar) if scalar.kind() == Kind::Null => {
                self.note(path, "has no value: give it one, or leave the line out");
            }
            Value::Scalar(_) => {
                self.note(path, "must be a mapping (`name: value`), not a single value");
            }
            Value::List(_) => self.note(path, "must be a mapping (`name: value`), not a list"),
        }
        &[]
    }
}

/// Something a catalog may hold.
pub(crate) trait Read: Default {
    /// Reads it from `node`, which is the value at `path`.
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self;

    /// JSON Schema (2020-12) of what is read.
    fn schema() -> Json;
}

/// Something that is written as a text.
pub(crate) trait Word: Default {
    /// Whether it may be repeated in a message.
    const OPEN: bool = true;

    /// Reads it; an error completes the sentence that begins with the text.
    fn parse(text: &str) -> Result<Self, String>;

    /// A regular expression (ECMA 262) for what is read.
    fn pattern() -> Option<&'static str> {
        None
    }
}

impl<T: Word> Read for T {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let Some(text) = reading.text(node, path) else { return Self::default() };
        let parsed =
            if text.trim().is_empty() { Err("is empty".to_owned()) } else { Self::parse(&text) };
        parsed.unwrap_or_else(|why| {
            let written = match &node.value {
                // As it was written: what variables hold is not for messages.
                Value::Scalar(Scalar { text, .. }) if Self::OPEN => {
                    format!("`{}` ", shortened(text))
                }
                _ => String::new(),
            };
            reading.note(path, format!("{written}{why}"));
            Self::default()
        })
    }

    fn schema() -> Json {
        match Self::pattern() {
            Some(pattern) => {
                json!({ "type": "string", "pattern": format!("{pattern}|{EXPANDED}") })
            }
            None => json!({ "type": "string", "minLength": 1 }),
        }
    }
}

/// One of a few words.
pub(crate) trait Choice: Copy + Default + 'static {
    /// Each with its word and what it means.
    const WORDS: &[(Self, &str, &[&str])];
}

/// Reads one of a few words.
pub(crate) fn choose<T: Choice>(node: &Node, path: &Path, reading: &mut Reading<'_>) -> T {
    let Some(text) = reading.text(node, path) else { return T::default() };
    if let Some((it, ..)) = T::WORDS.iter().find(|(_, word, _)| *word == text) {
        return *it;
    }
    let words: Vec<_> = T::WORDS.iter().map(|(_, word, _)| *word).collect();
    let near = did_you_mean(&text, words.iter().copied());
    let written = match &node.value {
        Value::Scalar(scalar) => shortened(&scalar.text),
        _ => String::new(),
    };
    reading.note(path, format!("`{written}` is not one of {}{near}", words.join(", ")));
    T::default()
}

/// JSON Schema of one of a few words.
pub(crate) fn choice<T: Choice>() -> Json {
    let words: Vec<_> = T::WORDS.iter().map(|(_, word, _)| *word).collect();
    let about: Vec<_> =
        T::WORDS.iter().map(|(_, word, lines)| format!("`{word}`: {}", about(lines))).collect();
    json!({
        "description": about.join(" "),
        "anyOf": [{ "enum": words }, { "type": "string", "pattern": EXPANDED }],
    })
}

impl Read for bool {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value
            && let Kind::Bool(it) = scalar.kind()
        {
            return it;
        }
        reading.note(path, "must be true or false");
        Self::default()
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                reading.note(path, "is an empty list: put something in, or leave it out");
            }
            Value::List(items) if items.len() > MAX_ITEMS => {
                reading.note(path, format!("may have at most {MAX_ITEMS} items"));
            }
            Value::List(items) => {
                let item = |(at, item)| T::read(item, &path.item(at), reading);
                return items.iter().enumerate().map(item).collect();
            }
            Value::Scalar(scalar) if scalar.kind() == Kind::Null => {
                reading.note(path, "has no value: give it one, or leave the line out");
            }
            Value::Scalar(_) | Value::Map(_) => {
                reading.note(path, "must be a list, with `-` before each item");
            }
        }
        Self::new()
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema(), "minItems": 1, "maxItems": MAX_ITEMS })
    }
}

/// The fields of one object while they are read.
pub(crate) struct Fields<'r, 'e, 'n> {
    entries: &'n [(super::tree::Key, Node)],
    /// Whether it is an object at all; of others nothing is missed.
    usable: bool,
    path: &'r Path,
    reading: &'r mut Reading<'e>,
    known: Vec<&'static str>,
}

impl<'r, 'e, 'n> Fields<'r, 'e, 'n> {
    pub(crate) fn of(node: &'n Node, path: &'r Path, reading: &'r mut Reading<'e>) -> Self {
        let usable = matches!(&node.value, Value::Map(_));
        Self { entries: reading.entries(node, path), usable, path, reading, known: Vec::new() }
    }

    /// A field that may be missing.
    pub(crate) fn optional<T: Read>(&mut self, name: &'static str) -> Option<T> {
        let name = bare(name);
        self.known.push(name);
        let (_, node) = self.entries.iter().find(|(key, _)| key.text == name)?;
        Some(T::read(node, &self.path.field(name), self.reading))
    }

    /// A field that may not.
    pub(crate) fn required<T: Read>(&mut self, name: &'static str) -> T {
        self.optional(name).unwrap_or_else(|| {
            if self.usable {
                self.reading.note(&self.path.field(bare(name)), "is missing");
            }
            T::default()
        })
    }

    /// Notes that the value of a field is wrong; `why` completes the sentence.
    pub(crate) fn note(&mut self, name: &str, why: String) {
        self.reading.note(&self.path.field(name), why);
    }

    /// Notes every field that was not asked for.
    pub(crate) fn finish(self) {
        for (key, _) in self.entries {
            if self.known.contains(&key.text.as_str()) {
                continue;
            }
            let why = if key.text == "<<" {
                "is not known: YAML 1.2 has no merge keys; give the whole value an alias".to_owned()
            } else {
                let near = did_you_mean(&key.text, self.known.iter().copied());
                let known = self.known.join(", ");
                let near = if near.is_empty() { format!("; known are {known}") } else { near };
                format!("is not a known field{near}")
            };
            let path = self.path.field(&key.text);
            self.reading.findings.push(Finding::new(path, why).standing(key.position));
        }
    }
}

/// The name of a field that is also a word of Rust.
fn bare(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// A JSON Schema that says which dialect of it it is.
pub(crate) fn with_dialect(mut schema: Json) -> Json {
    if let Some(schema) = schema.as_object_mut() {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        schema.shift_insert(0, "$schema".to_owned(), dialect.into());
    }
    schema
}

/// What a documentation comment says.
pub(crate) fn about(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// The JSON Schema of an object while it is put together.
#[derive(Default)]
pub(crate) struct ObjectSchema {
    properties: Map<String, Json>,
    required: Vec<&'static str>,
}

impl ObjectSchema {
    pub(crate) fn add<T: Read>(&mut self, name: &'static str, lines: &[&str], required: bool) {
        let mut schema = T::schema();
        if let Some(schema) = schema.as_object_mut() {
            let own = schema.get("description").and_then(Json::as_str).unwrap_or_default();
            let whole = [&about(lines), own].join(" ").trim().to_owned();
            schema.insert("description".to_owned(), whole.into());
        }
        self.properties.insert(bare(name).to_owned(), schema);
        if required {
            self.required.push(bare(name));
        }
    }

    pub(crate) fn finish(self, lines: &[&str]) -> Json {
        let mut schema = Map::from_iter([
            ("type".to_owned(), "object".into()),
            ("description".to_owned(), about(lines).into()),
            ("properties".to_owned(), self.properties.into()),
            ("additionalProperties".to_owned(), false.into()),
        ]);
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        schema.into()
    }
}
