//! Makes small models: the same bytes every time, in any format that is easy to write.
#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "what is written here is known"
)]

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
    pub(crate) pre: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) template: &'static str,
    /// A tensor that no Llama model has.
    pub(crate) more: Option<&'static str>,
}

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    F32,
    F16,
    Q8_0,
}

/// ChatML.
pub(crate) const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// The token that ends a turn.
pub(crate) const END: u32 = 2;

const SPECIAL: [&str; 4] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<note>"];
const WORDS: [&str; 6] = ["Ġthe", "Ġof", "ing", "er", "ĠĠ", "Ġmouse"];

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
            pre: "smollm",
            architecture: "llama",
            template: TEMPLATE,
            more: None,
        }
    }
}

impl Maker {
    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (tokens, merges) = vocabulary();
        let mut file = File::default();
        self.state(&mut file, &tokens, &merges);
        self.fill(&mut file, tokens.len());
        file.bytes()
    }

    fn state(&self, file: &mut File, tokens: &[String], merges: &[String]) {
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
        file.text("tokenizer.ggml.model", "gpt2");
        file.text("tokenizer.ggml.pre", self.pre);
        file.texts("tokenizer.ggml.tokens", tokens);
        let kind = |at: usize| [3, 3, 3, 4].get(at).copied().unwrap_or(1);
        file.counts("tokenizer.ggml.token_type", &(0..tokens.len()).map(kind).collect::<Vec<_>>());
        file.texts("tokenizer.ggml.merges", merges);
        file.count("tokenizer.ggml.bos_token_id", 1);
        file.count("tokenizer.ggml.eos_token_id", END);
        file.flag("tokenizer.ggml.add_bos_token", false);
        file.text("tokenizer.chat_template", self.template);
    }

    fn fill(&self, file: &mut File, tokens: usize) {
        let mut random = Random(7);
        let tokens = u32::try_from(tokens).unwrap();
        let (width, feed, kv) = (self.width, self.feed, self.width / self.heads * self.kv_heads);
        let mut matrix = |file: &mut File, name: &str, columns: u32, rows: u32, scale: f32| {
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

/// The tokens, and the pairs that spell the words among them.
fn vocabulary() -> (Vec<String>, Vec<String>) {
    let mut tokens: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
    let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 256..;
    for byte in 0..256u32 {
        let code = if printable(&byte) { byte } else { others.next().unwrap() };
        tokens.push(char::from_u32(code).unwrap().to_string());
    }
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
    (tokens, merges)
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

/// A GGUF file that is being written.
#[derive(Default)]
struct File {
    facts: u64,
    stated: Vec<u8>,
    tensors: u64,
    described: Vec<u8>,
    data: Vec<u8>,
}

impl File {
    fn fact(&mut self, name: &str, kind: u32, value: &[u8]) {
        self.facts += 1;
        put_text(&mut self.stated, name);
        self.stated.extend(kind.to_le_bytes());
        self.stated.extend(value);
    }

    fn text(&mut self, name: &str, text: &str) {
        let mut value = Vec::new();
        put_text(&mut value, text);
        self.fact(name, 8, &value);
    }

    fn count(&mut self, name: &str, count: u32) {
        self.fact(name, 4, &count.to_le_bytes());
    }

    fn float(&mut self, name: &str, float: f32) {
        self.fact(name, 6, &float.to_le_bytes());
    }

    fn flag(&mut self, name: &str, flag: bool) {
        self.fact(name, 7, &[u8::from(flag)]);
    }

    fn list(&mut self, name: &str, kind: u32, length: usize, items: &[u8]) {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend((length as u64).to_le_bytes());
        value.extend(items);
        self.fact(name, 9, &value);
    }

    fn texts(&mut self, name: &str, texts: &[String]) {
        let mut items = Vec::new();
        texts.iter().for_each(|text| put_text(&mut items, text));
        self.list(name, 8, texts.len(), &items);
    }

    fn counts(&mut self, name: &str, counts: &[i32]) {
        let items: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        self.list(name, 5, counts.len(), &items);
    }

    fn tensor(&mut self, name: &str, dimensions: &[u32], format: Format, values: &[f32]) {
        self.tensors += 1;
        put_text(&mut self.described, name);
        self.described.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
        for dimension in dimensions {
            self.described.extend(u64::from(*dimension).to_le_bytes());
        }
        self.described.extend(format.number().to_le_bytes());
        self.described.extend((self.data.len() as u64).to_le_bytes());
        format.write(values, &mut self.data);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(self.tensors.to_le_bytes());
        bytes.extend(self.facts.to_le_bytes());
        bytes.extend(self.stated);
        bytes.extend(self.described);
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(self.data);
        bytes
    }
}

impl Format {
    fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 8,
        }
    }

    fn write(self, values: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F32 => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::F16 => out.extend(values.iter().flat_map(|value| f16(*value).to_le_bytes())),
            Self::Q8_0 => values.chunks(32).for_each(|block| {
                let most = block.iter().fold(0f32, |most, value| most.max(value.abs()));
                out.extend(f16(most / 127.0).to_le_bytes());
                let quant = |value: &f32| (value / most * 127.0).round() as i8;
                out.extend(block.iter().map(|value| quant(value).cast_unsigned()));
            }),
        }
    }
}

/// The bits of a float of 16 bits, cut off rather than rounded. Nothing here is too large or small for it.
fn f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 23) & 0xFF).unwrap() - 112;
    let magnitude =
        if exponent <= 0 { 0 } else { (exponent.cast_unsigned() << 10) | ((bits >> 13) & 0x3FF) };
    u16::try_from(((bits >> 16) & 0x8000) | magnitude).unwrap()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
