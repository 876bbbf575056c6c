//! Tools of servers of the Model Context Protocol, as [`Toolbox`]es: over HTTP, and in processes that are
//! started on this machine.
//!
//! The protocol is spoken by the official SDK, `rmcp`, which runs on tokio. A server is called when its tools
//! are first asked for. One that is down takes its tools away, and is tried again after a while; nothing else
//! waits for it.
//!
//! | module       | holds                                                              |
//! |--------------|--------------------------------------------------------------------|
//! | `server`     | a server: connected when needed, its list of tools, its rests      |
//! | `connection` | one connection: the handshake, listing, calling                    |
//! | `tool`       | one tool, and what its results are to a model                      |
//! | `http`       | the SDK's HTTP over the gateway's port                             |
//! | `process`    | a server's process, which never outlives this one                  |

mod connection;
mod http;
mod process;
mod server;
mod tool;

use std::sync::Arc;

use dormouse_core::{
    catalog::McpServer,
    ports::{Host, HttpClient},
    tools::Toolbox,
};

pub use server::Server;

/// A toolbox for each of `servers`, in their order. Nothing is called or started yet.
pub fn toolboxes(
    servers: &[Arc<McpServer>],
    host: &Arc<dyn Host>,
    http: &Arc<dyn HttpClient>,
) -> Vec<Arc<dyn Toolbox>> {
    let toolbox = |server: &Arc<McpServer>| {
        let server = Server::new(Arc::clone(server), Arc::clone(host), Arc::clone(http));
        Arc::new(server) as Arc<dyn Toolbox>
    };
    servers.iter().map(toolbox).collect()
}
