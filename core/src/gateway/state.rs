//! What a gateway says about itself: whether what it depends on is there, and its figures.

use std::time::Duration;

use super::Gateway;
use crate::{Code, Error, Result, inference::Deadline, ports::ModelServer};

/// How long a dependency may take to show that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a gateway can serve.
#[derive(Debug)]
pub struct Readiness {
    /// Each dependency.
    pub checks: Vec<Check>,
}

/// One dependency.
#[derive(Debug)]
pub struct Check {
    /// `store`, `upstream` or `models`.
    pub name: &'static str,
    /// How long it took to answer.
    pub latency: Duration,
    /// `None` if it is there.
    pub error: Option<Error>,
    /// Of `models`: how the servers of this machine's models are. None of them makes a gateway
    /// unready: a cold model is woken when asked for, a failed one is tried again.
    pub servers: Option<Vec<ModelServer>>,
}

impl Readiness {
    /// Whether everything is there.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.error.is_none())
    }
}

impl Gateway {
    /// Looks whether every dependency is there.
    pub async fn readiness(&self) -> Readiness {
        let store = self.check("store", async {
            // Any read will do; this one is of a collection that always exists.
            self.keys.list(None, 1).await.map(|_| ())
        });
        let upstream = async {
            let listed = self.local.is_some() || !self.catalog.providers().is_empty();
            match (self.default_provider(), listed) {
                // With models of its own, or providers that others may stand in for, a gateway needs no
                // upstream.
                (None, true) => None,
                (Some(provider), _) => {
                    let probe = async { provider.models().await.map(|_| ()) };
                    Some(self.check("upstream", probe).await)
                }
                (None, false) => {
                    let missing =
                        Error::new(Code::UpstreamUnreachable, "no upstream is configured");
                    Some(self.check("upstream", async { Err(missing) }).await)
                }
            }
        };
        let models = async {
            let local = self.local.as_ref()?;
            let mut servers = Vec::new();
            let probe = async {
                servers = local.servers().list().await;
                Ok(())
            };
            let check = self.check("models", probe).await;
            Some(Check { servers: Some(servers), ..check })
        };
        let (store, upstream, models) = futures::join!(store, upstream, models);
        Readiness { checks: [Some(store), upstream, models].into_iter().flatten().collect() }
    }

    /// Everything counted so far, in the OpenMetrics text format 1.0.
    pub async fn figures(&self) -> Result<String> {
        if let Some(local) = &self.local {
            let servers = local.servers();
            let (now, history) = futures::join!(servers.list(), servers.history());
            self.metrics.models_are(&now, &history);
        }
        self.metrics.render()
    }

    async fn check(&self, name: &'static str, probe: impl Future<Output = Result<()>>) -> Check {
        let host = &self.ports.host;
        let before = host.elapsed();
        let deadline = Deadline::after(host.clone(), PATIENCE);
        let answered = deadline.within(PATIENCE, probe).await;
        let latency = host.elapsed().saturating_sub(before);
        let error = match answered {
            Some(result) => result.err(),
            None => Some(Error::new(Code::UpstreamTimeout, "no answer in time")),
        };
        Check { name, latency, error, servers: None }
    }
}
