//! Reading tokens: from tokens to what may come next.

use rayon::{
    iter::{IndexedParallelIterator, ParallelIterator},
    slice::ParallelSliceMut,
};

use super::{Context, Layer, Linear, Model, context::BLOCK, rope::Rope};
use crate::weights::{Attention, Input, add, attend, normalise, silu_gate};

/// From how many multiplications on the attention of several tokens is shared between threads.
const WORTH_SHARING: usize = 1 << 20;

/// Room to compute in, which is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stream: Vec<f32>,
    input: Input,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    sum: Vec<f32>,
    angles: Vec<Vec<(f32, f32)>>,
    /// How likely each token is to come next: the last thing that was computed.
    pub(crate) logits: Vec<f32>,
}

/// Nobody waits for it anymore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Model {
    /// Reads `tokens` behind those of `context`, and leaves in `scratch` how likely each token is to
    /// follow. Asks `stop` before each layer; a context that was stopped in is as it was.
    pub(crate) fn read_on(
        &self,
        tokens: &[u32],
        context: &mut Context,
        scratch: &mut Scratch,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Stopped> {
        let shape = &self.shape;
        let first = context.tokens().len();
        context.reserve(self, tokens.len());
        scratch.stream.resize(tokens.len() * shape.width, 0.0);
        scratch.angles.resize_with(tokens.len(), Vec::new);
        let places = scratch.stream.chunks_exact_mut(shape.width).zip(&mut scratch.angles);
        for ((token, (place, angles)), position) in tokens.iter().zip(places).zip(first..) {
            self.embedding.row(*token as usize, place);
            self.rope.angles(position, angles);
        }
        for (at, layer) in self.layers.iter().enumerate() {
            if stop() {
                context.truncate(first);
                return Err(Stopped);
            }
            self.attention(layer, (at, first), context, scratch);
            self.feed(layer, scratch);
        }
        context.extend(tokens);
        let last = scratch.stream.len() - shape.width;
        let last = scratch.stream.get(last..).unwrap_or_default();
        let input = scratch.input.write(shape.width, 1);
        normalise(last, &self.norm, shape.least, input);
        scratch.logits.resize(shape.vocabulary, 0.0);
        let output = self.output.as_ref().unwrap_or(&self.embedding);
        output.multiply(&mut scratch.input, &mut scratch.logits);
        Ok(())
    }

    fn attention(
        &self,
        layer: &Layer,
        (at, first): (usize, usize),
        context: &mut Context,
        scratch: &mut Scratch,
    ) {
        let shape = &self.shape;
        self.normalised(&layer.attention_norm, scratch);
        let Scratch { input, query, key, value, .. } = scratch;
        layer.query.apply(input, query);
        layer.key.apply(input, key);
        layer.value.apply(input, value);
        let queries = scratch.query.chunks_exact_mut(shape.query_width());
        for (query, angles) in queries.zip(&scratch.angles) {
            Rope::turn(angles, shape.head, query);
        }
        let keys = scratch.key.chunks_exact_mut(shape.kv_width());
        let values = scratch.value.chunks_exact(shape.kv_width());
        for (((key, value), angles), position) in keys.zip(values).zip(&scratch.angles).zip(first..)
        {
            Rope::turn(angles, shape.head, key);
            context.write((at, position), (key, value), shape.head);
        }
        self.look((at, first), context, scratch);
        layer.attention_output.apply(&mut scratch.input, &mut scratch.sum);
        add(&mut scratch.stream, &scratch.sum);
    }

    /// Lets the tokens look at each other, each at those before it.
    fn look(&self, (at, first): (usize, usize), context: &Context, scratch: &mut Scratch) {
        let shape = &self.shape;
        let (width, count) = (shape.query_width(), scratch.angles.len());
        let blocks = context.layer(at, shape.kv_width() * BLOCK);
        let query = &scratch.query;
        let look = |part: usize, out: &mut [f32]| {
            let mut scores = Vec::new();
            let tokens = query.chunks_exact(width).zip(first + 1..).skip(part);
            for ((query, length), out) in tokens.zip(out.chunks_exact_mut(width)) {
                let scores = &mut scores;
                let shared = shape.heads / shape.kv_heads;
                let (block, blocks, width) = (BLOCK, &*blocks, shape.head);
                attend(Attention { query, blocks, length, block, width, shared, scores, out });
            }
        };
        let out = scratch.input.write(width, count);
        let work = count * (first + count) * width;
        match rayon::current_thread_index() {
            Some(_) if count > 1 && work >= WORTH_SHARING => {
                // The later a token, the more it looks at: small parts even that out.
                let part = count.div_ceil(4 * rayon::current_num_threads());
                let parts = out.par_chunks_mut(part * width).enumerate();
                parts.for_each(|(at, out)| look(at * part, out));
            }
            _ => look(0, out),
        }
    }

    fn feed(&self, layer: &Layer, scratch: &mut Scratch) {
        self.normalised(&layer.feed_norm, scratch);
        layer.gate.apply(&mut scratch.input, &mut scratch.gate);
        layer.up.apply(&mut scratch.input, &mut scratch.up);
        silu_gate(&mut scratch.gate, &scratch.up);
        let input = scratch.input.write(self.shape.feed, scratch.angles.len());
        input.copy_from_slice(&scratch.gate);
        layer.down.apply(&mut scratch.input, &mut scratch.sum);
        add(&mut scratch.stream, &scratch.sum);
    }

    /// Makes the stream, normalised, the input of what comes.
    fn normalised(&self, weights: &[f32], scratch: &mut Scratch) {
        let width = self.shape.width;
        let input = scratch.input.write(width, scratch.angles.len());
        let vectors = scratch.stream.chunks_exact(width).zip(input.chunks_exact_mut(width));
        vectors.for_each(|(values, out)| normalise(values, weights, self.shape.least, out));
    }
}

impl Linear {
    fn apply(&self, input: &mut Input, out: &mut Vec<f32>) {
        out.resize(input.count() * self.matrix.rows, 0.0);
        self.matrix.multiply(input, out);
        if !self.bias.is_empty() {
            out.chunks_exact_mut(self.bias.len()).for_each(|out| add(out, &self.bias));
        }
    }
}
