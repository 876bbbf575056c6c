//! What the processor can do, looked up while the program runs: AVX2 and FMA on x86-64, or what every
//! processor of the target has.

use super::{BLOCK, LANES};

/// A way to compute. All of it is inlined into [`best`], where the compiler may use the instructions.
pub(super) trait Level: Copy {
    /// Sums that are not added up yet.
    type Sums: Copy;

    /// No sums.
    fn none(self) -> Self::Sums;

    /// `a * b + c`.
    fn fuse(self, a: f32, b: f32, c: f32) -> f32;

    /// Adds the products of a block of weights and of input, each times its scale. `HALVES`: the halves of
    /// the block have scales of their own.
    fn products<const HALVES: bool>(
        self,
        weights: (&[i8; BLOCK], [f32; 2]),
        input: (&[i8; BLOCK], f32),
        sums: Self::Sums,
    ) -> Self::Sums;

    /// Adds the products of floats, lane by lane.
    fn fuse_lanes(self, a: &[f32; LANES], b: &[f32; LANES], sums: Self::Sums) -> Self::Sums;

    /// The sum of all.
    fn total(self, sums: Self::Sums) -> f32;
}

/// Something to compute.
pub(super) trait Kernel {
    /// What comes out, beside what is written.
    type Output;

    /// Computes it. Must be inlined always.
    fn run<L: Level>(self, level: L) -> Self::Output;
}

/// Computes in the best way that the processor has.
pub(super) fn best<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(level) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(level, x86::Inlined(kernel, level));
    }
    kernel.run(Plain)
}

/// What every processor of the target has; the compiler makes the best of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

impl Level for Plain {
    type Sums = [f32; LANES];

    #[inline(always)]
    fn none(self) -> Self::Sums {
        [0.0; LANES]
    }

    #[inline(always)]
    fn fuse(self, a: f32, b: f32, c: f32) -> f32 {
        // Fusing is a function call, and slow, where the processor does not do it.
        if cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn products<const HALVES: bool>(
        self,
        (weights, scales): (&[i8; BLOCK], [f32; 2]),
        (input, scale): (&[i8; BLOCK], f32),
        mut sums: Self::Sums,
    ) -> Self::Sums {
        // Four neighbours a lane, so that the first half of the lanes is the first half of the block.
        let (weights, _) = weights.as_chunks::<{ BLOCK / LANES }>();
        let (input, _) = input.as_chunks::<{ BLOCK / LANES }>();
        let lanes = sums.iter_mut().zip(weights).zip(input);
        for (at, ((sum, weights), input)) in lanes.enumerate() {
            let products = weights.iter().zip(input);
            let products: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            let [first, second] = scales;
            let its = if HALVES && at >= LANES / 2 { second } else { first };
            *sum += its * scale * products as f32;
        }
        sums
    }

    #[inline(always)]
    fn fuse_lanes(self, a: &[f32; LANES], b: &[f32; LANES], mut sums: Self::Sums) -> Self::Sums {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = self.fuse(*a, *b, *sum);
        }
        sums
    }

    #[inline(always)]
    fn total(self, sums: Self::Sums) -> f32 {
        sums.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::__m256;

    use pulp::{NullaryFnOnce, cast, x86::V3};

    use super::{BLOCK, Kernel, LANES, Level};

    /// A kernel that the instructions are compiled into.
    pub(super) struct Inlined<K>(pub(super) K, pub(super) V3);

    impl<K: Kernel> NullaryFnOnce for Inlined<K> {
        type Output = K::Output;

        #[inline(always)]
        fn call(self) -> K::Output {
            self.0.run(self.1)
        }
    }

    impl Level for V3 {
        type Sums = __m256;

        #[inline(always)]
        fn none(self) -> __m256 {
            self.avx._mm256_setzero_ps()
        }

        #[inline(always)]
        fn fuse(self, a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }

        /// As ggml does it: bytes are multiplied without the signs of the weights, which the input takes
        /// over. Pairs of products stay below 2^15, as the input is never -128.
        #[inline(always)]
        fn products<const HALVES: bool>(
            self,
            (weights, [first, second]): (&[i8; BLOCK], [f32; 2]),
            (input, scale): (&[i8; BLOCK], f32),
            sums: __m256,
        ) -> __m256 {
            let (weights, input) = (cast(*weights), cast(*input));
            let input = self.avx2._mm256_sign_epi8(input, weights);
            let weights = self.avx2._mm256_abs_epi8(weights);
            let pairs = self.avx2._mm256_maddubs_epi16(weights, input);
            let fours = self.avx2._mm256_madd_epi16(pairs, self.avx._mm256_set1_epi16(1));
            let products = self.avx._mm256_cvtepi32_ps(fours);
            let its = if HALVES {
                let halves = (self.sse._mm_set1_ps(second), self.sse._mm_set1_ps(first));
                self.avx._mm256_set_m128(halves.0, halves.1)
            } else {
                self.avx._mm256_set1_ps(first)
            };
            let scale = self.avx._mm256_mul_ps(its, self.avx._mm256_set1_ps(scale));
            self.fma._mm256_fmadd_ps(products, scale, sums)
        }

        #[inline(always)]
        fn fuse_lanes(self, a: &[f32; LANES], b: &[f32; LANES], sums: __m256) -> __m256 {
            self.fma._mm256_fmadd_ps(cast(*a), cast(*b), sums)
        }

        #[inline(always)]
        fn total(self, sums: __m256) -> f32 {
            let high = self.avx._mm256_extractf128_ps::<1>(sums);
            let fours = self.sse._mm_add_ps(self.avx._mm256_castps256_ps128(sums), high);
            let twos = self.sse._mm_add_ps(fours, self.sse._mm_movehl_ps(fours, fours));
            let [a, b, _, _]: [f32; 4] = cast(twos);
            a + b
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct One<'a>(&'a [i8; BLOCK], [f32; 2], &'a [i8; BLOCK], f32);

    impl Kernel for One<'_> {
        type Output = (f32, f32);

        #[inline(always)]
        fn run<L: Level>(self, level: L) -> (f32, f32) {
            let Self(weights, scales, input, scale) = self;
            let halves = level.products::<true>((weights, scales), (input, scale), level.none());
            let whole = level.products::<false>((weights, scales), (input, scale), level.none());
            (level.total(halves), level.total(whole))
        }
    }

    proptest! {
        #[test]
        fn every_level_computes_the_same(
            weights in prop::array::uniform32(any::<i8>()),
            input in prop::array::uniform32(-127..=127i8),
        ) {
            // Scales without rounding: what differs then is wrong.
            let one = || One(&weights, [0.5, 2.0], &input, 0.25);
            prop_assert_eq!(best(one()), one().run(Plain));
        }
    }
}
