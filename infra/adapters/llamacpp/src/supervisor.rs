//! The port, and what carries out the fleet's decisions.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    ports::{Host, HttpClient, Lease, ModelHistory, ModelServer, ModelServers},
};
use tokio::sync::Notify;

use crate::{
    Counters, Options,
    fleet::{Closing, Effect, Entry, Fleet, Seat},
    life,
    process::Ports,
};

/// How long a server that did not finish in time may take to end at a shutdown.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// Starts model servers on this machine when they are asked for, and stops them when they are idle.
///
/// Its servers never outlive the process. Dropping it stops them when their leases are gone;
/// [`shutdown`](Self::shutdown) also waits for that.
pub struct Supervisor {
    inner: Arc<Inner>,
}

/// What the supervisor shares with the tasks of its servers and with leases.
pub(crate) struct Inner {
    pub(crate) options: Arc<Options>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) ports: Ports,
    fleet: Mutex<Fleet>,
    asleep: Notify,
}

impl Supervisor {
    /// A supervisor of sleeping servers; those of the preload list begin to wake. Idle times and
    /// back-offs pass by the clock of `host`. `http` must reach 127.0.0.1 without a proxy, and
    /// [Unix sockets](dormouse_core::ports::UnixSocket) where a command asks for one.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](Code::InvalidRequest): two models of one name, a command that is empty or
    /// has not one of `{port}` and `{socket}`, or a limit that lets no model wake.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time, here or later.
    pub fn new(options: Options, host: Arc<dyn Host>, http: Arc<dyn HttpClient>) -> Result<Self> {
        options.check()?;
        let options = Arc::new(options);
        let fleet = Mutex::new(Fleet::new(Arc::clone(&options)));
        let (ports, asleep) = (Ports::default(), Notify::new());
        let inner = Arc::new(Inner { options, host, http, ports, fleet, asleep });
        inner.with(Fleet::preload);
        Ok(Self { inner })
    }

    /// What happened so far, by model.
    pub fn counters(&self) -> BTreeMap<String, Counters> {
        self.inner.with(|fleet, _| fleet.counters())
    }

    /// Takes nobody in any more, lets running answers finish for up to
    /// [`drain_timeout`](Options::drain_timeout), and returns when no server is left.
    pub async fn shutdown(&self) {
        self.inner.with(|fleet, _| fleet.close(Closing::Gently));
        let gently = self.inner.all_asleep();
        if tokio::time::timeout(self.inner.options.drain_timeout, gently).await.is_err() {
            self.inner.with(|fleet, _| fleet.close(Closing::Now));
            self.inner.all_asleep().await;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.inner.with(|fleet, _| fleet.close(Closing::Gently));
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Inner {
    /// Changes the fleet, then does what it decided.
    pub(crate) fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut Fleet, Duration) -> T) -> T {
        let now = self.host.elapsed();
        let (result, effects) = {
            let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            (change(&mut fleet, now), fleet.effects())
        };
        for effect in effects {
            match effect {
                Effect::Start(model) => {
                    self.host.spawn(Box::pin(life::live(Arc::clone(self), model)));
                }
                Effect::Nudge(task) => task.notify_one(),
                Effect::Reply(caller, answer) => {
                    let answer = answer.map(|seat| self.lease(seat));
                    // The lease of a caller who left frees its place by being dropped here.
                    drop(caller.send(answer));
                }
            }
        }
        result
    }

    fn lease(self: &Arc<Self>, seat: Seat) -> Lease {
        let Seat { model, life, slot, base_url, woken_in } = seat;
        let guard = Box::new(Place { inner: Arc::clone(self), model, life, slot });
        Lease { base_url, woken_in, slot, guard }
    }

    /// How long a server that is told to stop may take.
    pub(crate) fn patience(self: &Arc<Self>) -> Duration {
        let hurry = self.with(|fleet, _| fleet.is_hurried());
        let usual = self.options.drain_timeout;
        if hurry { usual.min(LAST_PATIENCE) } else { usual }
    }

    pub(crate) fn tell_asleep(&self) {
        self.asleep.notify_waiters();
    }

    async fn all_asleep(self: &Arc<Self>) {
        loop {
            let mut told = std::pin::pin!(self.asleep.notified());
            told.as_mut().enable();
            if self.with(|fleet, _| fleet.is_asleep()) {
                return;
            }
            told.await;
        }
    }
}

#[async_trait]
impl ModelServers for Supervisor {
    async fn list(&self) -> Vec<ModelServer> {
        self.inner.with(|fleet, now| fleet.reports(now))
    }

    async fn state(&self, model: &str) -> Option<ModelServer> {
        self.inner.with(|fleet, now| fleet.report(model, now))
    }

    async fn wake(&self, model: &str, conversation: Option<&str>) -> Result<Lease> {
        let entry = self.inner.with(|fleet, now| fleet.enter(model, conversation, now))?;
        let (number, answer) = match entry {
            Entry::Seated(seat) => return Ok(self.inner.lease(seat)),
            Entry::Queued(number, answer) => (number, answer),
        };
        let _ticket = Ticket { inner: &self.inner, model, number };
        answer
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "the queue of the model was lost")))
    }

    async fn release(&self, model: &str) -> Result<()> {
        self.inner.with(|fleet, _| fleet.release(model))
    }

    async fn history(&self) -> Vec<ModelHistory> {
        let history = |(model, counters): (String, Counters)| ModelHistory {
            model,
            wakes: counters.wakes,
            waking: counters.wake_time,
            failures: counters.failures,
            evictions: counters.evictions,
        };
        self.counters().into_iter().map(history).collect()
    }
}

/// A caller's place in the queue, left when dropped.
struct Ticket<'a> {
    inner: &'a Arc<Inner>,
    model: &'a str,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.inner.with(|fleet, now| fleet.leave(self.model, self.number, now));
    }
}

/// A place in a server, perhaps with a slot, free again when dropped.
struct Place {
    inner: Arc<Inner>,
    model: Arc<str>,
    life: u64,
    slot: Option<u32>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.with(|fleet, now| fleet.free(&self.model, self.life, self.slot, now));
    }
}
