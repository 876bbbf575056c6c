//! Model servers that sleep: started when somebody asks, stopped when nobody does.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::Result;

/// Wakes and releases the servers of local models.
///
/// # Contract
///
/// 1. **One wake.** However many callers [`wake`](Self::wake) a model at once, its server is started
///    once; a second one never runs beside it. A caller that leaves does not stop the wake, and does
///    not wait in the queue any more.
/// 2. **A lease keeps it warm.** While a [`Lease`] exists, the server is neither stopped for being
///    idle nor evicted. The idle time begins when the last lease is dropped, or when the server is
///    warm and nobody came.
/// 3. **Absence is known.** A model that is not [listed](Self::list) is
///    [`ModelNotFound`](crate::Code::ModelNotFound).
/// 4. **A broken model is retried.** A failed start is an
///    [`UpstreamFailed`](crate::Code::UpstreamFailed) that says why, to everybody who waited for it. A
///    later call tries again, but not before a back-off that grows with each failure in a row; until
///    then the error says when ([`delay`](crate::Error::delay)). A server that dies while warm takes
///    its leases' places with it and is replaced like one that could not be started; the first time,
///    at once.
/// 5. **Nothing unbounded.** Each model has a queue of limited length for those who wait for the wake,
///    for a place in the warm server, or for room on the machine; beyond it `wake` is
///    [`Busy`](crate::Code::Busy), and says how long a wake may take.
/// 6. **A release is gentle.** A released model's running answers are finished first (*draining*), and
///    callers who already wait for its wake are served by it; who comes later is served by the next
///    server. A wake that nobody waits for is given up. Releasing a failed model ends its back-off.
/// 7. **A conversation meets its slot.** Where slots are numbered, no two leases share one, and a
///    conversation gets the one that it had last if that is free and nobody else had it since.
#[async_trait]
pub trait ModelServers: fmt::Debug + Send + Sync {
    /// Every model that can be woken, and how it is.
    async fn list(&self) -> Vec<ModelServer>;

    /// How one model is; `None` if it is not listed.
    async fn state(&self, model: &str) -> Option<ModelServer>;

    /// Makes a model warm and takes a place in it; waits as long as that takes, so callers with less
    /// patience drop the future. `conversation` names who asks, so that the same
    /// conversation meets the same slot and its cached prefix.
    async fn wake(&self, model: &str, conversation: Option<&str>) -> Result<Lease>;

    /// Stops a model's server when its answers are finished; does not wait for that.
    async fn release(&self, model: &str) -> Result<()>;

    /// What happened to each model's server in the life of the process, for metrics. Whoever keeps no
    /// such books has none to show.
    async fn history(&self) -> Vec<ModelHistory> {
        Vec::new()
    }
}

/// What happened to a model's server. The figures only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelHistory {
    /// The model's name.
    pub model: String,
    /// Starts that ended warm.
    pub wakes: u64,
    /// How long these took together.
    pub waking: Duration,
    /// Starts that failed, and servers that died.
    pub failures: u64,
    /// Times it made room for another model.
    pub evictions: u64,
}

/// A model and its server.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelServer {
    /// The model's name.
    pub model: String,
    /// How its server is.
    pub state: ServerState,
    /// Answers it is giving.
    pub active: u32,
    /// Callers that wait for it: for the wake, or for a place.
    pub queued: u32,
    /// How long a wake takes, from the wakes so far; `None` before the first.
    pub expected_wake: Option<Duration>,
    /// How long it has been starting; `None` while it is not.
    pub waking_for: Option<Duration>,
    /// How far the wake is: 0 to 1, where the server tells it.
    pub progress: Option<f32>,
}

/// How a model server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Not running.
    Cold,
    /// Starting, or waiting for room to start.
    Waking,
    /// Ready.
    Warm,
    /// Finishing its answers before it stops.
    Draining,
    /// Could not be started, or died.
    Failed {
        /// The last words of the server, or of the system about it, without paths and keys.
        reason: String,
        /// When the next call may try again, from now; zero: at once.
        retry_in: Duration,
    },
}

impl ServerState {
    /// The state as one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Waking => "waking",
            Self::Warm => "warm",
            Self::Draining => "draining",
            Self::Failed { .. } => "failed",
        }
    }
}

/// A place in a warm model server, free again when dropped.
pub struct Lease {
    /// The base URL of the server, ending in `/v1`; of scheme `http`, or that of a
    /// [`UnixSocket`](super::UnixSocket).
    pub base_url: String,
    /// How long the caller waited for the server to wake; zero if it was warm.
    pub woken_in: Duration,
    /// The server's slot for this conversation (llama.cpp's `id_slot`), if it has numbered ones.
    pub slot: Option<u32>,
    /// Frees the place when dropped.
    pub guard: Box<dyn Send + Sync>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
