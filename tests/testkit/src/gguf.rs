//! Writes GGUF files: models that are small enough to be made by a test. Source of the format: ggml's
//! `docs/gguf.md`.
#![expect(clippy::cast_possible_truncation, reason = "what tests write is small")]

/// Where tensors begin: at a multiple of this.
const ALIGNMENT: usize = 32;
/// How many numbers share a scale in [`Format::Q8_0`].
const BLOCK: usize = 32;

/// A file that is being written.
#[derive(Clone, Debug, Default)]
pub struct GgufFile {
    facts: u64,
    stated: Vec<u8>,
    tensors: u64,
    described: Vec<u8>,
    data: Vec<u8>,
}

/// How the numbers of a tensor are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Floats of 32 bits.
    F32,
    /// Floats of 16 bits.
    F16,
    /// The first half of floats of 32 bits.
    Bf16,
    /// Whole numbers of 8 bits, 32 with a scale.
    Q8_0,
}

impl GgufFile {
    /// States a text.
    pub fn text(&mut self, name: &str, text: &str) {
        let mut value = Vec::new();
        put_text(&mut value, text);
        self.fact(name, 8, &value);
    }

    /// States a count.
    pub fn count(&mut self, name: &str, count: u32) {
        self.fact(name, 4, &count.to_le_bytes());
    }

    /// States a number.
    pub fn float(&mut self, name: &str, float: f32) {
        self.fact(name, 6, &float.to_le_bytes());
    }

    /// States a flag.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.fact(name, 7, &[u8::from(flag)]);
    }

    /// States a list of texts.
    pub fn texts(&mut self, name: &str, texts: &[String]) {
        let mut items = Vec::new();
        texts.iter().for_each(|text| put_text(&mut items, text));
        self.list(name, 8, texts.len(), &items);
    }

    /// States a list of whole numbers.
    pub fn counts(&mut self, name: &str, counts: &[i32]) {
        let items: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        self.list(name, 5, counts.len(), &items);
    }

    /// States a list of numbers.
    pub fn floats(&mut self, name: &str, floats: &[f32]) {
        let items: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        self.list(name, 6, floats.len(), &items);
    }

    /// Adds a tensor: its columns come first in `dimensions`, and its `values` row by row.
    pub fn tensor(&mut self, name: &str, dimensions: &[u32], format: Format, values: &[f32]) {
        self.tensors += 1;
        put_text(&mut self.described, name);
        self.described.extend((dimensions.len() as u32).to_le_bytes());
        for dimension in dimensions {
            self.described.extend(u64::from(*dimension).to_le_bytes());
        }
        self.described.extend(format.number().to_le_bytes());
        self.described.extend((self.data.len() as u64).to_le_bytes());
        format.write(values, &mut self.data);
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// The bytes of the file.
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(self.tensors.to_le_bytes());
        bytes.extend(self.facts.to_le_bytes());
        bytes.extend(self.stated);
        bytes.extend(self.described);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend(self.data);
        bytes
    }

    fn fact(&mut self, name: &str, kind: u32, value: &[u8]) {
        self.facts += 1;
        put_text(&mut self.stated, name);
        self.stated.extend(kind.to_le_bytes());
        self.stated.extend(value);
    }

    fn list(&mut self, name: &str, kind: u32, length: usize, items: &[u8]) {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend((length as u64).to_le_bytes());
        value.extend(items);
        self.fact(name, 9, &value);
    }
}

impl Format {
    /// Its `ggml_type`.
    fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 8,
            Self::Bf16 => 30,
        }
    }

    fn write(self, values: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F32 => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::F16 => out.extend(values.iter().flat_map(|value| f16(*value).to_le_bytes())),
            Self::Bf16 => {
                let half = |value: &f32| ((value.to_bits() >> 16) as u16).to_le_bytes();
                out.extend(values.iter().flat_map(half));
            }
            Self::Q8_0 => values.chunks(BLOCK).for_each(|block| {
                let most = block.iter().fold(0f32, |most, value| most.max(value.abs()));
                out.extend(f16(most / 127.0).to_le_bytes());
                let quant = |value: &f32| (value / most * 127.0).round() as i8;
                out.extend(block.iter().map(|value| quant(value).cast_unsigned()));
            }),
        }
    }
}

/// The bits of a float of 16 bits, cut off rather than rounded. Too large ones are nothing that a test needs.
fn f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = ((bits >> 23) & 0xFF).saturating_sub(112);
    let magnitude = if exponent == 0 { 0 } else { (exponent << 10) | ((bits >> 13) & 0x3FF) };
    (((bits >> 16) & 0x8000) | magnitude) as u16
}

/// The letters that byte-level vocabularies have for each byte, in their order. Source: `bytes_to_unicode` of
/// GPT-2's `encoder.py`.
pub fn letters_of_bytes() -> Vec<String> {
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 256..;
    let letter = |byte| if printable(byte) { Some(byte) } else { others.next() };
    (0..256).filter_map(letter).filter_map(char::from_u32).map(String::from).collect()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
