//! Small language models in the gateway's own process: GGUF files of the Llama architecture, in plain
//! Rust, on the processor.
//!
//! What it is for: an answer where nothing else is installed, and tests that meet a real model. What it
//! refuses to be: a server for large models. Those are llama.cpp's affair, whose rounding it follows, so
//! that it says the same, token by token, as far as sums of floats in another order allow.

mod engine;
mod gguf;
mod kept;
mod model;
mod pool;
mod sampler;
mod server;
mod shelf;
mod speech;
mod template;
mod tokenizer;
mod weights;

pub use engine::{Answer, Ending, Engine, Facts, Limits, Piece, Prompt, Threads, Why};
pub use sampler::Sampling;
pub use server::InProcess;
