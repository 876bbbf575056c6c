//! Texts to tokens and back, as llama.cpp does it, so that a model reads what it was made to read.
//!
//! Source: `llama-vocab.cpp` of llama.cpp. Two kinds are known: byte-level byte-pair encoding
//! (`tokenizer.ggml.model` is `gpt2`) and SentencePiece's with a fall-back to bytes (`llama`).

mod bytes;
mod pairs;
mod pieces;
mod split;

use std::collections::{HashMap, HashSet};

use dormouse_core::{Code, Error, Result};
use pairs::Pairs;
use pieces::Pieces;

use crate::gguf::{Fact, Gguf, broken};

/// Tokens that end a turn whatever the file says of them, by their text.
const ENDS: [&str; 13] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "</s>",
];

/// The tokens of a model.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    /// What each token stands for in an answer: nothing, for those that only steer.
    said: Vec<Vec<u8>>,
    /// What each token is written as in a prompt.
    written: Vec<String>,
    /// Tokens that are found in texts as a whole, the longest first.
    special: Vec<(String, u32)>,
    ends: HashSet<u32>,
    /// The length of the longest as it is written, in bytes: at least 1.
    longest: usize,
    /// What every prompt begins with.
    begin: Option<u32>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Pairs(Pairs),
    Pieces(Pieces),
}

/// What a token is: `llama_token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl Tokenizer {
    /// Reads the tokens of a file.
    pub(crate) fn read(file: &Gguf<'_>) -> Result<Self> {
        let tokens = file.list("tokenizer.ggml.tokens");
        let written: Vec<String> =
            tokens.iter().map(text).collect::<Option<_>>().unwrap_or_default();
        if written.is_empty() || u32::try_from(written.len()).is_err() {
            return Err(broken("it has no tokens"));
        }
        let types = types(file, written.len());
        let kind = match file.text("tokenizer.ggml.model").unwrap_or("none") {
            "gpt2" => Kind::Pairs(Pairs::read(file, &written)?),
            "llama" => Kind::Pieces(Pieces::read(file, &written, &types)?),
            other => {
                let why =
                    format!("its tokenizer `{other}` is not supported: `gpt2` and `llama` are");
                return Err(broken(why));
            }
        };
        let said = |(token, of): (&String, &Type)| match (of, &kind) {
            (Type::Control | Type::Unknown | Type::Unused, _) => Vec::new(),
            (Type::UserDefined, _) => token.as_bytes().to_vec(),
            (_, Kind::Pieces(_)) => pieces::said(token, *of == Type::Byte),
            (_, Kind::Pairs(_)) => bytes::said(token),
        };
        let said = written.iter().zip(&types).map(said).collect();
        let usual = match &kind {
            Kind::Pairs(pairs) => pairs.begins(),
            Kind::Pieces(_) => true,
        };
        let begin = file.flag("tokenizer.ggml.add_bos_token").unwrap_or(usual);
        let begin = begin.then(|| id(file, "bos", written.len())).flatten();
        let special = special(&written, &types);
        let ends = ends(file, &written, &types);
        // The letters of byte-level tokens, and what stands for a space, are longer than what they stand for.
        let longest = written.iter().map(String::len).max().unwrap_or(0).max(1);
        Ok(Self { said, written, special, ends, longest, begin, kind })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.written.len()
    }

    /// How many bytes of a prompt no token stands for more of.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// The tokens of a prompt, in which special tokens are read as such.
    ///
    /// # Errors
    ///
    /// A text with a byte that the model has no token for.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens: Vec<u32> = self.begin.into_iter().collect();
        let mut after_special = true;
        for (at, part) in self.parts(text).into_iter().enumerate() {
            match part {
                // Templates may write it too.
                Part::Special(token) if at == 0 && self.begin == Some(token) => {}
                Part::Special(token) => tokens.push(token),
                Part::Text(text) => match &self.kind {
                    Kind::Pairs(pairs) => pairs.encode(text, &mut tokens)?,
                    Kind::Pieces(pieces) => pieces.encode(text, after_special, &mut tokens)?,
                },
            }
            after_special = matches!(part, Part::Special(_));
        }
        Ok(tokens)
    }

    /// What `token` says.
    pub(crate) fn said(&self, token: u32) -> &[u8] {
        self.said.get(token as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether `token` ends a turn.
    pub(crate) fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The tokens that end a turn.
    pub(crate) fn all_ends(&self) -> impl Iterator<Item = u32> {
        self.ends.iter().copied()
    }

    /// How the special token called `name` in the file, as `bos`, is written. Empty if there is none.
    pub(crate) fn written(&self, file: &Gguf<'_>, name: &str) -> String {
        let id = id(file, name, self.written.len());
        id.and_then(|id| self.written.get(id as usize)).cloned().unwrap_or_default()
    }

    /// `text`, cut where special tokens are written.
    fn parts<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        for (written, token) in &self.special {
            let cut = |part: Part<'a>| match part {
                Part::Text(text) if text.contains(written.as_str()) => split(text, written, *token),
                other => vec![other],
            };
            parts = parts.into_iter().flat_map(cut).collect();
        }
        parts
    }
}

/// A part of a prompt.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Text(&'a str),
    Special(u32),
}

fn split<'a>(text: &'a str, written: &str, token: u32) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (at, text) in text.split(written).enumerate() {
        if at > 0 {
            parts.push(Part::Special(token));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
    }
    parts
}

fn text(fact: &Fact<'_>) -> Option<String> {
    match fact {
        Fact::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn types(file: &Gguf<'_>, count: usize) -> Vec<Type> {
    let of = |fact: &Fact<'_>| match fact {
        Fact::Signed(2) | Fact::Unsigned(2) => Type::Unknown,
        Fact::Signed(3) | Fact::Unsigned(3) => Type::Control,
        Fact::Signed(4) | Fact::Unsigned(4) => Type::UserDefined,
        Fact::Signed(5) | Fact::Unsigned(5) => Type::Unused,
        Fact::Signed(6) | Fact::Unsigned(6) => Type::Byte,
        _ => Type::Normal,
    };
    let mut types: Vec<_> = file.list("tokenizer.ggml.token_type").iter().map(of).collect();
    types.resize(count, Type::Normal);
    types
}

/// The special token called `name` in the file.
fn id(file: &Gguf<'_>, name: &str, count: usize) -> Option<u32> {
    let id = file.count(&format!("tokenizer.ggml.{name}_token_id")).filter(|id| *id < count)?;
    u32::try_from(id).ok()
}

fn special(written: &[String], types: &[Type]) -> Vec<(String, u32)> {
    let special = |kind: Type| matches!(kind, Type::Control | Type::UserDefined | Type::Unknown);
    let all = written.iter().zip(types).zip(0..);
    let found = all.filter(|((token, kind), _)| special(**kind) && !token.is_empty());
    let mut found: Vec<_> = found.map(|((token, _), id)| (token.clone(), id)).collect();
    found.sort_by_key(|(token, _)| std::cmp::Reverse(token.len()));
    found
}

fn ends(file: &Gguf<'_>, written: &[String], types: &[Type]) -> HashSet<u32> {
    let stated = ["eos", "eot", "eom"].into_iter().filter_map(|name| id(file, name, written.len()));
    let known = written.iter().zip(types).zip(0..);
    let known = known.filter(|((token, kind), _)| {
        ENDS.contains(&token.as_str()) && matches!(kind, Type::Control | Type::UserDefined)
    });
    stated.chain(known.map(|(_, id)| id)).collect()
}

/// The ids of tokens, by how they are written.
fn by_text(written: &[String]) -> HashMap<&str, u32> {
    // Of two that are written alike, the later counts, as in llama.cpp.
    written.iter().map(String::as_str).zip(0..).collect()
}

/// There is no token for `byte`.
fn unsayable(byte: u8) -> Error {
    let message = format!("the model has no token for the byte 0x{byte:02x} of the prompt");
    Error::new(Code::InvalidRequest, message).at("messages")
}
