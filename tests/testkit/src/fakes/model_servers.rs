//! Model servers without processes.

mod server;

use std::{
    collections::BTreeMap,
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    ports::{Host, Lease, ModelServer, ModelServers},
};
use server::{Server, Turn};

/// Model servers in the hands of a test: they wake at once, unless [held](Self::hold) or
/// [broken](Self::break_down), and idle by the clock of the given host. Nothing is started and nobody
/// listens, except where the test says that somebody [does](Self::answer_at).
#[derive(Debug)]
pub struct FakeModelServers {
    yard: Arc<Yard>,
}

#[derive(Debug)]
struct Yard {
    host: Arc<dyn Host>,
    servers: Mutex<BTreeMap<String, Server>>,
    waiting: Mutex<Vec<Waker>>,
}

impl FakeModelServers {
    /// Cold servers for `models`: any number of answers at once, 256 places in the queue, stopped
    /// after 5 idle minutes, a back-off that starts at 1 second.
    pub fn new<'a>(host: Arc<dyn Host>, models: impl IntoIterator<Item = &'a str>) -> Self {
        let servers = models.into_iter().map(|model| (model.to_owned(), Server::default()));
        let yard = Yard { host, servers: Mutex::new(servers.collect()), waiting: Mutex::default() };
        Self { yard: Arc::new(yard) }
    }

    /// Stops idle servers after `time`.
    #[must_use]
    pub fn idle_after(self, time: Duration) -> Self {
        self.each(|server| server.idle_after = time);
        self
    }

    /// Lets at most `callers` wait for each model.
    #[must_use]
    pub fn queue(self, callers: u32) -> Self {
        self.each(|server| server.queue = callers);
        self
    }

    /// Gives each server that many numbered slots.
    #[must_use]
    pub fn slots(self, slots: u32) -> Self {
        self.each(|server| server.slots.number(slots));
        self
    }

    /// Says how long a wake takes, before any was measured.
    #[must_use]
    pub fn expect_wakes_of(self, time: Duration) -> Self {
        self.each(|server| server.expected_wake = Some(time));
        self
    }

    /// Leaves the next wakes of `model` unfinished, until they are [let go](Self::let_go).
    pub fn hold(&self, model: &str) {
        self.set(model, |server, _| server.held = true);
    }

    /// Finishes the wake of `model`, and does so at once from now on.
    pub fn let_go(&self, model: &str) {
        self.set(model, Server::let_go);
    }

    /// Makes wakes of `model` fail, and the server too, if it runs.
    pub fn break_down(&self, model: &str, reason: &str) {
        self.set(model, |server, now| server.break_down(reason, now));
    }

    /// Makes wakes of `model` succeed again, once its back-off is over.
    pub fn mend(&self, model: &str) {
        self.set(model, |server, _| server.broken = None);
    }

    /// Says how far the wake of `model` is: 0 to 1.
    pub fn progress(&self, model: &str, progress: f32) {
        self.set(model, |server, _| server.progress = Some(progress));
    }

    /// Says who answers for `model`: a base URL ending in `/v1`.
    pub fn answer_at(&self, model: &str, base_url: impl Into<String>) {
        let base_url = base_url.into();
        self.set(model, |server, _| server.base_url = base_url);
    }

    /// How often the server of `model` was started.
    pub fn starts(&self, model: &str) -> usize {
        self.yard.servers().get(model).map_or(0, |server| server.starts)
    }

    fn each(&self, change: impl FnMut(&mut Server)) {
        self.yard.servers().values_mut().for_each(change);
    }

    fn set(&self, model: &str, change: impl FnOnce(&mut Server, Duration)) {
        self.yard.change(model, change);
    }
}

impl Yard {
    fn servers(&self) -> MutexGuard<'_, BTreeMap<String, Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a server and lets everybody who waits look again.
    fn change<T>(&self, model: &str, change: impl FnOnce(&mut Server, Duration) -> T) -> Option<T> {
        let now = self.host.elapsed();
        let changed = self.servers().get_mut(model).map(|server| {
            server.pass_time(now);
            change(server, now)
        });
        self.look_again();
        changed
    }

    fn look_again(&self) {
        let waiting = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }

    fn wait(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(waker.clone());
    }
}

#[async_trait]
impl ModelServers for FakeModelServers {
    async fn list(&self) -> Vec<ModelServer> {
        let now = self.yard.host.elapsed();
        let mut servers = self.yard.servers();
        servers.iter_mut().map(|(model, server)| server.report(model, now)).collect()
    }

    async fn state(&self, model: &str) -> Option<ModelServer> {
        let now = self.yard.host.elapsed();
        self.yard.servers().get_mut(model).map(|server| server.report(model, now))
    }

    async fn wake(&self, model: &str, conversation: Option<&str>) -> Result<Lease> {
        let mut caller = Caller { yard: &self.yard, model, queued: false };
        let entered = self.yard.host.elapsed();
        let mut waited_for_wake = false;
        poll_fn(|context| {
            // Before the look at the server: a change in between is not missed.
            self.yard.wait(context.waker());
            let now = self.yard.host.elapsed();
            let mut servers = self.yard.servers();
            let Some(server) = servers.get_mut(model) else {
                return Poll::Ready(Err(unknown(model)));
            };
            match server.ask(caller.queued, conversation, now) {
                Turn::Come { slot, base_url, life } => {
                    let woken_in = if waited_for_wake { now - entered } else { Duration::ZERO };
                    let place = (model.to_owned(), life, slot);
                    let guard = Box::new(Place { yard: Arc::clone(&self.yard), place });
                    Poll::Ready(Ok(Lease { base_url, woken_in, slot, guard }))
                }
                Turn::Wait { to_wake } => {
                    caller.queued = true;
                    waited_for_wake |= to_wake;
                    Poll::Pending
                }
                Turn::Leave(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }

    async fn release(&self, model: &str) -> Result<()> {
        self.yard.change(model, Server::release).ok_or_else(|| unknown(model))
    }
}

fn unknown(model: &str) -> Error {
    Error::new(Code::ModelNotFound, format!("there is no model `{model}` here"))
}

/// Somebody who asked for a place; leaves the queue when dropped.
struct Caller<'a> {
    yard: &'a Yard,
    model: &'a str,
    queued: bool,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.queued {
            self.yard.change(self.model, |server, _| server.queued -= 1);
        }
    }
}

/// A place in the `life`th life of a model's server, perhaps with a slot; free again when dropped.
struct Place {
    yard: Arc<Yard>,
    place: (String, usize, Option<u32>),
}

impl Drop for Place {
    fn drop(&mut self) {
        let (model, life, slot) = &self.place;
        self.yard.change(model, |server, now| server.free(*life, *slot, now));
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::{
        conformance::{self, ServerYard, TERMS},
        fakes::TestHost,
    };

    #[derive(Debug)]
    struct Toys {
        host: Arc<TestHost>,
        servers: FakeModelServers,
    }

    #[async_trait]
    impl ServerYard for Toys {
        fn servers(&self) -> &dyn ModelServers {
            &self.servers
        }

        fn hold(&self, model: &str) {
            self.servers.hold(model);
        }

        fn let_go(&self, model: &str) {
            self.servers.let_go(model);
        }

        fn break_down(&self, model: &str) {
            self.servers.break_down(model, "the test broke it");
        }

        fn mend(&self, model: &str) {
            self.servers.mend(model);
        }

        fn starts(&self, model: &str) -> usize {
            self.servers.starts(model)
        }

        fn pass(&self, time: Duration) {
            self.host.advance(time);
        }

        async fn breathe(&self) {
            // Lets others of the same task go first.
            let mut first = true;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        }
    }

    #[test]
    fn fake_model_servers_conform() {
        let host = Arc::new(TestHost::new());
        let servers = FakeModelServers::new(Arc::clone(&host) as _, TERMS.models)
            .slots(TERMS.slots)
            .queue(u32::try_from(TERMS.queue).unwrap())
            .idle_after(TERMS.idle_timeout);
        block_on(conformance::model_servers(&Toys { host, servers }));
    }
}
