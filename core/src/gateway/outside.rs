//! What a gateway is given: the world around it, and what is known of a request beside its content.

use std::sync::Arc;

use crate::{
    catalog::Route,
    conversation::Opened,
    ports::{Host, HttpClient, ModelServers, Records},
    wire::Opening,
};

/// The outside of a gateway: what its entrypoint provides.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Time, randomness, background work.
    pub host: Arc<dyn Host>,
    /// Calls to providers.
    pub http: Arc<dyn HttpClient>,
    /// What is kept.
    pub records: Arc<dyn Records>,
    /// The servers of this machine's models, on hosts that can start processes.
    pub models: Option<LocalServers>,
}

/// The servers of this machine's models, and the way to them.
#[derive(Clone, Debug)]
pub struct LocalServers {
    /// Who starts and stops them.
    pub servers: Arc<dyn ModelServers>,
    /// Calls to them. They are on this machine, so no proxy may stand in between.
    pub http: Arc<dyn HttpClient>,
}

/// What is known of a request beside its content.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Ties log lines and the receipt to the request.
    pub correlation_id: Option<String>,
    /// Names the conversation that the request continues, in the caller's own words.
    pub conversation: Option<String>,
    /// The catalog's route by which the request came.
    pub route: Option<Route>,
    /// The kept conversation that it belongs to, as [`Gateway::converse`](super::Gateway::converse) found it.
    pub conversing: Option<Opened>,
    /// What the answer will say about itself. Without it, no answer is kept.
    pub opening: Option<Opening>,
}
