//! GGUF files: the facts that a file states, and its tensors, as views of its bytes.
//!
//! Source: ggml's `docs/gguf.md`. Whatever the bytes are, reading them ends in a file or in an error, and
//! asks for little memory: tensors are not copied, and what is named or listed is counted.

mod format;

use std::{borrow::Cow, collections::HashMap};

use dormouse_core::{Code, Error, Result};
pub(crate) use format::Format;

/// How deep lists may lie in lists.
const MAX_DEPTH: usize = 4;
/// Where tensors begin, if the file does not say: at a multiple of this.
const ALIGNMENT: u64 = 32;
/// The most dimensions of a tensor.
const MAX_DIMENSIONS: u32 = 4;
/// The most facts, and the most tensors: more than any model has.
const MAX_NAMED: u64 = 1 << 16;
/// The most items of all lists together: the largest vocabularies have some hundred thousand tokens, in three lists.
const MAX_ITEMS: u64 = 1 << 22;

/// A file.
#[derive(Debug)]
pub(crate) struct Gguf<'a> {
    facts: HashMap<Cow<'a, str>, Fact<'a>>,
    tensors: HashMap<Cow<'a, str>, Tensor<'a>>,
}

/// What a file states of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(Cow<'a, str>),
    List(Vec<Self>),
}

/// A matrix, or a vector as a matrix of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) bytes: &'a [u8],
}

/// Says what is wrong with a model's file.
pub(crate) fn broken(why: impl AsRef<str>) -> Error {
    Error::new(Code::UpstreamInvalid, format!("the model's file cannot be used: {}", why.as_ref()))
}

impl<'a> Gguf<'a> {
    /// Reads a file of version 2 or 3.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor { bytes, at: 0, items: 0 };
        if cursor.take(4)? != b"GGUF" {
            return Err(broken("it is no GGUF file"));
        }
        let version = cursor.u32()?;
        if !(2..=3).contains(&version) {
            return Err(broken(format!("it is GGUF of version {version}; 2 and 3 are known")));
        }
        let (tensors, facts) = (cursor.u64()?, cursor.u64()?);
        if tensors.max(facts) > MAX_NAMED {
            return Err(broken(format!("it has more than {MAX_NAMED} facts or tensors")));
        }
        let mut file = Self { facts: HashMap::new(), tensors: HashMap::new() };
        for _ in 0..facts {
            let name = cursor.text()?;
            let kind = cursor.u32()?;
            let fact = cursor.fact(kind, 0)?;
            file.facts.insert(name, fact);
        }
        let mut described = Vec::new();
        for _ in 0..tensors {
            described.push(Described::read(&mut cursor)?);
        }
        let alignment = match file.facts.get("general.alignment") {
            Some(Fact::Unsigned(bytes)) => *bytes,
            _ => ALIGNMENT,
        };
        let start = cursor.at.checked_next_multiple_of(size(alignment)?.max(1));
        let start = start.ok_or_else(|| broken("its tensors begin nowhere"))?;
        let mut left = bytes.len();
        for tensor in described {
            let (name, tensor) = tensor.in_file(bytes, start)?;
            // Tensors that lie on each other would take more memory than the file is long.
            let rest = left.checked_sub(tensor.bytes.len());
            left = rest.ok_or_else(|| broken("its tensors lie on each other"))?;
            file.tensors.insert(name, tensor);
        }
        Ok(file)
    }

    /// What it says of `name`.
    pub(crate) fn fact(&self, name: &str) -> Option<&Fact<'a>> {
        self.facts.get(name)
    }

    /// A text that it states.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.fact(name)? {
            Fact::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A count that it states.
    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        match self.fact(name)? {
            Fact::Unsigned(count) => usize::try_from(*count).ok(),
            Fact::Signed(count) => usize::try_from(*count).ok(),
            _ => None,
        }
    }

    /// A number that it states.
    #[expect(clippy::cast_possible_truncation, reason = "the files' floats are of 32 bits")]
    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        match self.fact(name)? {
            Fact::Float(number) => Some(*number as f32),
            _ => None,
        }
    }

    /// A flag that it states.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.fact(name)? {
            Fact::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A list that it states; none if it states nothing of that name.
    pub(crate) fn list(&self, name: &str) -> &[Fact<'a>] {
        match self.fact(name) {
            Some(Fact::List(list)) => list,
            _ => &[],
        }
    }

    /// How many numbers its tensors have.
    pub(crate) fn parameters(&self) -> u64 {
        self.tensors.values().map(|tensor| (tensor.rows * tensor.columns) as u64).sum()
    }

    /// The names of its tensors.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(AsRef::as_ref)
    }

    /// The tensor called `name`, if there is one.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor<'a>> {
        self.tensors.get(name)
    }
}

/// What is read so far.
#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many items the lists have.
    items: u64,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| broken("it is cut off"))?;
        self.at = self.at.saturating_add(length);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.first_chunk().copied().ok_or_else(|| broken("it is cut off"))
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<Cow<'a, str>> {
        let length = size(self.u64()?)?;
        self.take(length).map(String::from_utf8_lossy)
    }

    /// A fact of the given type: the numbers are those of `gguf_type`.
    fn fact(&mut self, kind: u32, depth: usize) -> Result<Fact<'a>> {
        Ok(match kind {
            0 => Fact::Unsigned(self.array::<1>().map(u8::from_le_bytes)?.into()),
            1 => Fact::Signed(self.array::<1>().map(i8::from_le_bytes)?.into()),
            2 => Fact::Unsigned(self.array().map(u16::from_le_bytes)?.into()),
            3 => Fact::Signed(self.array().map(i16::from_le_bytes)?.into()),
            4 => Fact::Unsigned(self.u32()?.into()),
            5 => Fact::Signed(self.array().map(i32::from_le_bytes)?.into()),
            6 => Fact::Float(self.array().map(f32::from_le_bytes)?.into()),
            7 => Fact::Flag(self.array::<1>()? != [0]),
            8 => Fact::Text(self.text()?),
            9 => self.items(depth)?,
            10 => Fact::Unsigned(self.u64()?),
            11 => Fact::Signed(self.array().map(i64::from_le_bytes)?),
            12 => Fact::Float(self.array().map(f64::from_le_bytes)?),
            _ => return Err(broken(format!("it states something of the unknown type {kind}"))),
        })
    }

    fn items(&mut self, depth: usize) -> Result<Fact<'a>> {
        if depth == MAX_DEPTH {
            return Err(broken("its lists lie too deep in each other"));
        }
        let (kind, length) = (self.u32()?, self.u64()?);
        self.items = self.items.saturating_add(length);
        if self.items > MAX_ITEMS {
            return Err(broken(format!("its lists have more than {MAX_ITEMS} items")));
        }
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.fact(kind, depth + 1)?);
        }
        Ok(Fact::List(items))
    }
}

/// A tensor as the head of the file describes it.
#[derive(Debug)]
struct Described<'a> {
    name: Cow<'a, str>,
    columns: u64,
    rows: u64,
    kind: u32,
    offset: u64,
}

impl<'a> Described<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self> {
        let name = cursor.text()?;
        let dimensions = cursor.u32()?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(broken(format!("`{name}` has {dimensions} dimensions")));
        }
        let columns = cursor.u64()?;
        let mut rows: u64 = 1;
        for _ in 1..dimensions {
            let more = rows.checked_mul(cursor.u64()?);
            rows = more.ok_or_else(|| broken(format!("`{name}` is too large")))?;
        }
        Ok(Self { name, columns, rows, kind: cursor.u32()?, offset: cursor.u64()? })
    }

    /// The tensor among the `bytes` of the file, whose tensors begin at `start`.
    fn in_file(self, bytes: &'a [u8], start: usize) -> Result<(Cow<'a, str>, Tensor<'a>)> {
        let name = self.name;
        let format = Format::of(self.kind).ok_or_else(|| {
            let kind = Format::name_of(self.kind);
            broken(format!("`{name}` is in the format {kind}, which is not supported"))
        })?;
        let (rows, columns) = (size(self.rows)?, size(self.columns)?);
        let place = || {
            let row = format.bytes_of(columns)?;
            let start = start.checked_add(usize::try_from(self.offset).ok()?)?;
            bytes.get(start..start.checked_add(row.checked_mul(rows)?)?)
        };
        let bytes =
            place().ok_or_else(|| broken(format!("`{name}` does not lie within the file")))?;
        Ok((name, Tensor { format, rows, columns, bytes }))
    }
}

fn size(number: u64) -> Result<usize> {
    usize::try_from(number).map_err(|_| broken("it states a size that no machine has"))
}
