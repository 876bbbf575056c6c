//! The instances of the function: who is idle, how many there may be, what went wrong.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{
    DEADLINE,
    instance::{self, Instance},
};

/// Something that went wrong in the function or in its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Lambda's name for it: `Runtime.InitError`, `Runtime.ExitError`, `unhandled`, …
    pub kind: String,
    /// What the function said, or what was seen.
    pub message: String,
}

impl Failure {
    pub(super) fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }
}

/// All instances of one function.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) binary: PathBuf,
    pub(super) env: Vec<(String, String)>,
    permits: Arc<Semaphore>,
    numbers: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Most recently used last: like Lambda, a warm instance is preferred.
    idle: Vec<Arc<Instance>>,
    all: Vec<Arc<Instance>>,
    failures: Vec<Failure>,
    logs: String,
    /// How long an invocation may take, if not as long as Lambda allows.
    time: Option<Duration>,
    /// The tasks that own the processes; `None` once the fleet is closed.
    tasks: Option<JoinSet<()>>,
}

impl Fleet {
    pub(super) fn new(binary: &Path, env: &[(String, String)], max_instances: usize) -> Self {
        Self {
            binary: binary.to_owned(),
            env: env.to_owned(),
            permits: Arc::new(Semaphore::new(max_instances)),
            numbers: AtomicUsize::new(0),
            state: Mutex::new(State { tasks: Some(JoinSet::new()), ..State::default() }),
        }
    }

    /// An instance for one invocation, waited for if all are busy; `None` if there is none to be
    /// had.
    pub(super) async fn lease(self: &Arc<Self>) -> Option<Lease> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let instance = match self.warm() {
            Some(instance) => instance,
            None => self.cold().await?,
        };
        Some(Lease { instance, fleet: Arc::clone(self), _permit: permit })
    }

    fn warm(&self) -> Option<Arc<Instance>> {
        let mut state = self.lock();
        while let Some(instance) = state.idle.pop() {
            if instance.is_alive() {
                return Some(instance);
            }
        }
        None
    }

    async fn cold(self: &Arc<Self>) -> Option<Arc<Instance>> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (instance, life) = match instance::spawn(self, number).await {
            Ok(spawned) => spawned,
            Err(error) => {
                let message = format!("cannot start {}: {error}", self.binary.display());
                self.report(Failure::new("Runtime.InvalidEntrypoint", message));
                return None;
            }
        };
        let mut state = self.lock();
        // Nothing to spawn on means that the emulator was dropped meanwhile.
        state.tasks.as_mut()?.spawn(life);
        state.all.push(Arc::clone(&instance));
        Some(instance)
    }

    pub(super) fn allow(&self, time: Duration) {
        self.lock().time = Some(time);
    }

    /// How long an invocation may take.
    pub(super) fn time(&self) -> Duration {
        self.lock().time.unwrap_or(DEADLINE)
    }

    pub(super) fn started(&self) -> usize {
        self.lock().all.len()
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        let state = self.lock();
        state.all.iter().filter(|instance| instance.is_alive()).filter_map(|i| i.pid()).collect()
    }

    pub(super) fn report(&self, failure: Failure) {
        self.lock().failures.push(failure);
    }

    pub(super) fn failures(&self) -> Vec<Failure> {
        self.lock().failures.clone()
    }

    pub(super) fn log(&self, number: usize, line: &str) {
        let mut state = self.lock();
        state.logs.push_str(&format!("[{number}] {line}\n"));
    }

    pub(super) fn logs(&self) -> String {
        self.lock().logs.clone()
    }

    /// Refuses further work and kills the processes, which die with the tasks that own them.
    pub(super) fn close(&self) {
        self.permits.close();
        let (tasks, instances) = {
            let mut state = self.lock();
            (state.tasks.take(), std::mem::take(&mut state.all))
        };
        drop(tasks);
        for instance in instances {
            instance.die();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single push or pop, so the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one invocation; the instance is idle again when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) instance: Arc<Instance>,
    fleet: Arc<Fleet>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.instance.is_alive() {
            self.fleet.lock().idle.push(Arc::clone(&self.instance));
        }
    }
}
