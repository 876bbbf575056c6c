//! SentencePiece's way: the letters of a whole text are joined, the pair with the best score first.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
};

use dormouse_core::Result;

use super::{Type, by_text, unsayable};
use crate::gguf::{Fact, Gguf, broken};

/// What stands for a space.
const SPACE: char = '▁';

/// The pieces that texts are made of.
#[derive(Debug)]
pub(super) struct Pieces {
    ids: HashMap<String, u32>,
    scores: Vec<f32>,
    /// The token of each byte.
    bytes: HashMap<u8, u32>,
    /// A space is put before a text.
    space_first: bool,
}

/// What a token says.
pub(super) fn said(token: &str, byte: bool) -> Vec<u8> {
    match byte_of(token).filter(|_| byte) {
        Some(byte) => vec![byte],
        None => token.replace(SPACE, " ").into_bytes(),
    }
}

/// The byte that a token such as `<0x0A>` stands for.
fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

impl Pieces {
    /// Reads the pieces of a file.
    pub(super) fn read(file: &Gguf<'_>, written: &[String], types: &[Type]) -> Result<Self> {
        let score = |fact: &Fact<'_>| match fact {
            #[expect(clippy::cast_possible_truncation, reason = "it was of 32 bits in the file")]
            Fact::Float(score) => *score as f32,
            _ => 0.0,
        };
        let scores: Vec<f32> = file.list("tokenizer.ggml.scores").iter().map(score).collect();
        if scores.len() != written.len() {
            return Err(broken("its tokens have no scores"));
        }
        let bytes = written.iter().zip(types).zip(0..);
        let bytes = bytes.filter(|((_, kind), _)| **kind == Type::Byte);
        let bytes = bytes.filter_map(|((token, _), id)| Some((byte_of(token)?, id))).collect();
        let ids = by_text(written).into_iter().map(|(text, id)| (text.to_owned(), id)).collect();
        let space_first = file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
        Ok(Self { ids, scores, bytes, space_first })
    }

    /// Adds the tokens of `text`; `fresh`: no text stands before it.
    pub(super) fn encode(&self, text: &str, fresh: bool, tokens: &mut Vec<u32>) -> Result<()> {
        let prefix = if fresh && self.space_first { " " } else { "" };
        let text = format!("{prefix}{text}").replace(' ', "▁");
        for piece in self.join(&text) {
            match self.ids.get(piece) {
                Some(token) => tokens.push(*token),
                None => {
                    for byte in piece.bytes() {
                        tokens.push(*self.bytes.get(&byte).ok_or_else(|| unsayable(byte))?);
                    }
                }
            }
        }
        Ok(())
    }

    fn join<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut ends: Vec<Option<usize>> = vec![None; text.len()];
        let mut starts: HashMap<usize, usize> = HashMap::new();
        for (at, letter) in text.char_indices() {
            if let Some(end) = ends.get_mut(at) {
                *end = Some(at + letter.len_utf8());
            }
            starts.insert(at + letter.len_utf8(), at);
        }
        let end_of = |ends: &[Option<usize>], at: usize| ends.get(at).copied().flatten();
        let pair = |ends: &[Option<usize>], left: usize| {
            let middle = end_of(ends, left)?;
            let end = end_of(ends, middle)?;
            let score = *self.scores.get(*self.ids.get(text.get(left..end)?)? as usize)?;
            Some(Pair { score, left, middle, end })
        };
        let mut waiting: BinaryHeap<Pair> =
            text.char_indices().filter_map(|(at, _)| pair(&ends, at)).collect();
        while let Some(Pair { left, middle, end, .. }) = waiting.pop() {
            // One of both may have become longer since.
            if end_of(&ends, left) != Some(middle) || end_of(&ends, middle) != Some(end) {
                continue;
            }
            for (at, value) in [(left, Some(end)), (middle, None)] {
                if let Some(place) = ends.get_mut(at) {
                    *place = value;
                }
            }
            starts.insert(end, left);
            waiting.extend(pair(&ends, left));
            waiting.extend(starts.get(&left).and_then(|before| pair(&ends, *before)));
        }
        let pieces = ends.iter().enumerate();
        pieces.filter_map(|(at, end)| text.get(at..(*end)?)).collect()
    }
}

/// Two neighbours that are a piece together.
#[derive(Debug)]
struct Pair {
    score: f32,
    left: usize,
    middle: usize,
    end: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}
