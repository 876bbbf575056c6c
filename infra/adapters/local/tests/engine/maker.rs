//! Makes small models: the same bytes every time, in any format that is easy to write.
#![expect(clippy::indexing_slicing, reason = "what is written here is known")]

use dormouse_testkit::gguf::{Format, GgufFile, letters_of_bytes};

/// A model to make. Its weights are random, but always the same.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) format: Format,
    pub(crate) layers: u32,
    pub(crate) width: u32,
    pub(crate) heads: u32,
    pub(crate) kv_heads: u32,
    pub(crate) feed: u32,
    pub(crate) context: u32,
    /// An output matrix of its own, or the embedding again.
    pub(crate) output: bool,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) architecture: &'static str,
    pub(crate) template: &'static str,
    /// A tensor that no Llama model has.
    pub(crate) more: Option<&'static str>,
}

/// ChatML.
pub(crate) const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// The token that ends a turn.
pub(crate) const END: u32 = 2;

/// How texts become tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// Byte-pair encoding of texts that are cut in the way of this name.
    Pairs(&'static str),
    /// `SentencePiece`'s.
    Pieces,
}

/// What a vocabulary begins with, and its `llama_token_type`.
type Special = [(&'static str, i32)];
const OF_PAIRS: &Special =
    &[("<|endoftext|>", 3), ("<|im_start|>", 3), ("<|im_end|>", 3), ("<note>", 4)];
const OF_PIECES: &Special =
    &[("<unk>", 2), ("<s>", 3), ("<|im_end|>", 3), ("<note>", 4), ("<|im_start|>", 3)];
const WORDS: [&str; 6] = ["Ġthe", "Ġof", "ing", "er", "ĠĠ", "Ġmouse"];
/// Every beginning of these is a piece of its own, but the letters that stand in none are bytes.
const PIECES: [&str; 13] =
    ["▁the", "▁of", "ing", "er", "▁▁", "▁mouse", "▁other", "mo", "user", "ot", "he", "ß", "▁1234"];

impl Default for Maker {
    fn default() -> Self {
        Self {
            format: Format::F32,
            layers: 2,
            width: 64,
            heads: 4,
            kv_heads: 2,
            feed: 96,
            context: 256,
            output: true,
            vocabulary: Vocabulary::Pairs("smollm"),
            architecture: "llama",
            template: TEMPLATE,
            more: None,
        }
    }
}

impl Maker {
    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = GgufFile::default();
        self.state(&mut file);
        let tokens = match self.vocabulary {
            Vocabulary::Pairs(pre) => state_pairs(&mut file, pre),
            Vocabulary::Pieces => state_pieces(&mut file),
        };
        self.fill(&mut file, tokens);
        file.bytes()
    }

    fn state(&self, file: &mut GgufFile) {
        file.text("general.architecture", self.architecture);
        file.text("general.name", "small");
        file.count("llama.context_length", self.context);
        file.count("llama.embedding_length", self.width);
        file.count("llama.block_count", self.layers);
        file.count("llama.feed_forward_length", self.feed);
        file.count("llama.attention.head_count", self.heads);
        file.count("llama.attention.head_count_kv", self.kv_heads);
        file.count("llama.rope.dimension_count", self.width / self.heads);
        file.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
        file.count("tokenizer.ggml.bos_token_id", 1);
        file.count("tokenizer.ggml.eos_token_id", END);
        file.text("tokenizer.chat_template", self.template);
    }

    fn fill(&self, file: &mut GgufFile, tokens: u32) {
        let mut random = Random(7);
        let (width, feed, kv) = (self.width, self.feed, self.width / self.heads * self.kv_heads);
        let mut matrix = |file: &mut GgufFile, name: &str, columns: u32, rows: u32, scale: f32| {
            let count = (rows * columns) as usize;
            let values: Vec<f32> = (0..count).map(|_| random.next() * scale).collect();
            file.tensor(name, &[columns, rows], self.format, &values);
        };
        let usual = |columns: u32| (columns as f32).sqrt().recip();
        matrix(file, "token_embd.weight", width, tokens, 1.0);
        file.tensor("output_norm.weight", &[width], Format::F32, &vec![1.0; width as usize]);
        if self.output {
            matrix(file, "output.weight", width, tokens, 0.5);
        }
        for layer in 0..self.layers {
            for (name, columns, rows, scale) in [
                ("attn_q", width, width, 2.0),
                ("attn_k", width, kv, 2.0),
                ("attn_v", width, kv, 1.0),
                ("attn_output", width, width, 1.0),
                ("ffn_gate", width, feed, 1.0),
                ("ffn_up", width, feed, 1.0),
                ("ffn_down", feed, width, 1.0),
            ] {
                let name = format!("blk.{layer}.{name}.weight");
                matrix(file, &name, columns, rows, scale * usual(columns));
            }
            for name in ["attn_norm", "ffn_norm"] {
                let name = format!("blk.{layer}.{name}.weight");
                file.tensor(&name, &[width], Format::F32, &vec![1.0; width as usize]);
            }
        }
        if let Some(name) = self.more {
            matrix(file, name, width, 1, 1.0);
        }
    }
}

/// Bytes, and the pairs that spell the words. Returns how many tokens there are.
fn state_pairs(file: &mut GgufFile, pre: &str) -> u32 {
    let special = OF_PAIRS.iter().map(|(token, _)| (*token).to_owned());
    let mut tokens: Vec<String> = special.chain(letters_of_bytes()).collect();
    let mut merges = Vec::new();
    for word in WORDS {
        let letters: Vec<char> = word.chars().collect();
        for end in 2..=letters.len() {
            let (joined, before): (String, String) =
                (letters[..end].iter().collect(), letters[..end - 1].iter().collect());
            if !tokens.contains(&joined) {
                merges.push(format!("{before} {}", letters[end - 1]));
                tokens.push(joined);
            }
        }
    }
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", pre);
    file.texts("tokenizer.ggml.tokens", &tokens);
    let kind = |at: usize| OF_PAIRS.get(at).map_or(1, |(_, kind)| *kind);
    file.counts("tokenizer.ggml.token_type", &(0..tokens.len()).map(kind).collect::<Vec<_>>());
    file.texts("tokenizer.ggml.merges", &merges);
    file.flag("tokenizer.ggml.add_bos_token", false);
    u32::try_from(tokens.len()).unwrap()
}

/// Bytes, and pieces of which two each have the same score. Returns how many tokens there are.
fn state_pieces(file: &mut GgufFile) -> u32 {
    let special = OF_PIECES.iter().map(|(token, kind)| ((*token).to_owned(), *kind));
    let mut tokens: Vec<(String, i32)> = special.collect();
    tokens.extend((0..256).map(|byte| (format!("<0x{byte:02X}>"), 6)));
    let first = tokens.len();
    for word in PIECES {
        let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8());
        for end in ends {
            let piece = (word[..end].to_owned(), 1);
            if !tokens.contains(&piece) {
                tokens.push(piece);
            }
        }
    }
    let score = |at: usize| if at < first { 0.0 } else { -(((at - first) / 2) as f32) };
    let scores: Vec<f32> = (0..tokens.len()).map(score).collect();
    let (texts, kinds): (Vec<String>, Vec<i32>) = tokens.into_iter().unzip();
    file.text("tokenizer.ggml.model", "llama");
    file.texts("tokenizer.ggml.tokens", &texts);
    file.floats("tokenizer.ggml.scores", &scores);
    file.counts("tokenizer.ggml.token_type", &kinds);
    file.count("tokenizer.ggml.unknown_token_id", 0);
    u32::try_from(texts.len()).unwrap()
}

/// Numbers that look like chance, nearly normal.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        let mut uniform = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / 16_777_216.0
        };
        (0..4).map(|_| uniform()).sum::<f32>() * 1.732 - 3.464
    }
}
