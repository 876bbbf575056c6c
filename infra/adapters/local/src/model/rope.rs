//! Where a token is, said by turning pairs of numbers of queries and keys.
//!
//! Neighbours are a pair, as llama.cpp's converter orders the rows of `llama` models
//! (`LLAMA_ROPE_TYPE_NORM`). The angles are computed in its order, rounding for rounding.

use dormouse_core::Result;

use crate::{
    gguf::{Gguf, Tensor, broken},
    weights::Matrix,
};

/// How fast each pair turns.
#[derive(Debug)]
pub(super) struct Rope {
    /// How many numbers of a head are turned.
    turned: usize,
    /// What the angle is multiplied with from pair to pair.
    step: f32,
    /// What all angles are multiplied with.
    scale: f32,
    /// What the angle of each pair is divided by. Empty: by nothing.
    factors: Vec<f32>,
}

impl Rope {
    /// Reads what a file states of it, for heads of `head` numbers.
    pub(super) fn read(file: &Gguf<'_>, head: usize, factors: Option<&Tensor<'_>>) -> Result<Self> {
        let turned = file.count("llama.rope.dimension_count").unwrap_or(head);
        if turned > head || !turned.is_multiple_of(2) || turned == 0 {
            return Err(broken("it turns a part of its heads that they do not have"));
        }
        let base = file.float("llama.rope.freq_base").unwrap_or(10_000.0);
        let scale = match file.text("llama.rope.scaling.type") {
            None | Some("none") => 1.0,
            Some("linear") => 1.0 / file.float("llama.rope.scaling.factor").unwrap_or(1.0),
            Some(other) => {
                let why = format!("it scales positions by `{other}`; `linear` is supported");
                return Err(broken(why));
            }
        };
        let mut read = Vec::new();
        if let Some(tensor) = factors {
            read = vec![0.0; turned / 2];
            Matrix::read(tensor, 1, turned / 2)?.row(0, &mut read);
        }
        let step = base.powf(-2.0 / turned as f32);
        Ok(Self { turned, step, scale, factors: read })
    }

    /// The cosine and the sine of each pair's angle at `position`.
    pub(super) fn angles(&self, position: usize, out: &mut Vec<(f32, f32)>) {
        let mut angle = position as f32;
        let factors = self.factors.iter().copied().chain(std::iter::repeat(1.0));
        out.clear();
        out.extend(factors.take(self.turned / 2).map(|factor| {
            let (sine, cosine) = (self.scale * (angle / factor)).sin_cos();
            angle *= self.step;
            (cosine, sine)
        }));
    }

    /// Turns each head of `values` by `angles`.
    pub(super) fn turn(angles: &[(f32, f32)], head: usize, values: &mut [f32]) {
        for values in values.chunks_exact_mut(head) {
            let (pairs, _) = values.as_chunks_mut::<2>();
            for ([a, b], (cosine, sine)) in pairs.iter_mut().zip(angles) {
                (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
            }
        }
    }
}
