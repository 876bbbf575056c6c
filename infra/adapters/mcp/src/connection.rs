//! One connection to a server: the handshake, listing and calling.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_core::{
    catalog::{McpPlace, McpServer},
    ports::HttpClient,
};
use rmcp::{
    ClientHandler, Peer, RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ClientConfig, Implementation,
        PaginatedRequestParams, ProtocolVersion, SubscriptionFilter, Tool,
    },
    service::{
        ClientLifecycleMode, ClientServiceExt, NotificationContext, RunningService, ServiceError,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::time::timeout;

use crate::{http::Client, process::Process};

/// How long a server may take to be started and to say what it can: package runners load it first.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(60);
/// How long a server may take to list its tools.
const LIST_WITHIN: Duration = Duration::from_secs(30);
/// The most tools of a server.
const MAX_TOOLS: usize = 512;
/// The largest description of a tool with its schema, in bytes.
const MAX_TOOL_BYTES: usize = 64 << 10;

/// A connection that was made. Dropping it ends it, and the server's process.
pub(crate) struct Connection {
    service: RunningService<RoleClient, Ears>,
    process: Option<Process>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `server`. An error says why it is not there, for people to read.
    pub(crate) async fn open(
        server: &McpServer,
        http: &Arc<dyn HttpClient>,
    ) -> Result<Self, String> {
        let late = || format!("it did not answer within {} s", HANDSHAKE_WITHIN.as_secs());
        let ears = Ears::default();
        // What is newest, or what the server speaks instead.
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: ProtocolVersion::KNOWN_VERSIONS.iter().rev().cloned().collect(),
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        };
        let (process, opened) = match &server.place {
            McpPlace::Url { url, headers } => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
                config.custom_headers = headers.0.iter().cloned().collect::<HashMap<_, _>>();
                let client = Client(Arc::clone(http));
                let transport = StreamableHttpClientTransport::with_client(client, config);
                let opening = ears.serve_with_lifecycle(transport, lifecycle);
                (None, timeout(HANDSHAKE_WITHIN, opening).await)
            }
            McpPlace::Process { command, args, env } => {
                let started = Process::start(command, args, env);
                let (process, answers, asked) =
                    started.map_err(|error| format!("`{command}` cannot be started: {error}"))?;
                let opening = ears.serve_with_lifecycle((answers, asked), lifecycle);
                (Some(process), timeout(HANDSHAKE_WITHIN, opening).await)
            }
        };
        let opened = opened.map_err(|_| late());
        let service = match opened.and_then(|opened| opened.map_err(|error| error.to_string())) {
            Ok(service) => service,
            Err(why) => return Err(with_words(why, process.as_ref()).await),
        };
        let connection = Self { service, process };
        connection.listen();
        Ok(connection)
    }

    /// Whether calls may still go through it.
    pub(crate) fn is_open(&self) -> bool {
        !self.service.is_closed() && !self.service.peer().is_transport_closed()
    }

    /// Whether the server has said, since the last look, that its tools are others now.
    pub(crate) fn tools_changed(&self) -> bool {
        self.service.service().changed.swap(false, Ordering::AcqRel)
    }

    /// Lists the server's tools, without those that are too large to be told of.
    pub(crate) async fn tools(&self) -> Result<Vec<Tool>, String> {
        let listing = async {
            let (mut tools, mut cursor) = (Vec::new(), None);
            loop {
                let page = PaginatedRequestParams::default().with_cursor(cursor);
                let result = self.service.list_tools(Some(page)).await?;
                tools.extend(result.tools);
                cursor = result.next_cursor;
                if cursor.is_none() || tools.len() >= MAX_TOOLS {
                    return Ok::<_, ServiceError>(tools);
                }
            }
        };
        let late = |_| "it did not list its tools in time".to_owned();
        let listed = timeout(LIST_WITHIN, listing).await.map_err(late)?;
        let mut tools = match listed {
            Ok(tools) => tools,
            Err(error) => return Err(self.told(error).await),
        };
        tools.truncate(MAX_TOOLS);
        tools.retain(|tool| {
            let size = serde_json::to_vec(tool).map_or(usize::MAX, |text| text.len());
            let fits = size <= MAX_TOOL_BYTES;
            if !fits {
                tracing::warn!(tool = %tool.name, size, "a tool is left out: it is too large");
            }
            fits
        });
        Ok(tools)
    }

    /// Calls a tool. Dropping the future tells the server that nobody waits any more.
    pub(crate) async fn call(
        &self,
        params: CallToolRequestParams,
    ) -> Result<CallToolResult, String> {
        match self.service.call_tool(params).await {
            Ok(result) => Ok(result),
            Err(error) => Err(self.told(error).await),
        }
    }

    /// An error, with the last words of a server that is gone.
    async fn told(&self, error: ServiceError) -> String {
        match error {
            ServiceError::McpError(error) => error.message.into_owned(),
            error => with_words(error.to_string(), self.process.as_ref()).await,
        }
    }

    /// Hears of changed tools, where the server must be asked to tell: from 2026-07-28 on.
    fn listen(&self) {
        let peer = self.service.peer().clone();
        let tells = peer.peer_info().is_some_and(|info| {
            let tools = info.capabilities.tools.as_ref();
            !info.protocol_version.has_initialize()
                && tools.and_then(|tools| tools.list_changed) == Some(true)
        });
        if tells {
            tokio::spawn(hear(peer, Arc::clone(&self.service.service().changed)));
        }
    }
}

async fn hear(peer: Peer<RoleClient>, changed: Arc<AtomicBool>) {
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = match peer.listen(filter).await {
        Ok(subscription) => subscription,
        Err(error) => {
            tracing::debug!(%error, "a server does not tell when its tools change");
            return;
        }
    };
    while let Ok(Some(_)) = subscription.next().await {
        changed.store(true, Ordering::Release);
    }
    // Whatever came after that was missed.
    changed.store(true, Ordering::Release);
}

async fn with_words(why: String, process: Option<&Process>) -> String {
    let words = match process {
        Some(process) => process.last_words().await,
        None => String::new(),
    };
    if words.is_empty() { why } else { format!("{why} ({words})") }
}

/// Who hears what a server says unasked. The gateway lends servers nothing: no model, no user, no files.
#[derive(Clone, Debug, Default)]
struct Ears {
    changed: Arc<AtomicBool>,
}

impl ClientHandler for Ears {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.store(true, Ordering::Release);
    }

    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.client_info = Implementation::new("dormouse", env!("CARGO_PKG_VERSION"));
        config
    }
}
