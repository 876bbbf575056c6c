//! Models on this machine, whose servers sleep until they are asked.

use std::sync::Arc;

use super::{Provider, Target};
use crate::{
    ports::{Host, HttpClient, Lease, ModelServers},
    settings::Settings,
};

/// The models of this machine. Clones share their servers.
#[derive(Clone, Debug)]
pub struct LocalModels {
    servers: Arc<dyn ModelServers>,
    http: Arc<dyn HttpClient>,
    host: Arc<dyn Host>,
    settings: Arc<Settings>,
}

impl LocalModels {
    /// The models of `servers`, called through `http`.
    pub fn new(
        servers: Arc<dyn ModelServers>,
        http: Arc<dyn HttpClient>,
        host: Arc<dyn Host>,
        settings: Arc<Settings>,
    ) -> Self {
        Self { servers, http, host, settings }
    }

    /// Their servers.
    pub fn servers(&self) -> &Arc<dyn ModelServers> {
        &self.servers
    }

    /// The server that `lease` keeps warm, as a provider.
    pub fn provider(&self, lease: &Lease) -> Provider {
        let target = Target::from_lease(lease, &self.settings);
        Provider::new(target, Arc::clone(&self.http), Arc::clone(&self.host))
    }
}
