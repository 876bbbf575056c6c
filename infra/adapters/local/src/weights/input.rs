//! What weights are multiplied with.

use super::{
    BLOCK, Rounding, float16,
    level::{Kernel, Level, best},
};

/// Vectors of the same width, one behind the other: as floats, and as whole numbers once a matrix wants
/// them.
#[derive(Debug, Default)]
pub(crate) struct Input {
    width: usize,
    floats: Vec<f32>,
    rounded: Vec<f32>,
    quants: Quantised,
}

/// Vectors as whole numbers, rounded as llama.cpp does it: the largest of a block becomes 127.
#[derive(Debug, Default)]
pub(super) struct Quantised {
    pub(super) values: Vec<[i8; BLOCK]>,
    pub(super) scales: Vec<f32>,
    /// The sum of each block, times its scale.
    pub(super) sums: Vec<f32>,
}

impl Input {
    /// Vectors of `width`, to be written.
    pub(crate) fn write(&mut self, width: usize, count: usize) -> &mut [f32] {
        self.width = width;
        self.floats.resize(width * count, 0.0);
        self.quants.values.clear();
        &mut self.floats
    }

    /// How many vectors there are.
    pub(crate) fn count(&self) -> usize {
        self.floats.len() / self.width.max(1)
    }

    /// The vectors, rounded.
    pub(super) fn floats(&mut self, rounding: Rounding) -> &[f32] {
        let round = match rounding {
            Rounding::None => return &self.floats,
            Rounding::F16 => float16::to_f16,
            Rounding::Bf16 => float16::to_bf16,
        };
        self.rounded.clear();
        self.rounded.extend(self.floats.iter().map(|value| round(*value)));
        &self.rounded
    }

    /// The vectors as whole numbers.
    pub(super) fn quants(&mut self) -> &Quantised {
        if self.quants.values.is_empty() {
            let count = self.floats.len() / BLOCK;
            self.quants.values.resize(count, [0; BLOCK]);
            self.quants.scales.resize(count, 0.0);
            self.quants.sums.resize(count, 0.0);
            best(Quantise { floats: &self.floats, into: &mut self.quants });
        }
        &self.quants
    }
}

struct Quantise<'a> {
    floats: &'a [f32],
    into: &'a mut Quantised,
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let Quantised { values, scales, sums } = self.into;
        let (blocks, _) = self.floats.as_chunks::<BLOCK>();
        let out = values.iter_mut().zip(scales).zip(sums);
        for (block, ((values, scale), sum)) in blocks.iter().zip(out) {
            let largest = largest(block);
            let by = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            *scale = float16::to_f16(largest / 127.0);
            let mut total = 0;
            for (value, float) in values.iter_mut().zip(block) {
                *value = nearest(float * by);
                total += i32::from(*value);
            }
            *sum = *scale * total as f32;
        }
    }
}

#[inline(always)]
fn largest(block: &[f32; BLOCK]) -> f32 {
    let mut lanes = [0f32; 8];
    let (parts, _) = block.as_chunks::<8>();
    for part in parts {
        for (lane, value) in lanes.iter_mut().zip(part) {
            *lane = lane.max(value.abs());
        }
    }
    lanes.into_iter().fold(0.0, f32::max)
}

/// The nearest whole number, of two the even one: what is left in the last bits beside 1.5 * 2^23.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the last byte is what is wanted")]
fn nearest(value: f32) -> i8 {
    (value + 12_582_912.0).to_bits() as i8
}
