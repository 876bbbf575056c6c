//! What a gateway is given, and what it gives: the world around it, what is known of a request beside its
//! content, and the answer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    agent::Run,
    catalog::Route,
    chat::{ChunkStream, Source},
    conversation::Opened,
    ports::{Blobs, Host, HttpClient, ModelServers, Records, Sandbox},
    responses::Kept,
    tools::Toolbox,
    wire::{Opening, openai_responses::Told},
};

/// The outside of a gateway: what its entrypoint provides.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Time, randomness, background work.
    pub host: Arc<dyn Host>,
    /// Calls to providers.
    pub http: Arc<dyn HttpClient>,
    /// What is kept.
    pub records: Arc<dyn Records>,
    /// Where files and pictures are kept, if not with the records.
    pub blobs: Option<Arc<dyn Blobs>>,
    /// The servers of this machine's models, on hosts that can start processes.
    pub models: Option<LocalServers>,
    /// What the gateway's own tools work with.
    pub tools: ToolPorts,
}

/// What tools work with. A tool that misses something says so to whoever calls it.
#[derive(Clone, Debug, Default)]
pub struct ToolPorts {
    /// Where code is run and files are kept.
    pub sandbox: Option<Arc<dyn Sandbox>>,
    /// Calls to addresses that a model or a tenant chose: never reaches a private one.
    pub web: Option<Arc<dyn HttpClient>>,
    /// Tools beside those of the core, in the order of their precedence.
    pub toolboxes: Vec<Arc<dyn Toolbox>>,
}

/// The servers of this machine's models, and the way to them.
#[derive(Clone, Debug)]
pub struct LocalServers {
    /// Who starts and stops them.
    pub servers: Arc<dyn ModelServers>,
    /// Calls to them. They are on this machine, so no proxy may stand in between.
    pub http: Arc<dyn HttpClient>,
}

/// What is known of a request beside its content.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Ties log lines and the receipt to the request.
    pub correlation_id: Option<String>,
    /// Names the conversation that the request continues, in the caller's own words.
    pub conversation: Option<String>,
    /// The catalog's route by which the request came.
    pub route: Option<Route>,
    /// The kept conversation that it belongs to, as [`Gateway::converse`](super::Gateway::converse) found it.
    pub conversing: Option<Opened>,
    /// The host and path by which it came, where the catalog has a [route](Self::route) for these.
    pub came_by: Option<(String, String)>,
    /// What is known of it if it is answered whether or not its caller waits.
    pub background: Option<Background>,
    /// What the answer will say about itself. Without it, no answer is kept.
    pub opening: Option<Opening>,
    /// The run that the answer goes on with, or is to be known as. Without it, one begins where the mode says so.
    pub agent: Option<Run>,
}

/// What is known of a request that is answered whether or not its caller waits.
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// What its caller was told before.
    pub told: Told,
    /// The response, when it is there: it is kept in the commit that ends the run, by who still holds it then.
    kept: Arc<Mutex<Option<Kept>>>,
}

impl Background {
    /// A request of whose answer this was told.
    pub fn new(told: Told) -> Self {
        Self { told, kept: Arc::default() }
    }

    pub(super) fn keep(&self, kept: Kept) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    pub(super) fn take(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An answer that has begun.
pub struct Answer {
    /// The id of its receipt, which exists when the stream has ended.
    pub receipt: String,
    /// The model that was asked.
    pub model: String,
    /// The id of the run, where the gateway runs the tools.
    pub run: Option<String>,
    /// What it had to do without, where the gateway runs the tools: `mcp:NAME` for a server whose tools are
    /// missing.
    pub degraded: Vec<String>,
    /// The id of the kept conversation that it belongs to.
    pub conversation: Option<String>,
    /// How many tokens of it the model is shown, and how that is known, where it had to be measured.
    pub context: Option<(u64, Source)>,
    /// The answer. Its end comes after settlement; dropping it cancels the call and settles it too.
    pub chunks: ChunkStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}
