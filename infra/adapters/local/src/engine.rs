//! One model, and the answers that it is giving.

mod answer;

use std::{fs, io, path::Path, sync::Arc};

pub use answer::{Answer, Ending, Piece, Prompt, Why};
use dormouse_core::{Code, Error, Result};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::{
    gguf::Gguf,
    kept::Kept,
    model::Model,
    pool::Pool,
    sampler::Sampling,
    template::{Conversation, Template},
    tokenizer::Tokenizer,
};

/// What models may take of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many threads compute, all models together. At least 1.
    pub threads: usize,
    /// How many tokens a request and its answer may have. A model that can look at fewer has fewer.
    pub context: usize,
    /// How many answers each model gives at once; further ones wait. At least 1.
    pub at_once: usize,
    /// How many bytes of contexts are kept of each model, for requests that begin alike.
    pub kept_bytes: usize,
}

/// A model that is loaded. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    model: Model,
    tokenizer: Tokenizer,
    template: Option<Template>,
    pool: Pool,
    /// As many permits as answers may be given at once.
    places: Arc<Semaphore>,
    kept: Kept,
    context: usize,
    facts: Facts,
}

/// What a file says of its model.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The name that its makers gave it; may be empty.
    pub name: String,
    /// How many tokens a request and its answer may have here.
    pub context: usize,
    /// How many numbers it consists of.
    pub parameters: u64,
    /// Whether its template has words for tools.
    pub tools: bool,
    /// How it wants its tokens chosen, where a request does not say.
    pub sampling: Sampling,
}

impl Engine {
    /// Loads the model in a file.
    ///
    /// # Errors
    ///
    /// [`Code::UpstreamInvalid`]: the file cannot be read, is no GGUF file, or needs what is not
    /// supported; the message says what.
    pub fn open(path: &Path, threads: &Threads, limits: &Limits) -> Result<Self> {
        // Callers may read it: where the file lies is the operator's affair.
        let name = path.file_name().unwrap_or_default().display();
        let unreadable = |why: &str| {
            let message = format!("the model's file {name} cannot be read: {why}");
            Error::new(Code::UpstreamInvalid, message)
        };
        let failed = |error: io::Error| unreadable(&error.to_string()).caused_by(error);
        // A device may have no end.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(unreadable("it is no file"));
        }
        Self::load(&fs::read(path).map_err(failed)?, threads, limits)
    }

    /// Loads the model in the `bytes` of a file.
    ///
    /// # Errors
    ///
    /// As those of [`open`](Self::open).
    pub fn load(bytes: &[u8], threads: &Threads, limits: &Limits) -> Result<Self> {
        let file = Gguf::read(bytes)?;
        let tokenizer = Tokenizer::read(&file)?;
        let model = Model::read(&file, tokenizer.len())?;
        let template = file.text("tokenizer.chat_template").map(|source| {
            let written = |name| tokenizer.written(&file, name);
            Template::new(source, written("bos"), written("eos"))
        });
        let template = template.transpose()?;
        let context = limits.context.min(model.context());
        let facts = Facts {
            name: file.text("general.name").unwrap_or_default().to_owned(),
            context,
            parameters: file.parameters(),
            tools: template.as_ref().is_some_and(Template::has_tools),
            sampling: wanted(&file),
        };
        let kept = Kept::new(limits.kept_bytes / model.block_bytes());
        let pool = threads.0.clone();
        let places = Arc::new(Semaphore::new(limits.at_once.clamp(1, Semaphore::MAX_PERMITS)));
        let loaded = Loaded { model, tokenizer, template, pool, places, kept, context, facts };
        Ok(Self(Arc::new(loaded)))
    }

    /// What its file says of it.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// The text in which a conversation is put to the model.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] if the model's template refuses it, or has no words for tools;
    /// [`Code::UpstreamInvalid`] if the model has no template.
    pub(crate) fn prompt(&self, conversation: &Conversation) -> Result<String> {
        let template = self.0.template.as_ref().ok_or_else(|| {
            Error::new(Code::UpstreamInvalid, "the model's file has no chat template")
        })?;
        if !conversation.tools.is_empty() && !template.has_tools() {
            let message = "the model's chat template has no words for tools";
            return Err(Error::invalid("tools", message));
        }
        template.write(conversation)
    }

    /// The text in which `messages` are put to the model, with `tools`, both as OpenAI's chat has them.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] if the model's template refuses them, or has no words for tools;
    /// [`Code::UpstreamInvalid`] if the model has no template.
    pub fn chat_prompt(&self, messages: Vec<Value>, tools: Vec<Value>) -> Result<String> {
        self.prompt(&Conversation { messages, tools, more: Map::new() })
    }

    /// The tokens of a text.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] if the model has no token for a byte of it.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        self.0.tokenizer.encode(text)
    }

    /// What `tokens` say, without those that only steer.
    pub fn text(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> =
            tokens.iter().flat_map(|token| self.0.tokenizer.said(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether `token` ends an answer.
    pub fn ends(&self, token: u32) -> bool {
        self.0.tokenizer.ends(token)
    }

    /// Does `work` with it on the threads of models: what takes long keeps nobody else waiting there.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] if it panicked.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T> {
        let its = self.clone();
        self.0.pool.compute(move || work(&its)).await
    }

    /// Begins to answer; where the model gives as many answers as it may, when one of them has ended. Nothing is
    /// computed for an [`Answer`] that was dropped, but the token that is being computed.
    pub fn answer(&self, prompt: Prompt) -> Answer {
        answer::begin(self.clone(), prompt)
    }
}

/// The threads on which models compute.
#[derive(Clone, Debug)]
pub struct Threads(pub(crate) Pool);

impl Threads {
    /// Starts `count` of them.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] if the system has no more threads.
    pub fn start(count: usize) -> Result<Self> {
        Pool::start(count).map(Self)
    }
}

/// How the file's makers want tokens chosen (`general.sampling.*`); what they do not say is as in
/// llama-server.
fn wanted(file: &Gguf<'_>) -> Sampling {
    let number = |name: &str| file.float(&format!("general.sampling.{name}"));
    let count = |name: &str| file.count(&format!("general.sampling.{name}"));
    let usual = Sampling { temperature: 0.8, ..Sampling::default() };
    Sampling {
        temperature: number("temp").unwrap_or(usual.temperature),
        top_k: count("top_k").unwrap_or(usual.top_k),
        top_p: number("top_p").unwrap_or(usual.top_p),
        min_p: number("min_p").unwrap_or(usual.min_p),
        penalty_last_n: count("penalty_last_n").unwrap_or(usual.penalty_last_n),
        repeat_penalty: number("penalty_repeat").unwrap_or(usual.repeat_penalty),
        ..usual
    }
}
