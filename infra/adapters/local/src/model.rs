//! A model of the Llama architecture: its shape and its weights.
//!
//! Source of the names: llama.cpp's `llama-arch.cpp`. What a file has beyond them is refused by name, as a
//! model that leaves it out would say something else.

mod context;
mod forward;
mod rope;

use std::collections::BTreeSet;

pub(crate) use context::Context;
use dormouse_core::Result;
pub(crate) use forward::{Scratch, Stopped};
use rope::Rope;

use crate::{
    gguf::{Gguf, Tensor, broken},
    weights::{LANES, Matrix},
};

/// The most layers of a model: more than any has.
const MAX_LAYERS: usize = 1024;

/// A model.
#[derive(Debug)]
pub(crate) struct Model {
    shape: Shape,
    rope: Rope,
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `None`: the embedding is used again.
    output: Option<Matrix>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
struct Shape {
    width: usize,
    layers: usize,
    heads: usize,
    /// How many heads keys and values have.
    kv_heads: usize,
    /// How many numbers a head has.
    head: usize,
    feed: usize,
    vocabulary: usize,
    context: usize,
    /// What keeps the norm of nothing from being a division by zero.
    least: f32,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    feed_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// A matrix, and what is added to each product.
#[derive(Debug)]
struct Linear {
    matrix: Matrix,
    bias: Vec<f32>,
}

impl Model {
    /// Reads a model that knows `vocabulary` tokens.
    pub(crate) fn read(file: &Gguf<'_>, vocabulary: usize) -> Result<Self> {
        let architecture = file.text("general.architecture").unwrap_or("none");
        if architecture != "llama" {
            let why = format!("its architecture is `{architecture}`; only `llama` is supported");
            return Err(broken(why));
        }
        let shape = Shape::read(file, vocabulary)?;
        let mut reading = Reading { file, read: BTreeSet::new() };
        let rope = Rope::read(file, shape.head, reading.optional("rope_freqs.weight"))?;
        let embedding = reading.matrix("token_embd.weight", shape.vocabulary, shape.width)?;
        let layer = |at| Layer::read(&mut reading, at, &shape);
        let layers = (0..shape.layers).map(layer).collect::<Result<_>>()?;
        let norm = reading.vector("output_norm.weight", shape.width)?;
        let output = reading.optional("output.weight");
        let output =
            output.map(|it| Matrix::read(it, shape.vocabulary, shape.width)).transpose()?;
        reading.nothing_left()?;
        Ok(Self { shape, rope, embedding, layers, norm, output })
    }

    /// How many tokens it can look at.
    pub(crate) fn context(&self) -> usize {
        self.shape.context
    }
}

impl Shape {
    fn read(file: &Gguf<'_>, vocabulary: usize) -> Result<Self> {
        let count = |name: &str| {
            let name = format!("llama.{name}");
            let count = file.count(&name).filter(|count| (1..=1 << 24).contains(count));
            count.ok_or_else(|| broken(format!("it does not state a sensible `{name}`")))
        };
        let or = |name: &str, other: usize| match file.fact(&format!("llama.{name}")) {
            Some(_) => count(name),
            None => Ok(other),
        };
        let (width, heads) = (count("embedding_length")?, count("attention.head_count")?);
        let head = or("attention.key_length", width / heads)?;
        let shape = Self {
            width,
            heads,
            head,
            layers: count("block_count")?,
            kv_heads: or("attention.head_count_kv", heads)?,
            feed: count("feed_forward_length")?,
            context: count("context_length")?,
            vocabulary,
            least: file.float("llama.attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
        };
        let odd = |why: &str| Err(broken(why));
        if shape.layers > MAX_LAYERS || vocabulary == 0 {
            return odd("it has no sensible number of layers or of tokens");
        }
        if head == 0 || !heads.is_multiple_of(shape.kv_heads) {
            return odd("its heads cannot share its keys and values evenly");
        }
        let multiplied = [width, shape.query_width(), shape.feed];
        if !multiplied.into_iter().all(|columns| columns.is_multiple_of(LANES)) {
            return odd(&format!(
                "a width of it is no multiple of {LANES}, which is not supported"
            ));
        }
        if or("attention.value_length", head)? != head {
            return odd("its keys and values differ in length, which is not supported");
        }
        if file.count("llama.expert_count").is_some_and(|experts| experts > 0) {
            return odd("it is a mixture of experts, which is not supported");
        }
        Ok(shape)
    }

    /// How many numbers the keys of a token have, or its values.
    fn kv_width(&self) -> usize {
        self.kv_heads * self.head
    }

    /// How many numbers the query of a token has.
    fn query_width(&self) -> usize {
        self.heads * self.head
    }
}

impl Layer {
    fn read(reading: &mut Reading<'_, '_>, at: usize, shape: &Shape) -> Result<Self> {
        let mut linear =
            |name: &str, rows, columns| reading.linear(&format!("blk.{at}.{name}"), rows, columns);
        let (width, feed) = (shape.width, shape.feed);
        let query = linear("attn_q", shape.query_width(), width)?;
        let key = linear("attn_k", shape.kv_width(), width)?;
        let value = linear("attn_v", shape.kv_width(), width)?;
        let attention_output = linear("attn_output", width, shape.query_width())?;
        let gate = linear("ffn_gate", feed, width)?;
        let up = linear("ffn_up", feed, width)?;
        let down = linear("ffn_down", width, feed)?;
        let attention_norm = reading.vector(&format!("blk.{at}.attn_norm.weight"), width)?;
        let feed_norm = reading.vector(&format!("blk.{at}.ffn_norm.weight"), width)?;
        Ok(Self { attention_norm, query, key, value, attention_output, feed_norm, gate, up, down })
    }
}

/// A file, and what was read of it.
#[derive(Debug)]
struct Reading<'a, 'b> {
    file: &'a Gguf<'b>,
    read: BTreeSet<String>,
}

impl<'a, 'b> Reading<'a, 'b> {
    fn optional(&mut self, name: &str) -> Option<&'a Tensor<'b>> {
        self.read.insert(name.to_owned());
        self.file.tensor(name)
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        let tensor = self.optional(name);
        let tensor = tensor.ok_or_else(|| broken(format!("it has no tensor `{name}`")))?;
        Matrix::read(tensor, rows, columns)
            .map_err(|error| broken(format!("`{name}`: {}", error.message())))
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>> {
        let matrix = self.matrix(name, 1, length)?;
        let mut vector = vec![0.0; length];
        matrix.row(0, &mut vector);
        Ok(vector)
    }

    fn linear(&mut self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
        let matrix = self.matrix(&format!("{name}.weight"), rows, columns)?;
        let bias = format!("{name}.bias");
        let bias = match self.file.tensor(&bias) {
            Some(_) => self.vector(&bias, rows)?,
            None => Vec::new(),
        };
        Ok(Linear { matrix, bias })
    }

    /// Refuses a file with tensors that were not read.
    fn nothing_left(&self) -> Result<()> {
        let left = self.file.tensors().find(|name| !self.read.contains(*name));
        left.map_or(Ok(()), |name| {
            Err(broken(format!("its tensor `{name}` is none of the Llama architecture")))
        })
    }
}
