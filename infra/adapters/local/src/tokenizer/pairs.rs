//! Byte-pair encoding: the letters of a word are joined pair by pair, the pair that was learned first
//! first.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use dormouse_core::Result;

use super::{by_text, bytes, split::Split, text, unsayable};
use crate::gguf::{Gguf, broken};

/// What is known of pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    split: Split,
    /// The symbol of each byte.
    letters: Vec<Option<u32>>,
    /// Words that are tokens as they are, if that comes before joining.
    words: HashMap<Vec<u8>, u32>,
    /// When a pair was learned, and what it becomes.
    joins: HashMap<(u32, u32), (u32, u32)>,
    /// Symbols from here on are no tokens: the bytes of each.
    others: Vec<Vec<u8>>,
    tokens: u32,
}

impl Pairs {
    /// Reads the pairs of a file.
    pub(super) fn read(file: &Gguf<'_>, written: &[String]) -> Result<Self> {
        let split = Split::read(file.text("tokenizer.ggml.pre").unwrap_or("default"))?;
        let ids = by_text(written);
        let tokens = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let mut symbols = Symbols { ids, others: HashMap::new(), tokens };
        let letter = |byte| symbols.ids.get(bytes::letter(byte).encode_utf8(&mut [0; 4])).copied();
        let letters = (0..=u8::MAX).map(letter).collect();
        let mut joins = HashMap::new();
        for (rank, merge) in (0..).zip(file.list("tokenizer.ggml.merges")) {
            let merge = text(merge).ok_or_else(|| broken("its merges are no texts"))?;
            // The first letter is never the space between the two.
            let space = merge.char_indices().skip(1).find(|(_, letter)| *letter == ' ');
            let pair = space.and_then(|(at, _)| Some((merge.get(..at)?, merge.get(at + 1..)?)));
            let (left, right) = pair.ok_or_else(|| broken("one of its merges is no pair"))?;
            let joined = symbols.of(&format!("{left}{right}"));
            let pair = (symbols.of(left), symbols.of(right));
            joins.entry(pair).or_insert((rank, joined));
        }
        let words = if split.words_first() {
            symbols.ids.iter().map(|(word, id)| (bytes::said(word), *id)).collect()
        } else {
            HashMap::new()
        };
        let mut others: Vec<_> = symbols.others.into_iter().collect();
        others.sort_by_key(|(_, symbol)| *symbol);
        let others = others.into_iter().map(|(text, _)| bytes::said(&text)).collect();
        Ok(Self { split, letters, words, joins, others, tokens })
    }

    /// Whether prompts begin with a token of their own, if the file does not say.
    pub(super) fn begins(&self) -> bool {
        self.split.begins()
    }

    /// Adds the tokens of `text`.
    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<u32>) -> Result<()> {
        for word in self.split.words(text) {
            if let Some(token) = self.words.get(word.as_bytes()) {
                tokens.push(*token);
                continue;
            }
            for symbol in self.join(word.as_bytes())? {
                self.spell(symbol, tokens)?;
            }
        }
        Ok(())
    }

    /// The symbols of a word, joined as far as they can be.
    fn join(&self, word: &[u8]) -> Result<Vec<u32>> {
        let letter = |byte: &u8| {
            self.letters.get(usize::from(*byte)).copied().flatten().ok_or_else(|| unsayable(*byte))
        };
        let symbols: Vec<u32> = word.iter().map(letter).collect::<Result<_>>()?;
        let mut chain = Chain::new(symbols);
        let mut waiting = BinaryHeap::new();
        let learned = |chain: &Chain, left: usize| {
            let (first, right, second) = chain.pair(left)?;
            let (rank, joined) = *self.joins.get(&(first, second))?;
            Some(Reverse((rank, left, right, first, second, joined)))
        };
        waiting.extend((0..word.len()).filter_map(|left| learned(&chain, left)));
        while let Some(Reverse((_, left, right, first, second, joined))) = waiting.pop() {
            // One of both may have become another since.
            if chain.pair(left) != Some((first, right, second)) {
                continue;
            }
            chain.join(left, right, joined);
            waiting.extend(learned(&chain, left));
            waiting.extend(chain.before(left).and_then(|before| learned(&chain, before)));
        }
        Ok(chain.symbols())
    }

    /// Adds a symbol, or the letters of one that is no token.
    fn spell(&self, symbol: u32, tokens: &mut Vec<u32>) -> Result<()> {
        let Some(other) = symbol.checked_sub(self.tokens) else {
            tokens.push(symbol);
            return Ok(());
        };
        for byte in self.others.get(other as usize).into_iter().flatten() {
            let letter = self.letters.get(usize::from(*byte)).copied().flatten();
            tokens.push(letter.ok_or_else(|| unsayable(*byte))?);
        }
        Ok(())
    }
}

/// The numbers of texts: of tokens their ids, of others those behind.
struct Symbols<'a> {
    ids: HashMap<&'a str, u32>,
    others: HashMap<String, u32>,
    tokens: u32,
}

impl Symbols<'_> {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let next = u32::try_from(self.others.len()).unwrap_or(u32::MAX);
        let next = self.tokens.saturating_add(next);
        *self.others.entry(text.to_owned()).or_insert(next)
    }
}

/// Symbols in a row, from which some are taken out.
struct Chain {
    /// The symbol at each place, and its neighbours; `None`: it is joined with the one before.
    links: Vec<Option<Link>>,
}

#[derive(Clone, Copy)]
struct Link {
    symbol: u32,
    before: Option<usize>,
    after: Option<usize>,
}

impl Chain {
    fn new(symbols: Vec<u32>) -> Self {
        let count = symbols.len();
        let link = |(at, symbol): (usize, u32)| {
            let after = (at + 1 < count).then_some(at + 1);
            Some(Link { symbol, before: at.checked_sub(1), after })
        };
        Self { links: symbols.into_iter().enumerate().map(link).collect() }
    }

    fn link(&self, at: usize) -> Option<&Link> {
        self.links.get(at)?.as_ref()
    }

    /// The symbol at `left`, the place of the next one, and the symbol there.
    fn pair(&self, left: usize) -> Option<(u32, usize, u32)> {
        let link = self.link(left)?;
        let right = link.after?;
        Some((link.symbol, right, self.link(right)?.symbol))
    }

    fn before(&self, at: usize) -> Option<usize> {
        self.link(at)?.before
    }

    fn join(&mut self, left: usize, right: usize, joined: u32) {
        let after = self.links.get_mut(right).and_then(Option::take).and_then(|link| link.after);
        if let Some(Some(link)) = self.links.get_mut(left) {
            (link.symbol, link.after) = (joined, after);
        }
        if let Some(Some(link)) = after.and_then(|after| self.links.get_mut(after)) {
            link.before = Some(left);
        }
    }

    fn symbols(self) -> Vec<u32> {
        self.links.into_iter().flatten().map(|link| link.symbol).collect()
    }
}
