//! A scripted provider: an HTTP server that says what a test tells it to, byte for byte, and remembers
//! what it was asked.
//!
//! It speaks just enough HTTP/1.1 to be a provider, on a raw socket, because most of what it is for (an
//! answer in odd pieces, a silence before the status, a connection that breaks) no HTTP library lets its
//! user do. Without a script it answers every chat request with an echo, whole or streamed, in the dialect
//! of the request's path: OpenAI's chat completions, Gemini's, Ollama's; and
//! plain texts with how they go on, or with vectors.
#![expect(clippy::expect_used, reason = "a test whose tools fail fails")]

mod answer;
mod connection;
mod form;
mod gate;
mod log;
mod request;
mod texts;
mod wire;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

pub use dormouse_core::catalog::Api;
use tokio::{net::TcpListener, task::JoinHandle};

pub use answer::{Answer, Ending};
pub use gate::Gate;
pub use log::Received;

/// The models that it lists unless told otherwise.
pub const MODELS: [&str; 2] = ["echo", "org/echo-large"];

/// A running scripted provider. Dropping it closes its socket and all connections.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What all connections of a provider know.
#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    log: log::Log,
}

/// What to answer, by model (or by path, for requests without one).
#[derive(Debug, Default)]
struct Script {
    once: HashMap<String, VecDeque<Answer>>,
    always: HashMap<String, Rule>,
}

/// What is answered to a request.
#[derive(Clone)]
struct Rule(Arc<dyn Fn(&Received) -> Answer + Send + Sync>);

impl Upstream {
    /// Starts one on a free port of the loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::<Shared>::default();
        let server = tokio::spawn(connection::accept(listener, Arc::clone(&shared)));
        Self { address, shared, server }
    }

    /// What to set `DORMOUSE_UPSTREAM` to.
    pub fn base_url(&self) -> String {
        self.base_url_of(Api::OpenAi)
    }

    /// The same where `DORMOUSE_UPSTREAM_API` is `api`.
    pub fn base_url_of(&self, api: Api) -> String {
        let path = match api {
            Api::OpenAi | Api::OpenAiResponses | Api::Anthropic => "/v1",
            Api::Gemini => "/v1beta",
            Api::Ollama => "",
        };
        format!("http://{}{path}", self.address)
    }

    /// Answers every request for `name`, a model or a path such as `/v1/models`, with `answer`.
    pub fn always(&self, name: &str, answer: Answer) {
        self.answers(name, move |_| answer.clone());
    }

    /// Answers every request for `name` with what `rule` says: for models that go on from what they read.
    pub fn answers(&self, name: &str, rule: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        let rule = Rule(Arc::new(rule));
        self.script(|script| script.always.insert(name.to_owned(), rule));
    }

    /// Answers the next request for `name` with `answer`, after those that were queued before.
    pub fn once(&self, name: &str, answer: Answer) {
        self.script(|script| script.once.entry(name.to_owned()).or_default().push_back(answer));
    }

    /// Waits until it has been asked for `name` and returns the request. Each is returned once.
    pub async fn asked(&self, name: &str) -> Arc<Received> {
        self.shared.log.next(name).await
    }

    /// How often it has been asked for `name`.
    pub fn count(&self, name: &str) -> usize {
        self.shared.log.count(name)
    }

    /// Waits until it has been asked for `name` at least `count` times.
    pub async fn asked_times(&self, name: &str, count: usize) {
        self.shared.log.reaches(name, count).await;
    }

    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) {
        change(&mut self.shared.script.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Rule").finish_non_exhaustive()
    }
}

impl Shared {
    /// What to answer to `request`.
    fn answer(&self, request: &Received) -> Answer {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = script.once.get_mut(request.name()).and_then(VecDeque::pop_front);
        queued
            .or_else(|| script.always.get(request.name()).map(|rule| (rule.0)(request)))
            .unwrap_or_else(|| Answer::default_for(request))
    }
}
