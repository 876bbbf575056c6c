//! One answer: reading the prompt, then token by token.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use dormouse_core::{Code, Error, Result};
use futures::{
    FutureExt, SinkExt, Stream, StreamExt,
    channel::mpsc::{self, Receiver, Sender},
    stream::BoxStream,
};
use tokio::sync::OwnedSemaphorePermit;

use super::Engine;
use crate::{
    model::{Context, Scratch, Stopped},
    pool::give_way,
    sampler::{Sampler, Sampling},
    speech::{Said, Speech},
};

/// How many tokens of a prompt are read at once, before others may go on.
const AT_ONCE: usize = 64;
/// How many pieces may wait for a reader before the answer does.
const AHEAD: usize = 32;

/// What to answer, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The whole text, special tokens included, as the model's template writes it.
    pub text: String,
    /// The most tokens of the answer. `None`: as many as fit.
    pub max_tokens: Option<usize>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The answer ends before any of these.
    pub stops: Vec<String>,
    /// Goes on where the model would end.
    pub ignore_ends: bool,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The prompt is read: the answer begins.
    Begin {
        /// How many tokens the prompt has.
        input: usize,
        /// How many of them had been read for an earlier answer.
        cached: usize,
    },
    /// More text.
    Text {
        /// What is said. Not empty, but where the tokens say nothing.
        text: String,
        /// The tokens that were chosen for it: some letters take several.
        tokens: Vec<u32>,
    },
    /// The last piece.
    End(Ending),
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub why: Why,
    /// How many tokens the model chose, with the one that ended the answer.
    pub output: usize,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The model had said all, or came to a stop text.
    Stop,
    /// It had as many tokens as it may have.
    Length,
}

/// The pieces of an answer, as they come. An error is the last of them; an answer that ends without
/// [`Piece::End`] broke off.
pub struct Answer(BoxStream<'static, Result<Piece>>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl Stream for Answer {
    type Item = Result<Piece>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// Nobody reads the answer anymore.
struct Left;

impl From<Stopped> for Left {
    fn from(_: Stopped) -> Self {
        Self
    }
}

impl From<mpsc::SendError> for Left {
    fn from(_: mpsc::SendError) -> Self {
        Self
    }
}

/// Begins at once where there is a place. Otherwise its reader waits for one, so that who leaves waits no longer.
pub(super) fn begin(engine: Engine, prompt: Prompt) -> Answer {
    let places = Arc::clone(&engine.0.places);
    match Arc::clone(&places).try_acquire_owned() {
        Ok(place) => Answer(begin_at(place, engine, prompt).boxed()),
        Err(_) => {
            let placed = places.acquire_owned().map(|place| match place {
                Ok(place) => begin_at(place, engine, prompt).left_stream(),
                // Nobody takes the places away.
                Err(_) => futures::stream::empty().right_stream(),
            });
            Answer(placed.flatten_stream().boxed())
        }
    }
}

fn begin_at(
    place: OwnedSemaphorePermit,
    engine: Engine,
    prompt: Prompt,
) -> Receiver<Result<Piece>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let pool = engine.0.pool.clone();
    pool.spawn(async move {
        tell(engine, prompt, sender).await;
        drop(place);
    });
    receiver
}

async fn tell(engine: Engine, prompt: Prompt, mut sender: Sender<Result<Piece>>) {
    let tokens = match input(&engine, &prompt.text) {
        Ok(tokens) => tokens,
        Err(error) => {
            // Who left does not hear why.
            let _ = sender.send(Err(error)).await;
            return;
        }
    };
    let mut telling = Telling {
        context: engine.0.kept.beginning(&tokens),
        scratch: Scratch::default(),
        sampler: Sampler::new(prompt.sampling.clone()),
        speech: Speech::new(prompt.stops.clone()),
        chosen: Vec::new(),
        sender,
        engine,
    };
    // What was read is worth keeping, whoever left.
    let _ = telling.run(&prompt, &tokens).await;
    let Telling { engine, context, sender, .. } = telling;
    engine.0.kept.keep(context);
    // Who reads to the end may ask for more, and finds it.
    drop(sender);
}

/// The tokens of a prompt that leaves room for an answer.
fn input(engine: &Engine, text: &str) -> Result<Vec<u32>> {
    let most = engine.0.context;
    let too_long = |count: &str| {
        let message = format!(
            "the request ({count} tokens) exceeds the available context size ({most} tokens)"
        );
        Err(Error::new(Code::ContextOverflow, message).at("messages"))
    };
    // Far too long a text is not read to its end only to know how long it is.
    let least = text.len() / engine.0.tokenizer.longest();
    if least >= most {
        return too_long(&format!("at least {least}"));
    }
    let tokens = engine.tokens(text)?;
    if tokens.len() >= most {
        return too_long(&tokens.len().to_string());
    }
    if tokens.is_empty() {
        return Err(Error::invalid("messages", "the prompt is empty"));
    }
    Ok(tokens)
}

/// An answer that is being told.
struct Telling {
    engine: Engine,
    context: Context,
    scratch: Scratch,
    sampler: Sampler,
    speech: Speech,
    /// What was chosen, and is not told yet.
    chosen: Vec<u32>,
    sender: Sender<Result<Piece>>,
}

impl Telling {
    async fn run(&mut self, prompt: &Prompt, tokens: &[u32]) -> Result<(), Left> {
        let cached = self.context.tokens().len();
        for part in tokens.get(cached..).unwrap_or_default().chunks(AT_ONCE) {
            self.read(part)?;
            give_way().await;
        }
        self.sender.send(Ok(Piece::Begin { input: tokens.len(), cached })).await?;
        let room = self.engine.0.context - tokens.len();
        let most = prompt.max_tokens.map_or(room, |most| most.min(room));
        let ending = self.speak(most, prompt.ignore_ends).await?;
        let rest = self.speech.finish();
        self.tell(rest).await?;
        self.sender.send(Ok(Piece::End(ending))).await?;
        Ok(())
    }

    /// Chooses and tells up to `most` tokens.
    async fn speak(&mut self, most: usize, ignore_ends: bool) -> Result<Ending, Left> {
        if ignore_ends {
            self.sampler.forbid(self.engine.0.tokenizer.all_ends());
        }
        for output in 1..=most {
            let token = self.sampler.choose(&mut self.scratch.logits, self.context.tokens());
            if self.engine.ends(token) {
                return Ok(Ending { why: Why::Stop, output });
            }
            self.chosen.push(token);
            match self.speech.push(self.engine.0.tokenizer.said(token)) {
                Said::More(text) if text.is_empty() => {}
                Said::More(text) => self.tell(text).await?,
                Said::Last(text) => {
                    self.tell(text).await?;
                    return Ok(Ending { why: Why::Stop, output });
                }
            }
            if output < most {
                give_way().await;
                self.read(&[token])?;
            }
        }
        Ok(Ending { why: Why::Length, output: most })
    }

    async fn tell(&mut self, text: String) -> Result<(), Left> {
        let tokens = std::mem::take(&mut self.chosen);
        if !text.is_empty() || !tokens.is_empty() {
            self.sender.send(Ok(Piece::Text { text, tokens })).await?;
        }
        Ok(())
    }

    fn read(&mut self, tokens: &[u32]) -> Result<(), Left> {
        let Self { engine, context, scratch, sender, .. } = self;
        Ok(engine.0.model.read_on(tokens, context, scratch, &|| sender.is_closed())?)
    }
}
