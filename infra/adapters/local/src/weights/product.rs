//! Matrix times vectors.

use rayon::{
    iter::{IndexedParallelIterator, ParallelIterator},
    slice::ParallelSliceMut,
};

use super::{
    BLOCK, Floats, Input, LANES, Matrix, Quants, TILE, Weights,
    input::Quantised,
    level::{Kernel, Level, best},
};

/// From how many multiplications on work is shared between threads: less is done before another thread
/// has woken.
const WORTH_SHARING: usize = 1 << 21;

/// Writes the products of `matrix` with each vector of `input` over `out`.
pub(super) fn multiply(matrix: &Matrix, input: &mut Input, out: &mut [f32]) {
    let count = input.count();
    let shape = Shape { rows: matrix.rows, columns: matrix.columns, count };
    match &matrix.weights {
        Weights::Floats(floats) => {
            let (input, _) = input.floats(floats.rounding).as_chunks::<LANES>();
            let steps = matrix.columns / LANES;
            shape.share(out, |part, out| {
                best(FloatTiles { part, steps, weights: floats, input, out });
            });
        }
        Weights::Quants(quants) => {
            let input = input.quants();
            shape.share(out, |part, out| {
                let blocks = matrix.columns / BLOCK;
                best(QuantTiles { part, blocks, weights: quants, input, out });
            });
        }
    }
}

/// What is to be multiplied.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: usize,
    columns: usize,
    count: usize,
}

/// A part of it: some vectors, or some rows of one.
#[derive(Clone, Copy, Debug)]
struct Part {
    first_tile: usize,
    rows: usize,
    first_vector: usize,
}

impl Shape {
    /// Does the work in parts, one for each thread that may help.
    fn share(self, out: &mut [f32], work: impl Fn(Part, &mut [f32]) + Sync) {
        let Self { rows, columns, count } = self;
        let threads = match rayon::current_thread_index() {
            Some(_) if rows * columns * count >= WORTH_SHARING => rayon::current_num_threads(),
            _ => 1,
        };
        if threads == 1 {
            return work(Part { first_tile: 0, rows, first_vector: 0 }, out);
        }
        if count == 1 {
            let tiles = rows.div_ceil(TILE).div_ceil(threads);
            let parts = out.par_chunks_mut(tiles * TILE).enumerate();
            return parts.for_each(|(at, out)| {
                work(Part { first_tile: at * tiles, rows: out.len(), first_vector: 0 }, out);
            });
        }
        let vectors = count.div_ceil(threads);
        let parts = out.par_chunks_mut(vectors * rows).enumerate();
        parts.for_each(|(at, out)| {
            work(Part { first_tile: 0, rows, first_vector: at * vectors }, out);
        });
    }
}

/// Some rows times some vectors, of whole numbers.
struct QuantTiles<'a> {
    part: Part,
    blocks: usize,
    weights: &'a Quants,
    input: &'a Quantised,
    out: &'a mut [f32],
}

/// A vector of whole numbers.
#[derive(Clone, Copy)]
struct QuantVector<'a> {
    values: &'a [[i8; BLOCK]],
    scales: &'a [f32],
    sums: &'a [f32],
}

/// Four rows of whole numbers. `HALVES`: half a block has a scale of its own.
#[derive(Clone, Copy)]
struct QuantTile<'a, const HALVES: bool> {
    values: &'a [[[i8; BLOCK]; TILE]],
    scales: &'a [[[f32; 2]; TILE]],
    offsets: &'a [[f32; TILE]],
}

impl Kernel for QuantTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, level: L) {
        let Self { part, blocks, weights, input, out } = self;
        let scales = input.scales.chunks_exact(blocks);
        let vectors = input.values.chunks_exact(blocks).zip(scales);
        let vectors = vectors.zip(input.sums.chunks_exact(blocks)).skip(part.first_vector);
        let vectors = vectors.map(|((values, scales), sums)| QuantVector { values, scales, sums });
        let mut offsets = weights.offsets.chunks_exact(blocks).skip(part.first_tile);
        let tiles = weights.values.chunks_exact(blocks).zip(weights.scales.chunks_exact(blocks));
        let tiles = tiles.skip(part.first_tile).take(part.rows.div_ceil(TILE));
        for (at, (values, scales)) in tiles.enumerate() {
            let offsets = offsets.next().unwrap_or_default();
            let outs = out.chunks_exact_mut(part.rows).filter_map(|out| out.get_mut(at * TILE..));
            let vectors = vectors.clone().zip(outs);
            if weights.halves {
                in_pairs(level, QuantTile::<true> { values, scales, offsets }, vectors);
            } else {
                in_pairs(level, QuantTile::<false> { values, scales, offsets }, vectors);
            }
        }
    }
}

impl<'a, const HALVES: bool> Tile for QuantTile<'a, HALVES> {
    type Vector = QuantVector<'a>;

    #[inline(always)]
    fn times<L: Level, const N: usize>(
        self,
        level: L,
        vectors: [QuantVector<'a>; N],
    ) -> [[f32; TILE]; N] {
        let mut sums = [[level.none(); TILE]; N];
        for (at, (weights, scales)) in self.values.iter().zip(self.scales).enumerate() {
            for (sums, vector) in sums.iter_mut().zip(&vectors) {
                let Some(input) = vector.values.get(at).zip(vector.scales.get(at)) else { break };
                let input = (input.0, *input.1);
                for ((sum, weights), scales) in sums.iter_mut().zip(weights).zip(scales) {
                    *sum = level.products::<HALVES>((weights, *scales), input, *sum);
                }
            }
        }
        let mut totals = totals(level, sums);
        for (totals, vector) in totals.iter_mut().zip(&vectors) {
            for (offsets, sum) in self.offsets.iter().zip(vector.sums) {
                for (total, offset) in totals.iter_mut().zip(offsets) {
                    *total += offset * sum;
                }
            }
        }
        totals
    }
}

/// Some rows times some vectors, of floats.
struct FloatTiles<'a> {
    part: Part,
    steps: usize,
    weights: &'a Floats,
    input: &'a [[f32; LANES]],
    out: &'a mut [f32],
}

impl Kernel for FloatTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, level: L) {
        let Self { part, steps, weights, input, out } = self;
        let tiles = weights.values.chunks_exact(steps).skip(part.first_tile);
        for (at, tile) in tiles.take(part.rows.div_ceil(TILE)).enumerate() {
            let vectors = input.chunks_exact(steps).skip(part.first_vector);
            let outs = out.chunks_exact_mut(part.rows).filter_map(|out| out.get_mut(at * TILE..));
            in_pairs(level, FloatTile(tile), vectors.zip(outs));
        }
    }
}

/// Four rows of floats.
#[derive(Clone, Copy)]
struct FloatTile<'a>(&'a [[[f32; LANES]; TILE]]);

impl<'a> Tile for FloatTile<'a> {
    type Vector = &'a [[f32; LANES]];

    #[inline(always)]
    fn times<L: Level, const N: usize>(
        self,
        level: L,
        vectors: [Self::Vector; N],
    ) -> [[f32; TILE]; N] {
        let mut sums = [[level.none(); TILE]; N];
        for (at, weights) in self.0.iter().enumerate() {
            for (sums, vector) in sums.iter_mut().zip(&vectors) {
                let Some(input) = vector.get(at) else { break };
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = level.fuse_lanes(weights, input, *sum);
                }
            }
        }
        totals(level, sums)
    }
}

/// Four rows of weights.
///
/// What computes is never in a closure: only what is inlined always is compiled for the level.
trait Tile: Copy {
    /// What they are multiplied with.
    type Vector: Copy;

    /// Their products with some vectors.
    fn times<L: Level, const N: usize>(
        self,
        level: L,
        vectors: [Self::Vector; N],
    ) -> [[f32; TILE]; N];
}

/// Takes vectors two by two, as two share what is read of the weights; an odd one comes alone.
#[inline(always)]
fn in_pairs<'a, L: Level, T: Tile>(
    level: L,
    tile: T,
    mut vectors: impl Iterator<Item = (T::Vector, &'a mut [f32])>,
) {
    while let Some((first, out)) = vectors.next() {
        if let Some((second, other)) = vectors.next() {
            let [first, second] = tile.times(level, [first, second]);
            store(out, first);
            store(other, second);
        } else {
            let [first] = tile.times(level, [first]);
            store(out, first);
        }
    }
}

#[inline(always)]
fn totals<L: Level, const N: usize>(level: L, sums: [[L::Sums; TILE]; N]) -> [[f32; TILE]; N] {
    let mut totals = [[0.0; TILE]; N];
    for (totals, sums) in totals.iter_mut().zip(&sums) {
        for (total, sums) in totals.iter_mut().zip(sums) {
            *total = level.total(*sums);
        }
    }
    totals
}

#[inline(always)]
fn store(out: &mut [f32], values: [f32; TILE]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = value;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::blocks::tests::{Stored, stored},
        *,
    };

    /// How many vectors a matrix is multiplied with: an odd one comes alone.
    const VECTORS: usize = 3;

    /// Whole numbers, of which the first in each block is 127: nothing is rounded when they are brought to 8
    /// bits.
    fn vectors(count: usize) -> Vec<f32> {
        let number = |at: usize| match at % BLOCK {
            0 => 127.0,
            _ => ((at * 37) % 255) as f32 - 127.0,
        };
        (0..count).map(number).collect()
    }

    fn compare(stored: &Stored, rows: usize) {
        let matrix = stored.matrix(rows);
        let vectors = vectors(VECTORS * matrix.columns);
        let mut input = Input::default();
        input.write(matrix.columns, VECTORS).copy_from_slice(&vectors);
        let mut out = vec![0.0; VECTORS * rows];

        matrix.multiply(&mut input, &mut out);

        let mut found = out.into_iter();
        for vector in vectors.chunks(matrix.columns) {
            for weights in stored.values.chunks(matrix.columns) {
                let products: Vec<f64> = weights
                    .iter()
                    .zip(vector)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .collect();
                let off = f64::from(found.next().unwrap()) - products.iter().sum::<f64>();
                let size: f64 = products.iter().map(|product| product.abs()).sum();
                assert!(off.abs() <= size * 1e-5, "{:?}: off by {off} of {size}", stored.format);
            }
        }
    }

    #[test]
    fn a_product_is_that_of_the_numbers_which_blocks_stand_for() {
        for stored in stored() {
            compare(&stored, 1);
            compare(&stored, 2);
        }
    }
}
