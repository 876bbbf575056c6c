//! Cutting texts into words, before their letters are joined.
//!
//! Source: `llm_tokenizer_bpe` of llama.cpp, which has an expression for each `tokenizer.ggml.pre`. Theirs
//! look ahead to leave the last of several spaces to the word behind them; here that is done afterwards,
//! which keeps the expressions linear in time.

use dormouse_core::Result;
use regex::Regex;

use crate::gguf::broken;

/// GPT-2's.
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// Llama 3's: at most three digits in a word.
const LLAMA_3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// Qwen 2's: each digit is a word.
const QWEN_2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";

/// How texts are cut.
#[derive(Debug)]
pub(super) struct Split {
    expression: Regex,
    /// Each digit is cut out before anything else is.
    digits: bool,
    /// Line breaks at the end of spaces belong to them.
    breaks: bool,
    llama_3: bool,
}

impl Split {
    /// The way called `name`.
    pub(super) fn read(name: &str) -> Result<Self> {
        let (expression, digits, breaks) = match name {
            "gpt-2" | "phi-2" | "mpt" | "olmo" => (GPT_2, false, false),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => (GPT_2, true, false),
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "pixtral" => (LLAMA_3, false, true),
            "qwen2" | "deepseek-r1-qwen" | "stablelm2" => (QWEN_2, false, true),
            other => {
                let known = "`gpt-2`, `smollm`, `llama-bpe` and `qwen2` are";
                let why = format!("its way to cut texts, `{other}`, is not supported: {known}");
                return Err(broken(why));
            }
        };
        let llama_3 = expression == LLAMA_3;
        let expression = Regex::new(expression)
            .map_err(|error| broken("its way to cut texts cannot be compiled").caused_by(error))?;
        Ok(Self { expression, digits, breaks, llama_3 })
    }

    /// Whether a word that is a token is not joined from its letters.
    pub(super) fn words_first(&self) -> bool {
        self.llama_3
    }

    /// Whether prompts begin with a token of their own.
    pub(super) fn begins(&self) -> bool {
        self.llama_3
    }

    /// The words of `text`, which are all of it.
    pub(super) fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = Vec::new();
        if !self.digits {
            self.cut(text, &mut words);
            return words;
        }
        let mut rest = text;
        while let Some((at, digit)) = rest.char_indices().find(|(_, it)| it.is_numeric()) {
            let (before, behind) = rest.split_at(at);
            let (digit, behind) = behind.split_at(digit.len_utf8());
            self.cut(before, &mut words);
            words.push(digit);
            rest = behind;
        }
        self.cut(rest, &mut words);
        words
    }

    fn cut<'a>(&self, text: &'a str, words: &mut Vec<&'a str>) {
        let mut rest = text;
        while let Some(found) = self.expression.find(rest) {
            let (before, behind) = rest.split_at(found.start());
            if !before.is_empty() {
                words.push(before);
            }
            let (word, behind) = behind.split_at(self.length(found.as_str(), behind));
            words.push(word);
            rest = behind;
            if word.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            words.push(rest);
        }
    }

    /// How much of `word` it keeps of the text that it begins: spaces leave the last of them to what
    /// follows, unless they were cut off at a line break.
    fn length(&self, word: &str, text: &str) -> usize {
        let spaces = word.chars().all(char::is_whitespace);
        let breaks = self.breaks && word.ends_with(['\r', '\n']);
        let last = word.char_indices().next_back().map_or(0, |(at, _)| at);
        if !spaces || breaks || last == 0 || text.len() == word.len() { word.len() } else { last }
    }
}
