//! The function that Spin calls.

use std::sync::{Arc, OnceLock};

use axum::{Router, body::Body};
use dormouse_core::{
    Error, Result,
    catalog::Catalog,
    gateway::{Gateway, Ports, ToolPorts},
    ports::{Host, HttpClient},
    sandbox::RemoteSandbox,
    settings::Settings,
};
use spin_sdk::{
    http::Request,
    http_service,
    wasip3::http::types::{ErrorCode, Response},
};
use tower::ServiceExt as _;

use crate::{
    agents, catalog, host::SpinHost, http_client::SpinClient, logging, response, settings, store,
    tasks,
};

#[http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    tasks::spawning(async {
        let router = router().await.map_err(|error| {
            // Before the settings are read there is no log to write to but Spin's own.
            ErrorCode::InternalError(Some(error.to_string()))
        })?;
        let Ok(answer) = router.oneshot(request.map(Body::new)).await;
        response::send(answer)
    })
    .await
}

/// The routes of this instance's gateway.
async fn router() -> Result<Router> {
    static ROUTER: OnceLock<Router> = OnceLock::new();
    if let Some(router) = ROUTER.get() {
        return Ok(router.clone());
    }
    // Two first requests may both come here; the gateway that is built second is dropped unused.
    let settings = settings::read().await?;
    if let Some(router) = ROUTER.get() {
        return Ok(router.clone());
    }
    // Before anything is made: a gateway with a wrong catalog does nothing at all.
    let catalog = catalog::read(&settings).await?;
    let agents = agents::read(&settings).await?;
    logging::start(&settings)?;
    let gateway = gateway(settings, catalog)?.with_agents(agents);
    let router = dormouse_http::router(gateway);
    #[cfg(feature = "conformance")]
    let router = router.merge(crate::conformance::router());
    Ok(ROUTER.get_or_init(|| router).clone())
}

fn gateway(settings: Settings, catalog: Catalog) -> Result<Gateway> {
    if let Some(server) = catalog.mcp_servers().first() {
        let name = &server.name;
        let why = format!("mcp_servers: `{name}`: a component cannot call MCP servers");
        return Err(Error::invalid("DORMOUSE_CONFIG", why));
    }
    let host: Arc<dyn Host> = Arc::new(SpinHost);
    let http: Arc<dyn HttpClient> = Arc::new(SpinClient::new(settings.upstream_connect_timeout));
    let records = store::open(&settings, Arc::new(SpinHost))?;
    let sandbox = RemoteSandbox::of(&settings, || Arc::clone(&http), &host)?;
    let tools = ToolPorts { sandbox, ..ToolPorts::default() };
    let ports = Ports { host, http, records, models: None, blobs: None, tools };
    Gateway::with_catalog(settings, catalog, ports)
}
