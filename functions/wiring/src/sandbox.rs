//! Where programs are run.

use std::sync::Arc;

use dormouse_core::{
    Result,
    ports::{Host, HttpClient, Sandbox},
    sandbox::RemoteSandbox,
    settings::Settings,
};
use dormouse_host::{ClientOptions, ReqwestClient};

/// The sandbox of a gateway that runs no programs itself.
pub(crate) fn elsewhere(
    settings: &Settings,
    host: &Arc<dyn Host>,
) -> Result<Option<Arc<dyn Sandbox>>> {
    // The way to providers may lead over a proxy, the one to an operator's own machines does not.
    let http = || -> Arc<dyn HttpClient> {
        Arc::new(ReqwestClient::new(ClientOptions {
            connect_timeout: settings.upstream_connect_timeout,
            keep: true,
            proxy: None,
        }))
    };
    RemoteSandbox::of(settings, http, host)
}
