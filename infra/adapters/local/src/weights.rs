//! Weights as they lie in memory, and what they are multiplied with.
//!
//! However a file writes its numbers, they become one of two things: floats, or whole numbers of 8 bits in
//! blocks of 32 with a scale. The rows lie in tiles of four, so that one pass over the input serves four of
//! them.

mod blocks;
mod float16;
mod input;
mod kernels;
mod level;
mod product;

pub(crate) use input::Input;
pub(crate) use kernels::{Attention, add, attend, normalise, silu_gate};

use dormouse_core::Result;

use crate::gguf::{Format, Tensor, broken};

/// How many numbers share a scale.
pub(crate) const BLOCK: usize = 32;
/// How many rows lie beside each other.
const TILE: usize = 4;
/// How many floats are multiplied at once: vectors are as many, or a multiple.
pub(crate) const LANES: usize = 8;

/// A matrix of weights.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    Floats(Floats),
    Quants(Quants),
}

/// Floats, by tiles of rows, then by lanes of columns; the last of both are filled up with zeros.
#[derive(Debug)]
struct Floats {
    values: Vec<[[f32; LANES]; TILE]>,
    /// What llama.cpp rounds the input to before it multiplies.
    rounding: Rounding,
}

/// What becomes of a float before it is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    None,
    F16,
    Bf16,
}

/// Whole numbers, by tiles of rows, then by blocks of columns: a weight is `value * scale + offset`.
#[derive(Debug)]
struct Quants {
    values: Vec<[[i8; BLOCK]; TILE]>,
    /// One for each half of a block: most formats have the same for both.
    scales: Vec<[[f32; 2]; TILE]>,
    /// Whether they are not.
    halves: bool,
    /// Empty where the format has none.
    offsets: Vec<[f32; TILE]>,
}

impl Matrix {
    /// Reads a tensor that must have `rows` and `columns`.
    pub(crate) fn read(tensor: &Tensor<'_>, rows: usize, columns: usize) -> Result<Self> {
        if (tensor.rows, tensor.columns) != (rows, columns) {
            let (found_rows, found) = (tensor.rows, tensor.columns);
            let why = format!("a tensor is {found_rows}×{found} where {rows}×{columns} was stated");
            return Err(broken(why));
        }
        let weights = match tensor.format {
            Format::F32 | Format::F16 | Format::Bf16 => Weights::Floats(blocks::floats(tensor)),
            _ => Weights::Quants(blocks::quants(tensor)),
        };
        Ok(Self { rows, columns, weights })
    }

    /// Writes a row, as floats, over `out`.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let (tile, lane) = (row / TILE, row % TILE);
        match &self.weights {
            Weights::Floats(floats) => {
                let steps = self.columns.div_ceil(LANES);
                let tiles = floats.values.chunks_exact(steps).nth(tile).unwrap_or_default();
                let values = tiles.iter().filter_map(|it| it.get(lane)).flatten();
                out.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
            }
            Weights::Quants(quants) => quants.row(tile, lane, self.columns / BLOCK, out),
        }
    }

    /// Writes the product with each vector of `input` over `out`, one behind the other.
    pub(crate) fn multiply(&self, input: &mut Input, out: &mut [f32]) {
        product::multiply(self, input, out);
    }
}

impl Quants {
    fn row(&self, tile: usize, lane: usize, blocks: usize, out: &mut [f32]) {
        let values = self.values.chunks_exact(blocks).nth(tile).unwrap_or_default();
        let scales = self.scales.chunks_exact(blocks).nth(tile).unwrap_or_default();
        let offsets = self.offsets.chunks_exact(blocks).nth(tile).unwrap_or_default();
        let mut offsets = offsets.iter().filter_map(|it| it.get(lane));
        let (out, _) = out.as_chunks_mut::<BLOCK>();
        for ((out, values), scales) in out.iter_mut().zip(values).zip(scales) {
            let offset = offsets.next().copied().unwrap_or_default();
            let Some((values, scales)) = values.get(lane).zip(scales.get(lane)) else { continue };
            let halves = out.chunks_mut(BLOCK / 2).zip(values.chunks(BLOCK / 2));
            for ((out, values), scale) in halves.zip(scales) {
                for (out, value) in out.iter_mut().zip(values) {
                    *out = f32::from(*value) * scale + offset;
                }
            }
        }
    }
}
