//! Reading a tensor's blocks. Source: the structures and `dequantize_row_*` of ggml's `ggml-common.h` and
//! `ggml-quants.c`.

use super::{BLOCK, Floats, LANES, Quants, Rounding, TILE, float16};
use crate::gguf::{Format, Tensor};

/// Thirty-two weights: `value * scale + offset`.
#[derive(Clone, Copy, Debug)]
struct Block {
    values: [i8; BLOCK],
    scales: [f32; 2],
    offset: f32,
}

const NOTHING: Block = Block { values: [0; BLOCK], scales: [0.0; 2], offset: 0.0 };

/// A tensor of floats.
pub(super) fn floats(tensor: &Tensor<'_>) -> Floats {
    let rounding = match tensor.format {
        Format::F16 => Rounding::F16,
        Format::Bf16 => Rounding::Bf16,
        _ => Rounding::None,
    };
    let steps = tensor.columns.div_ceil(LANES);
    let mut values = vec![[[0.0; LANES]; TILE]; steps * tensor.rows.div_ceil(TILE)];
    let width = tensor.format.block_bytes();
    for (row, bytes) in tensor.bytes.chunks_exact(tensor.columns * width).enumerate() {
        let tile = values.chunks_exact_mut(steps).nth(row / TILE).unwrap_or_default();
        let places = tile.iter_mut().filter_map(|it| it.get_mut(row % TILE)).flatten();
        for (place, bytes) in places.zip(bytes.chunks_exact(width)) {
            *place = float(tensor.format, bytes);
        }
    }
    Floats { values, rounding }
}

fn float(format: Format, bytes: &[u8]) -> f32 {
    match (format, bytes) {
        (Format::F16, [a, b]) => float16::from_f16(u16::from_le_bytes([*a, *b])),
        (Format::Bf16, [a, b]) => f32::from_le_bytes([0, 0, *a, *b]),
        (_, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0.0,
    }
}

/// A tensor of blocks.
pub(super) fn quants(tensor: &Tensor<'_>) -> Quants {
    let blocks = tensor.columns / BLOCK;
    let count = blocks * tensor.rows.div_ceil(TILE);
    let offset = matches!(tensor.format, Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K);
    let mut quants = Quants {
        values: vec![[[0; BLOCK]; TILE]; count],
        scales: vec![[[0.0; 2]; TILE]; count],
        halves: tensor.format == Format::Q6K,
        offsets: if offset { vec![[0.0; TILE]; count] } else { Vec::new() },
    };
    let per_row = tensor.columns / tensor.format.block();
    let row_bytes = per_row * tensor.format.block_bytes();
    for (row, bytes) in tensor.bytes.chunks_exact(row_bytes).enumerate() {
        let first = (row / TILE) * blocks;
        let read = bytes.chunks_exact(tensor.format.block_bytes());
        let read = read.flat_map(|bytes| read_block(tensor.format, bytes));
        for (at, block) in (first..first + blocks).zip(read) {
            quants.set(at, row % TILE, &block);
        }
    }
    quants
}

impl Quants {
    fn set(&mut self, at: usize, lane: usize, block: &Block) {
        if let Some(values) = self.values.get_mut(at).and_then(|it| it.get_mut(lane)) {
            *values = block.values;
        }
        if let Some(scales) = self.scales.get_mut(at).and_then(|it| it.get_mut(lane)) {
            *scales = block.scales;
        }
        if let Some(offset) = self.offsets.get_mut(at).and_then(|it| it.get_mut(lane)) {
            *offset = block.offset;
        }
    }
}

fn read_block(format: Format, bytes: &[u8]) -> Vec<Block> {
    let mut fields = Fields(bytes);
    match format {
        Format::F32 | Format::F16 | Format::Bf16 => Vec::new(),
        Format::Q8_0 => vec![q8_0(&mut fields)],
        Format::Q4_0 => vec![q4(fields.f16(), 8, &mut fields)],
        Format::Q4_1 => {
            let (scale, offset) = (fields.f16(), fields.f16());
            vec![Block { offset, ..q4(scale, 0, &mut fields) }]
        }
        Format::Q5_0 => vec![q5(fields.f16(), 16, &mut fields)],
        Format::Q5_1 => {
            let (scale, offset) = (fields.f16(), fields.f16());
            vec![Block { offset, ..q5(scale, 0, &mut fields) }]
        }
        Format::Q4K => q4_k(&mut fields),
        Format::Q5K => q5_k(&mut fields),
        Format::Q6K => q6_k(&mut fields),
    }
}

/// What is left of a block's bytes. There are always enough: the length of a block is its format's.
#[derive(Debug)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *taken
    }

    fn f16(&mut self) -> f32 {
        float16::from_f16(u16::from_le_bytes(self.take()))
    }
}

fn q8_0(fields: &mut Fields<'_>) -> Block {
    let scale = fields.f16();
    let values = fields.take::<BLOCK>().map(u8::cast_signed);
    Block { values, scales: [scale; 2], ..NOTHING }
}

/// Low halves of the bytes first, then the high ones.
fn nibbles(packed: [u8; BLOCK / 2]) -> [u8; BLOCK] {
    let mut values = [0; BLOCK];
    let (low, high) = values.split_at_mut(BLOCK / 2);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(packed) {
        (*low, *high) = (byte & 0xF, byte >> 4);
    }
    values
}

fn q4(scale: f32, shift: i8, fields: &mut Fields<'_>) -> Block {
    let values = nibbles(fields.take()).map(|value| value.cast_signed() - shift);
    Block { values, scales: [scale; 2], ..NOTHING }
}

/// The fifth bits of all values stand before them.
fn q5(scale: f32, shift: i8, fields: &mut Fields<'_>) -> Block {
    let high = u32::from_le_bytes(fields.take());
    let mut values = nibbles(fields.take()).map(u8::cast_signed);
    for (at, value) in values.iter_mut().enumerate() {
        *value += if (high >> at) & 1 == 1 { 16 } else { 0 };
        *value -= shift;
    }
    Block { values, scales: [scale; 2], ..NOTHING }
}

/// The scales and offsets of the eight blocks of a super-block: 6 bits each, packed in 12 bytes.
fn packed_scales(packed: [u8; 12]) -> [(u8, u8); 8] {
    let [a, b, c] = *packed.as_chunks::<4>().0 else { return [(0, 0); 8] };
    let mut scales = [(0, 0); 8];
    let (first, second) = scales.split_at_mut(4);
    let sources = a.into_iter().zip(b).zip(c);
    for ((first, second), ((a, b), c)) in first.iter_mut().zip(second).zip(sources) {
        *first = (a & 63, b & 63);
        *second = ((c & 0xF) | ((a >> 6) << 4), (c >> 4) | ((b >> 6) << 4));
    }
    scales
}

fn q4_k(fields: &mut Fields<'_>) -> Vec<Block> {
    let (scale, least) = (fields.f16(), fields.f16());
    let scales = packed_scales(fields.take());
    let mut packed = [0; BLOCK];
    let block = |(at, (its, offset)): (usize, (u8, u8))| {
        if at.is_multiple_of(2) {
            packed = fields.take();
        }
        let values =
            packed.map(|it| (if at.is_multiple_of(2) { it & 0xF } else { it >> 4 }).cast_signed());
        let scales = [scale * f32::from(its); 2];
        Block { values, scales, offset: -least * f32::from(offset) }
    };
    scales.into_iter().enumerate().map(block).collect()
}

fn q5_k(fields: &mut Fields<'_>) -> Vec<Block> {
    let (scale, least) = (fields.f16(), fields.f16());
    let scales = packed_scales(fields.take());
    let high: [u8; BLOCK] = fields.take();
    let mut packed = [0; BLOCK];
    let block = |(at, (its, offset)): (usize, (u8, u8))| {
        if at.is_multiple_of(2) {
            packed = fields.take();
        }
        let mut values = packed.map(|it| if at.is_multiple_of(2) { it & 0xF } else { it >> 4 });
        for (value, high) in values.iter_mut().zip(high) {
            *value |= ((high >> at) & 1) << 4;
        }
        let scales = [scale * f32::from(its); 2];
        Block { values: values.map(u8::cast_signed), scales, offset: -least * f32::from(offset) }
    };
    scales.into_iter().enumerate().map(block).collect()
}

fn q6_k(fields: &mut Fields<'_>) -> Vec<Block> {
    let low: [u8; 128] = fields.take();
    let high: [u8; 64] = fields.take();
    let scales = fields.take::<16>().map(u8::cast_signed);
    let scale = fields.f16();
    let mut blocks = Vec::with_capacity(8);
    for (low, high) in low.chunks_exact(64).zip(high.chunks_exact(32)) {
        for quarter in 0..4 {
            let low = low.iter().skip((quarter % 2) * BLOCK);
            let mut values = [0; BLOCK];
            for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
                let low = if quarter < 2 { low & 0xF } else { low >> 4 };
                *value = (low | (((high >> (2 * quarter)) & 3) << 4)).cast_signed() - 32;
            }
            blocks.push(Block { values, ..NOTHING });
        }
    }
    for (block, halves) in blocks.iter_mut().zip(scales.chunks_exact(2)) {
        for (out, half) in block.scales.iter_mut().zip(halves) {
            *out = scale * f32::from(*half);
        }
    }
    blocks
}

#[cfg(test)]
pub(super) mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::weights::Matrix;

    /// What ggml's own Python package makes of random blocks: `tests/blocks.py` writes it.
    const STORED: &str = include_str!("../../tests/blocks.json");

    #[derive(Deserialize)]
    struct Line {
        format: u32,
        bytes: String,
        values: String,
    }

    /// Some blocks, and the numbers that they stand for.
    pub(in super::super) struct Stored {
        pub(in super::super) format: Format,
        bytes: Vec<u8>,
        pub(in super::super) values: Vec<f32>,
    }

    /// All that are stored.
    pub(in super::super) fn stored() -> Vec<Stored> {
        let bytes = |hex: &str| -> Vec<u8> {
            let (pairs, _) = hex.as_bytes().as_chunks::<2>();
            let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
            pairs.iter().map(|pair| byte(pair).unwrap()).collect()
        };
        let lines: Vec<Line> = serde_json::from_str(STORED).unwrap();
        let read = |line: &Line| {
            let values = bytes(&line.values);
            let values = values.as_chunks().0.iter().map(|it| f32::from_le_bytes(*it)).collect();
            let format = Format::of(line.format).unwrap();
            Stored { format, bytes: bytes(&line.bytes), values }
        };
        lines.iter().map(read).collect()
    }

    impl Stored {
        /// The blocks as a matrix of so many rows.
        pub(in super::super) fn matrix(&self, rows: usize) -> Matrix {
            let columns = self.values.len() / rows;
            let tensor = Tensor { format: self.format, rows, columns, bytes: &self.bytes };
            Matrix::read(&tensor, rows, columns).unwrap()
        }
    }

    #[test]
    fn blocks_stand_for_what_ggml_says() {
        let stored = stored();
        assert_eq!(stored.len(), 8, "every format that has blocks");
        for stored in stored {
            for rows in [1, 2] {
                let matrix = stored.matrix(rows);
                let mut values = vec![0.0; stored.values.len()];
                for (row, out) in values.chunks_mut(matrix.columns).enumerate() {
                    matrix.row(row, out);
                }
                assert_eq!(values, stored.values, "{:?} in {rows} rows", stored.format);
            }
        }
    }
}
