//! The contract of [`ModelServers`], clause by clause.
//!
//! Capacity, eviction and processes are not the port's: adapters test them themselves.

mod failing;
mod leasing;
mod queueing;
mod waking;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use dormouse_core::{
    Error, Result,
    ports::{Lease, ModelServer, ModelServers, ServerState},
};

/// The models that a [`ServerYard`] must have, and how it must treat them.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Two models.
    pub models: [&'static str; 2],
    /// How many numbered slots each server has.
    pub slots: u32,
    /// How many callers may wait for each.
    pub queue: usize,
    /// When a server without answers to give is stopped.
    pub idle_timeout: Duration,
    /// How long a model rests after its first failed start.
    pub backoff: Duration,
}

/// See [`Terms`].
pub const TERMS: Terms = Terms {
    models: ["left", "right"],
    slots: 3,
    queue: 24,
    idle_timeout: Duration::from_secs(60),
    backoff: Duration::from_secs(10),
};

/// Servers under test, and what a suite must be able to do to them. Set up by [`TERMS`].
#[async_trait]
pub trait ServerYard: fmt::Debug + Send + Sync {
    /// The port under test.
    fn servers(&self) -> &dyn ModelServers;

    /// Leaves the next wakes of a model unfinished.
    fn hold(&self, model: &str);

    /// Finishes the wakes of a model.
    fn let_go(&self, model: &str);

    /// Makes starts of a model fail, and its server die.
    fn break_down(&self, model: &str);

    /// Makes starts of a model succeed again.
    fn mend(&self, model: &str);

    /// How often a server of a model was started.
    fn starts(&self, model: &str) -> usize;

    /// Lets time pass on the clock by which servers idle and models rest.
    fn pass(&self, time: Duration);

    /// Lets the servers go on for a moment.
    async fn breathe(&self);
}

/// Checks every clause of the [`ModelServers`] contract. The yard's servers are cold before and after.
pub async fn model_servers(yard: &dyn ServerYard) {
    for model in TERMS.models {
        let ward = Ward { yard, model };
        waking::check(&ward).await;
        leasing::check(&ward).await;
        queueing::check(&ward).await;
        failing::check(&ward).await;
    }
}

/// One model of the yard.
struct Ward<'a> {
    yard: &'a dyn ServerYard,
    model: &'a str,
}

impl Ward<'_> {
    async fn wake(&self) -> Result<Lease> {
        self.wake_for(None).await
    }

    async fn wake_for(&self, conversation: Option<&str>) -> Result<Lease> {
        self.yard.servers().wake(self.model, conversation).await
    }

    /// Wakes what nothing stands against.
    async fn awaken(&self, claim: &str) -> Lease {
        self.wake().await.unwrap_or_else(|error| panic!("{claim}: {error}"))
    }

    /// The error of a wake that must fail.
    async fn refused(&self, claim: &str) -> Error {
        match self.wake().await {
            Ok(lease) => panic!("{claim}: {lease:?}"),
            Err(error) => error,
        }
    }

    async fn release(&self) {
        self.yard.servers().release(self.model).await.unwrap();
    }

    async fn report(&self) -> ModelServer {
        self.yard.servers().state(self.model).await.unwrap()
    }

    fn starts(&self) -> usize {
        self.yard.starts(self.model)
    }

    /// Waits until the server is as `claim`ed.
    async fn until(&self, claim: &str, expected: impl Fn(&ModelServer) -> bool) -> ModelServer {
        for _ in 0..5_000 {
            let report = self.report().await;
            if expected(&report) {
                return report;
            }
            self.yard.breathe().await;
        }
        panic!("{claim}: {:?}", self.report().await)
    }

    /// Puts the server to sleep.
    async fn sleep(&self) {
        self.release().await;
        self.until("clause 6: a released server stops", |it| it.state == ServerState::Cold).await;
    }

    /// Time enough for what should not happen.
    async fn breathe_deeply(&self) {
        for _ in 0..20 {
            self.yard.breathe().await;
        }
    }
}
