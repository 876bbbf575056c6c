//! Settings to adapters to gateway, for every native entrypoint.
//!
//! Stores are chosen by the scheme of their URL. Nothing is opened here: an adapter connects when the
//! first request needs it.

mod agents;
mod blobs;
mod catalog;
mod logging;
mod machine;
mod models;
mod outside;
mod sandbox;
mod store;

use std::{sync::Arc, thread};

use dormouse_core::{
    Result,
    agents::Agents,
    catalog::Catalog,
    gateway::{Gateway, LocalServers, Ports, ToolPorts},
    ports::{Host, HttpClient, Sandbox},
    settings::Settings,
    tools::Toolbox,
};
use dormouse_host::{ClientOptions, GuardedClient, LocalClient, NativeHost, ReqwestClient};
use dormouse_plugins::Plugins;

pub use agents::agents;
pub use catalog::catalog;
pub use logging::start_logging;
pub use machine::Machine;
use models::Models;
pub use outside::built_in_model;
pub use sandbox::{SandboxHere, sandbox_exec};

/// How many requests each core may run at once, if no setting says otherwise.
const WORKERS_PER_CORE: u32 = 10;

/// A gateway on a machine that starts no model servers.
///
/// A setting that cannot be used is an [`InvalidRequest`](dormouse_core::Code::InvalidRequest) that
/// names it.
pub fn gateway(settings: Settings) -> Result<Gateway> {
    let read = (catalog(&settings)?, agents(&settings)?);
    let host: Arc<dyn Host> = Arc::new(NativeHost::default());
    let sandbox = sandbox::elsewhere(&settings, &host)?;
    build(settings, read, host, None, sandbox)
}

/// A gateway on this machine, and what it sets going there, which its owner must
/// [stop](Machine::stop) at the end. Call it in a tokio runtime.
///
/// Beside the errors of [`gateway`], a model that cannot be found is an
/// [`InvalidRequest`](dormouse_core::Code::InvalidRequest).
pub fn gateway_on_machine(settings: Settings) -> Result<(Gateway, Machine)> {
    // Before a model is started: a gateway with a wrong catalog does nothing at all.
    let read = (catalog(&settings)?, agents(&settings)?);
    let host = NativeHost::default();
    let shared: Arc<dyn Host> = Arc::new(host.clone());
    let models = Models::start(&settings, &shared)?;
    let sandbox = sandbox::here(&settings, &shared)?;
    let gateway = build(settings, read, shared, models.servers(), sandbox)?;
    Ok((gateway, Machine { models, host }))
}

fn build(
    mut settings: Settings,
    (catalog, agents): (Catalog, Agents),
    host: Arc<dyn Host>,
    models: Option<LocalServers>,
    sandbox: Option<Arc<dyn Sandbox>>,
) -> Result<Gateway> {
    settings.workers = settings.workers.or_else(|| Some(cores().saturating_mul(WORKERS_PER_CORE)));
    let records = store::open(&settings, Arc::clone(&host))?;
    let blobs = blobs::open(&settings, &host)?;
    let http: Arc<dyn HttpClient> = Arc::new(outside::outside(&settings));
    let web = GuardedClient::new(settings.upstream_connect_timeout);
    let plugins = settings.tools_dir.as_ref().map(Plugins::new);
    let plugins = plugins.into_iter().map(|it| Arc::new(it) as Arc<dyn Toolbox>);
    let servers = dormouse_mcp::toolboxes(catalog.mcp_servers(), &host, &http);
    let toolboxes = plugins.chain(servers).collect();
    let tools = ToolPorts { sandbox, web: Some(Arc::new(web)), toolboxes };
    let ports = Ports { host, http, records, blobs, models, tools };
    Ok(Gateway::with_catalog(settings, catalog, ports)?.with_agents(agents))
}

/// A client for servers on this machine.
pub fn direct_client(settings: &Settings) -> impl HttpClient + 'static {
    LocalClient::new(settings.upstream_connect_timeout)
}

/// A secret that nobody can guess.
pub fn random_secret() -> String {
    NativeHost::default().random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The HTTP client that `settings` ask for.
pub fn http_client(settings: &Settings) -> impl HttpClient + 'static {
    ReqwestClient::new(ClientOptions {
        connect_timeout: settings.upstream_connect_timeout,
        // Whoever speaks TLS is a hosted provider, whose connections last and cost something to make.
        keep: settings.upstream.as_ref().is_none_or(|url| url.starts_with("https://")),
        proxy: settings.upstream_proxy.as_ref().map(|url| url.expose().to_owned()),
    })
}

fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).unwrap_or(u32::MAX)
}
