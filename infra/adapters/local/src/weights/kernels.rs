//! What a layer computes beside its products.

use super::{
    LANES,
    level::{Kernel, Level, best},
};

/// Writes `values`, brought to the same length whatever it was and weighted, over `out`: the root mean
/// square becomes 1.
pub(crate) fn normalise(values: &[f32], weights: &[f32], least: f32, out: &mut [f32]) {
    best(Normalise { values, weights, least, out });
}

/// Adds `more` to `values`.
pub(crate) fn add(values: &mut [f32], more: &[f32]) {
    values.iter_mut().zip(more).for_each(|(value, more)| *value += more);
}

/// Writes `gate / (1 + e^-gate) * up` over `gate`.
pub(crate) fn silu_gate(gate: &mut [f32], up: &[f32]) {
    best(SiluGate { gate, up });
}

/// Lets one token look at those before it and at itself.
pub(crate) fn attend(attention: Attention<'_>) {
    best(attention);
}

struct Normalise<'a> {
    values: &'a [f32],
    weights: &'a [f32],
    least: f32,
    out: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it is a float that was widened")]
    fn run<L: Level>(self, _level: L) {
        let mut lanes = [0f64; LANES];
        for part in self.values.chunks(LANES) {
            for (lane, value) in lanes.iter_mut().zip(part) {
                *lane += f64::from(value * value);
            }
        }
        let mean = (lanes.iter().sum::<f64>() / self.values.len() as f64) as f32;
        let scale = 1.0 / (mean + self.least).sqrt();
        for ((out, value), weight) in self.out.iter_mut().zip(self.values).zip(self.weights) {
            *out = value * scale * weight;
        }
    }
}

struct SiluGate<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl Kernel for SiluGate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, level: L) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            *gate = *gate / (1.0 + exp(level, -*gate)) * up;
        }
    }
}

/// One token's attention, with all heads of a layer.
#[derive(Debug)]
pub(crate) struct Attention<'a> {
    /// What each head looks for, one behind the other.
    pub(crate) query: &'a [f32],
    /// The keys and the values of each block: by head, then by token.
    pub(crate) blocks: &'a [(&'a [f32], &'a [f32])],
    /// How many tokens there are to look at.
    pub(crate) length: usize,
    /// How many of them are in a block.
    pub(crate) block: usize,
    /// How many numbers a head has.
    pub(crate) width: usize,
    /// How many heads look at the same keys.
    pub(crate) shared: usize,
    /// Room to work in.
    pub(crate) scores: &'a mut Vec<f32>,
    /// What each head found.
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, level: L) {
        let Self { query, blocks, length, block, width, shared, scores, out } = self;
        let scale = 1.0 / (width as f32).sqrt();
        let heads = query.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for (head, (query, out)) in heads.enumerate() {
            let place = (head / shared) * block * width..(head / shared + 1) * block * width;
            scores.clear();
            for (keys, _) in blocks {
                let keys = keys.get(place.clone()).unwrap_or_default();
                let keys = keys.get(..(length - scores.len()).min(block) * width);
                score(level, query, keys.unwrap_or_default(), scores);
            }
            for score in scores.iter_mut() {
                *score *= scale;
            }
            let total = soften(level, scores);
            out.fill(0.0);
            for ((_, values), scores) in blocks.iter().zip(scores.chunks(block)) {
                let values = values.get(place.clone()).unwrap_or_default().chunks_exact(width);
                for (values, score) in values.zip(scores) {
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = level.fuse(*score, *value, *out);
                    }
                }
            }
            for out in out {
                *out /= total;
            }
        }
    }
}

/// Makes shares of `scores`, which add up to what is returned.
#[inline(always)]
fn soften<L: Level>(level: L, scores: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    for part in scores.chunks(LANES) {
        for (most, score) in most.iter_mut().zip(part) {
            *most = most.max(*score);
        }
    }
    let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exp(level, *score - most);
    }
    let mut lanes = [0f32; LANES];
    for part in scores.chunks(LANES) {
        for (lane, score) in lanes.iter_mut().zip(part) {
            *lane += score;
        }
    }
    lanes.iter().sum()
}

/// Adds the product of `query` with each key: of four at once, as one sum waits for the one before it.
#[inline(always)]
fn score<L: Level>(level: L, query: &[f32], keys: &[f32], scores: &mut Vec<f32>) {
    let width = query.len();
    let fours = keys.chunks_exact(4 * width);
    let rest = fours.remainder();
    for keys in fours {
        let (a, b) = keys.split_at(2 * width);
        let ((a, b), (c, d)) = (a.split_at(width), b.split_at(width));
        scores.extend_from_slice(&dots(level, query, [a, b, c, d]));
    }
    for key in rest.chunks_exact(width) {
        scores.extend_from_slice(&dots(level, query, [key]));
    }
}

#[inline(always)]
fn dots<L: Level, const N: usize>(level: L, query: &[f32], keys: [&[f32]; N]) -> [f32; N] {
    let mut sums = [level.none(); N];
    let (lanes, rest) = query.as_chunks::<LANES>();
    let mut parts = [[].as_slice(); N];
    let mut dots = [0.0; N];
    for ((key, parts), dot) in keys.iter().zip(&mut parts).zip(&mut dots) {
        let (lanes, more) = key.as_chunks::<LANES>();
        *parts = lanes;
        for (a, b) in rest.iter().zip(more) {
            *dot += a * b;
        }
    }
    for (at, query) in lanes.iter().enumerate() {
        for (sum, key) in sums.iter_mut().zip(&parts) {
            let Some(key) = key.get(at) else { break };
            *sum = level.fuse_lanes(query, key, *sum);
        }
    }
    for (dot, sum) in dots.iter_mut().zip(sums) {
        *dot += level.total(sum);
    }
    dots
}

/// `e^x` to within some units in the last place, without a branch, so that several are computed at once.
/// Source of the coefficients: `expf` of the Cephes library.
#[inline(always)]
fn exp<L: Level>(level: L, x: f32) -> f32 {
    const ROUNDING: f32 = 12_582_912.0;
    const COEFFICIENTS: [f32; 5] =
        [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
    let power = shifted - ROUNDING;
    let rest = level.fuse(power, -0.693_359_4, x);
    let rest = level.fuse(power, 2.121_944_4e-4, rest);
    let mut sum = 1.987_569_1e-4;
    for coefficient in COEFFICIENTS {
        sum = level.fuse(sum, rest, coefficient);
    }
    let sum = level.fuse(sum, rest * rest, rest) + 1.0;
    // The power of two goes into the exponent: the last bits of `shifted` are its whole number.
    f32::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::{super::level::Plain, *};

    #[test]
    fn e_to_the_x_is_exact_to_seven_digits() {
        for step in -8_700..=8_800i16 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exp(Plain, x)) - exact).abs() / exact;
            assert!(off < 3e-7, "e^{x} is off by {off}");
        }
    }

    #[test]
    fn the_root_mean_square_becomes_one() {
        let mut out = [0.0; 3];
        normalise(&[3.0, -4.0, 5.0], &[1.0, 1.0, 2.0], 0.0, &mut out);
        let root = (50f32 / 3.0).sqrt();
        for (found, wanted) in out.into_iter().zip([3.0 / root, -4.0 / root, 10.0 / root]) {
            assert!((found - wanted).abs() < 1e-6, "{out:?}");
        }
    }
}
