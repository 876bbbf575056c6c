//! The keys and values of the tokens that a model has read: what it need not compute again.

use std::sync::Arc;

use super::Model;

/// How many tokens a block holds.
pub(super) const BLOCK: usize = 32;

/// Tokens that a model has read. A copy shares their blocks, until one of both writes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    tokens: Vec<u32>,
    blocks: Vec<Arc<Block>>,
}

/// The keys and values of some tokens: by layer, then by head, then by token.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Context {
    /// What was read.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Forgets all but the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        self.blocks.truncate(length.div_ceil(BLOCK));
    }

    /// Its blocks, by which memory is counted.
    pub(crate) fn blocks(&self) -> &[Arc<Block>] {
        &self.blocks
    }

    /// Makes room for `more` tokens.
    pub(super) fn reserve(&mut self, model: &Model, more: usize) {
        let length = model.block_length();
        let blocks = (self.tokens.len() + more).div_ceil(BLOCK);
        self.blocks.resize_with(blocks, || {
            Arc::new(Block { keys: vec![0.0; length], values: vec![0.0; length] })
        });
    }

    /// Writes the keys and values of the token at `position` in one layer.
    pub(super) fn write(
        &mut self,
        (layer, position): (usize, usize),
        kv: (&[f32], &[f32]),
        head: usize,
    ) {
        let Some(block) = self.blocks.get_mut(position / BLOCK) else { return };
        let block = Arc::make_mut(block);
        let heads = kv.0.len() / head;
        for (values, into) in [(kv.0, &mut block.keys), (kv.1, &mut block.values)] {
            let places = into.chunks_exact_mut(BLOCK * head).skip(layer * heads);
            for (place, values) in places.zip(values.chunks_exact(head)) {
                if let Some(place) = place.chunks_exact_mut(head).nth(position % BLOCK) {
                    place.copy_from_slice(values);
                }
            }
        }
    }

    /// The keys and values of a layer, block by block; `length` is how many of both a block has.
    pub(super) fn layer(&self, layer: usize, length: usize) -> Vec<(&[f32], &[f32])> {
        let place = layer * length..(layer + 1) * length;
        self.blocks
            .iter()
            .map(|block| {
                let keys = block.keys.get(place.clone()).unwrap_or_default();
                (keys, block.values.get(place.clone()).unwrap_or_default())
            })
            .collect()
    }

    /// Notes that `tokens` are read.
    pub(super) fn extend(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }
}

impl Model {
    /// How many bytes a block of a context takes.
    pub(crate) fn block_bytes(&self) -> usize {
        2 * self.block_length() * size_of::<f32>()
    }

    fn block_length(&self) -> usize {
        self.shape.layers * self.shape.kv_width() * BLOCK
    }
}
