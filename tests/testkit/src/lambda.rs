//! AWS Lambda on a loopback port: an HTTP front, the Runtime API behind it, and the real function
//! binary in between.
//!
//! Each HTTP request becomes an event of the chosen [`EventKind`] and is handed to an idle instance
//! of the binary, one invocation per instance at a time; another process is started while there are
//! fewer than the allowed number. What the function answers goes back as the integration would send
//! it, streamed payloads piece by piece as they arrive.
//!
//! Protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and, for streamed
//! answers, <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>.
//!
//! As on Lambda:
//! - a function whose HTTP client has gone away runs to its end, its output is thrown away;
//! - an event above 6 MiB is refused with 413 (1 MB of body behind an ALB) before any invocation, a
//!   buffered answer above 6 MiB is refused to the function;
//! - a streamed answer can only be read by a function URL: HTTP APIs answer it with 500, REST APIs
//!   and ALBs with 502;
//! - the environment of a process holds Lambda's variables and those given, nothing of the tester's.
//!
//! Unlike Lambda:
//! - more requests than instances wait for one, where Lambda answers 429;
//! - nothing enforces the announced deadline, nor the integrations' own (30 s for an HTTP API);
//! - instances share the machine's file system, but each has a `TMPDIR` of its own.

mod event;
mod fleet;
mod front;
mod instance;
mod reply;
mod runtime_api;
mod socket;

use std::{io, path::Path, sync::Arc, time::Duration};

pub use fleet::Failure;
use fleet::Fleet;
use tokio::task::JoinHandle;

/// How long one invocation may take, as announced to the function unless a test says otherwise: the longest
/// Lambda allows.
pub const DEADLINE: Duration = Duration::from_secs(900);

/// The largest event, and the largest buffered answer, in bytes.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// The largest request body an Application Load Balancer hands to a function, in bytes.
pub const ALB_BODY_LIMIT: usize = 1024 * 1024;

/// What stands between HTTP and the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A function URL in `RESPONSE_STREAM` mode.
    FunctionUrl,
    /// An HTTP API with payload format 2.0 and the `$default` stage.
    HttpApiV2,
    /// A REST API with a proxy integration; its URL ends in the stage.
    RestV1,
    /// An Application Load Balancer with multi-value headers enabled.
    Alb,
}

impl EventKind {
    /// All kinds, for scenarios that must hold for each.
    pub const ALL: [Self; 4] = [Self::FunctionUrl, Self::HttpApiV2, Self::RestV1, Self::Alb];
}

/// A running emulator. Dropping it kills its processes and closes its ports.
#[derive(Debug)]
pub struct Emulator {
    base_url: String,
    fleet: Arc<Fleet>,
    front: JoinHandle<()>,
}

impl Emulator {
    /// Serves `binary` behind a front of kind `event`, with at most `max_instances` processes at a
    /// time. No process is started before the first request.
    ///
    /// # Errors
    /// When no loopback port can be bound. A binary that cannot be started shows in the answers and
    /// in [`failures`](Self::failures).
    pub async fn start(
        binary: &Path,
        env: &[(String, String)],
        event: EventKind,
        max_instances: usize,
    ) -> io::Result<Self> {
        let fleet = Arc::new(Fleet::new(binary, env, max_instances));
        let (address, front) = front::serve(Arc::clone(&fleet), event).await?;
        let stage = match event {
            EventKind::RestV1 => event::STAGE_PATH,
            EventKind::FunctionUrl | EventKind::HttpApiV2 | EventKind::Alb => "",
        };
        Ok(Self { base_url: format!("http://{address}{stage}"), fleet, front })
    }

    /// Where clients reach the function, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Announces to the function that each invocation may take so long, from the next on.
    pub fn allow(&self, time: Duration) {
        self.fleet.allow(time);
    }

    /// How many processes have been started so far.
    pub fn started(&self) -> usize {
        self.fleet.started()
    }

    /// The process ids of the instances that are alive.
    pub fn pids(&self) -> Vec<u32> {
        self.fleet.pids()
    }

    /// What the instances have written to stdout and stderr so far, each line prefixed with the
    /// instance's number.
    pub fn logs(&self) -> String {
        self.fleet.logs()
    }

    /// What went wrong so far: failed starts, failed invocations, broken-off answers, exits.
    pub fn failures(&self) -> Vec<Failure> {
        self.fleet.failures()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.front.abort();
        self.fleet.close();
    }
}
