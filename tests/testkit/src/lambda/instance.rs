//! One process of the function, and the invocation it works on.

use std::{
    io,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{Notify, mpsc, oneshot},
};

use super::{
    fleet::{Failure, Fleet, Lease},
    reply::Prelude,
    runtime_api,
};

/// One event on its way to the function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) event: Bytes,
    pub(super) running: Running,
}

/// What an answer needs once the function has the event.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) lease: Lease,
}

/// What became of an invocation.
#[derive(Debug)]
pub(super) enum Answer {
    /// The whole payload, as the function's JSON.
    Whole(Bytes),
    /// A payload that began to arrive. Without a prelude its content type did not announce one.
    Streamed { prelude: Option<Prelude>, pieces: mpsc::Receiver<io::Result<Bytes>> },
    /// No payload; the fleet knows why.
    Failed,
}

/// One process, as the front and the Runtime API see it.
#[derive(Debug)]
pub(super) struct Instance {
    number: usize,
    pid: Option<u32>,
    work: Mutex<Work>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Work {
    queued: Option<Invocation>,
    running: Option<(String, Running)>,
    dead: bool,
}

impl Instance {
    pub(super) fn is_alive(&self) -> bool {
        !self.lock().dead
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Queues the event of a lease on this instance; the answer comes on the returned channel, which
    /// closes without one only if the emulator is dropped.
    pub(super) fn invoke(lease: Lease, id: String, event: Bytes) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        let instance = Arc::clone(&lease.instance);
        let invocation = Invocation { id, event, running: Running { answer, lease } };
        let mut work = instance.lock();
        if work.dead {
            // The lease must not be dropped under the lock: it asks whether the instance is alive.
            drop(work);
            invocation.running.fail();
        } else {
            work.queued = Some(invocation);
            drop(work);
            instance.arrived.notify_one();
        }
        receiver
    }

    /// The next event, marked as running.
    pub(super) async fn next(&self) -> (String, Bytes) {
        loop {
            if let Some(next) = self.begin() {
                return next;
            }
            self.arrived.notified().await;
        }
    }

    fn begin(&self) -> Option<(String, Bytes)> {
        let mut work = self.lock();
        let Invocation { id, event, running } = work.queued.take()?;
        work.running = Some((id.clone(), running));
        Some((id, event))
    }

    /// The running invocation, if that is its id.
    pub(super) fn finish(&self, id: &str) -> Option<Running> {
        let mut work = self.lock();
        let (_, running) = work.running.take_if(|(running, _)| running == id)?;
        Some(running)
    }

    /// Fails whatever is queued or running, and everything to come.
    pub(super) fn die(&self) {
        let mut work = self.lock();
        work.dead = true;
        let queued = work.queued.take().map(|invocation| invocation.running);
        let running = work.running.take().map(|(_, running)| running);
        // As above, for the leases.
        drop(work);
        for running in queued.into_iter().chain(running) {
            running.fail();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        // Every change is a single assignment, so the state is whole even after a panic.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Answers that there is no payload; nobody may be there any more to read it.
    pub(super) fn fail(self) {
        let _ = self.answer.send(Answer::Failed);
    }
}

/// Starts a process and its Runtime API. The returned future is its life: dropped, it kills it.
pub(super) async fn spawn(
    fleet: &Arc<Fleet>,
    number: usize,
) -> io::Result<(Arc<Instance>, impl Future<Output = ()> + Send + 'static)> {
    let scratch = tempfile::tempdir()?;
    let (listener, address) = super::socket::Prompt::bind().await?;
    let mut child = Command::new(&fleet.binary)
        .env_clear()
        .envs(environment(number, &address.to_string()))
        .env("TMPDIR", scratch.path())
        .envs(fleet.env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let instance = Arc::new(Instance {
        number,
        pid: child.id(),
        work: Mutex::default(),
        arrived: Notify::new(),
    });
    let output = (child.stdout.take(), child.stderr.take());
    let (fleet, known) = (Arc::clone(fleet), Arc::clone(&instance));
    let life = async move {
        let _scratch = scratch;
        let api = runtime_api::serve(listener, Arc::clone(&known), Arc::clone(&fleet));
        let logs = async {
            tokio::join!(copy(output.0, &fleet, number), copy(output.1, &fleet, number));
        };
        tokio::pin!(api);
        tokio::select! {
            () = watch(&mut child, logs, &known, &fleet) => {}
            () = &mut api => {}
        }
    };
    Ok((instance, life))
}

/// Waits for the end of the process: its output, then its status.
async fn watch(
    child: &mut Child,
    logs: impl Future<Output = ()>,
    instance: &Instance,
    fleet: &Fleet,
) {
    let (status, ()) = tokio::join!(child.wait(), logs);
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let number = instance.number;
    if instance.is_alive() {
        let message = format!("instance {number} ended: {status}");
        fleet.report(Failure::new("Runtime.ExitError", message));
    }
    instance.die();
}

async fn copy(output: Option<impl AsyncRead + Unpin>, fleet: &Fleet, number: usize) {
    let Some(output) = output else { return };
    let mut lines = BufReader::new(output).split(b'\n');
    // A broken pipe is the end of the output like any other.
    while let Ok(Some(line)) = lines.next_segment().await {
        fleet.log(number, String::from_utf8_lossy(&line).trim_end());
    }
}

/// What Lambda sets for a custom runtime. `HOME` is not among it.
fn environment(number: usize, runtime_api: &str) -> [(&'static str, String); 13] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "dormouse".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/dormouse".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("instance-{number}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
    ]
}

/// What an `/error` call reports: `{"errorType": …, "errorMessage": …}`.
pub(super) fn reported(kind: &str, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let message = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| body.get("errorMessage")?.as_str().map(str::to_owned));
    Failure::new(kind, message.unwrap_or_else(|| text.into_owned()))
}
