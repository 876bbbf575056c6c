//! One server, from its start to its end.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::timeout};

use crate::{
    ModelSpec,
    fleet::{Ending, Errand},
    health::Health,
    process::{Address, Process, Socket},
    supervisor::Inner,
};

/// How often a server may find its port taken by somebody else. A socket is nobody else's.
const PORTS_TRIED: usize = 5;

/// Starts the server of a model and stays with it. Belongs to no caller: those may leave.
pub(crate) async fn live(inner: Arc<Inner>, model: Arc<str>) {
    let orders = inner.with(|fleet, _| fleet.orders(&model));
    if let Some((spec, nudge)) = orders {
        let life = Life { inner: &inner, model: &model, spec: &spec, nudge: &nudge };
        let ending = life.run().await;
        if let Ending::Failed(reason) = &ending {
            tracing::warn!(model = &*model, reason, "the model server failed");
        }
        inner.with(|fleet, now| fleet.ended(&model, ending, now));
        inner.tell_asleep();
    }
}

struct Life<'a> {
    inner: &'a Arc<Inner>,
    model: &'a str,
    spec: &'a ModelSpec,
    nudge: &'a Notify,
}

/// What came of a started server.
enum Start {
    Healthy { slots: Option<u32> },
    Ended(String),
    Late,
    Recalled,
}

impl Life<'_> {
    async fn run(&self) -> Ending {
        for _ in 0..PORTS_TRIED {
            if let Some(ending) = self.run_at_an_address().await {
                return ending;
            }
        }
        Ending::Failed(format!("found {PORTS_TRIED} ports taken by others"))
    }

    /// `None`: the port was taken by somebody else.
    async fn run_at_an_address(&self) -> Option<Ending> {
        let address = match self.address() {
            Ok(address) => address,
            Err(reason) => return Some(Ending::Failed(reason)),
        };
        let mut process = match Process::start(&self.spec.command_at(&address), &address) {
            Ok(process) => process,
            Err(reason) => return Some(Ending::Failed(reason)),
        };
        let url = address.url();
        match self.wake(&mut process, &url).await {
            Start::Healthy { slots } => Some(self.serve(process, &url, slots).await),
            Start::Recalled => {
                process.stop(self.inner.patience()).await;
                Some(Ending::Stopped)
            }
            Start::Ended(how) => {
                let words = process.kill().await;
                (!finds_port_taken(&words)).then(|| self.failed(&how, &words))
            }
            Start::Late => {
                let words = process.kill().await;
                let limit = self.inner.options.health_timeout;
                Some(self.failed(&format!("was not healthy within {limit:?}"), &words))
            }
        }
    }

    fn address(&self) -> Result<Address, String> {
        if self.spec.wants_socket() {
            let socket = Socket::reserve(self.inner.host.random());
            let socket = socket.map_err(|error| format!("there is no place for a socket: {error}"));
            socket.map(Address::Socket)
        } else {
            let port = self.inner.ports.reserve();
            port.map(Address::Port).map_err(|error| format!("there is no free port: {error}"))
        }
    }

    async fn wake(&self, process: &mut Process, url: &str) -> Start {
        let health = Health { http: &*self.inner.http, url };
        let arrival = async {
            let tell = |progress| self.inner.with(|fleet, _| fleet.advanced(self.model, progress));
            health.arrive(tell).await;
            health.slots().await
        };
        let arrived = tokio::select! {
            biased;
            how = process.end() => return Start::Ended(how),
            arrived = timeout(self.inner.options.health_timeout, arrival) => arrived,
            () = self.errand_is_to_stop() => return Start::Recalled,
        };
        match arrived {
            // Somebody else answers there.
            Ok(_) if !process.is_running() => Start::Ended(process.end().await),
            Ok(slots) => Start::Healthy { slots },
            Err(_) => Start::Late,
        }
    }

    async fn serve(&self, mut process: Process, url: &str, slots: Option<u32>) -> Ending {
        let base_url = format!("{url}/v1");
        self.inner.with(|fleet, now| fleet.warmed(self.model, base_url, slots, now));
        self.log_warm(url, slots);
        let ended = tokio::select! {
            biased;
            how = process.end() => Some(how),
            () = self.errand_is_to_stop() => None,
        };
        let Some(how) = ended else {
            process.stop(self.inner.patience()).await;
            self.log_asleep();
            return Ending::Stopped;
        };
        let words = process.kill().await;
        self.failed(&how, &words)
    }

    fn log_warm(&self, url: &str, slots: Option<u32>) {
        tracing::info!(model = self.model, url, slots, "the model is warm");
    }

    fn log_asleep(&self) {
        tracing::info!(model = self.model, "the model sleeps");
    }

    /// Returns when the fleet wants the server stopped.
    async fn errand_is_to_stop(&self) {
        loop {
            let (errand, now) = self.inner.with(|fleet, now| (fleet.errand(self.model, now), now));
            match errand {
                Errand::Stop => return,
                Errand::Wait => self.nudge.notified().await,
                Errand::Until(then) => {
                    let rest: Duration = then.saturating_sub(now);
                    tokio::select! {
                        () = self.inner.host.sleep(rest) => {}
                        () = self.nudge.notified() => {}
                    }
                }
            }
        }
    }

    fn failed(&self, how: &str, words: &str) -> Ending {
        let words = self.spec.without_secrets(words);
        Ending::Failed(if words.is_empty() { how.to_owned() } else { format!("{how}: {words}") })
    }
}

/// What servers say when they cannot listen: libc's words, and llama-server's.
fn finds_port_taken(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    [
        "address already in use",
        "address in use",
        "couldn't bind",
        "could not bind",
        "failed to bind",
    ]
    .iter()
    .any(|phrase| words.contains(phrase))
}
