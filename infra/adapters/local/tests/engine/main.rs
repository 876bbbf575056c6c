//! The engine as its callers see it, on small models that are made here.
#![expect(clippy::unwrap_used, reason = "a test whose tools fail fails")]

mod answers;
mod broken;
mod greedy;
mod maker;
mod reuse;
mod served;
mod words;

use dormouse_core::Result;
use dormouse_local::{Answer, Ending, Engine, Limits, Piece, Prompt, Sampling, Threads};
use futures::StreamExt;
use maker::Maker;

/// What a model may take here.
pub(crate) const LIMITS: Limits =
    Limits { threads: 2, context: 4096, at_once: 16, kept_bytes: 4 << 20 };

/// A model on two threads.
pub(crate) fn engine(maker: &Maker) -> Engine {
    engine_within(maker, &LIMITS)
}

/// A model with limits of its own.
pub(crate) fn engine_within(maker: &Maker, limits: &Limits) -> Engine {
    load(&maker.bytes(), limits)
}

/// The model in a file.
pub(crate) fn load(file: &[u8], limits: &Limits) -> Engine {
    let threads = Threads::start(limits.threads).unwrap();
    Engine::load(file, &threads, limits).unwrap()
}

/// The likeliest answer to `text`, of at most `most` tokens, none of which ends it.
pub(crate) fn likeliest(text: &str, most: usize) -> Prompt {
    Prompt {
        text: text.to_owned(),
        max_tokens: Some(most),
        sampling: Sampling::default(),
        ignore_ends: true,
        ..Prompt::default()
    }
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) input: usize,
    pub(crate) cached: usize,
    pub(crate) text: String,
    pub(crate) tokens: Vec<u32>,
    pub(crate) ending: Option<Ending>,
}

/// Reads an answer to its end.
pub(crate) async fn told(mut answer: Answer) -> Result<Told> {
    let mut told = Told::default();
    while let Some(piece) = answer.next().await {
        match piece? {
            Piece::Begin { input, cached } => (told.input, told.cached) = (input, cached),
            Piece::Text { text, tokens } => {
                told.text += &text;
                told.tokens.extend(tokens);
            }
            Piece::End(ending) => told.ending = Some(ending),
        }
    }
    Ok(told)
}
