//! A server, as a toolbox: connected when its tools are asked for, and let alone for a while when it is down.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    catalog::McpServer,
    chat,
    ports::{Host, HttpClient},
    tools::{Tool, Toolbox},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use crate::{
    connection::Connection,
    tool::{ServerTool, described},
};

/// How long a list of tools counts, where the server says nothing of changes.
const LIST_COUNTS: Duration = Duration::from_secs(300);
/// The shortest value that is taken for a secret; `warn` or `1` are none.
const SHORTEST_SECRET: usize = 8;
/// How long a server that is down is let alone: first so long, then twice as long each time, up to so long.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// A server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    about: Arc<McpServer>,
    host: Arc<dyn Host>,
    http: Arc<dyn HttpClient>,
    state: Mutex<State>,
}

/// What is known of a server.
#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    connecting: Option<Connecting>,
    /// The tools, and when they were listed, in [`Host::elapsed`].
    listed: Option<(Listed, Duration)>,
    /// How often it was not there, one time after the other.
    failures: u32,
    /// Until when it is let alone, and why.
    rests: Option<(Duration, Arc<str>)>,
}

/// What there is to know of each tool. The tools themselves know the server, and would keep it alive.
type Listed = Arc<[Arc<chat::Tool>]>;
type Connecting = Shared<BoxFuture<'static, Result<Arc<Connection>, Arc<str>>>>;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("failures", &self.failures).finish_non_exhaustive()
    }
}

#[async_trait]
impl Toolbox for Server {
    fn namespace(&self) -> Option<&str> {
        Some(&self.inner.about.name)
    }

    /// The tools that the catalog allows. A server that cannot be reached is an
    /// [`UpstreamUnreachable`](Code::UpstreamUnreachable), at once while it rests.
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        let connection = self.connection().await.map_err(|why| self.down(&why))?;
        let listed = match self.listed(&connection) {
            Some(listed) => listed,
            None => self.list(&connection).await.map_err(|why| self.down(&why))?,
        };
        let tool = |about: &Arc<chat::Tool>| {
            Arc::new(ServerTool::new(self.clone(), Arc::clone(about))) as Arc<dyn Tool>
        };
        Ok(listed.iter().map(tool).collect())
    }
}

impl Server {
    /// The server that `about` describes. It is not called yet.
    pub fn new(about: Arc<McpServer>, host: Arc<dyn Host>, http: Arc<dyn HttpClient>) -> Self {
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { about, host, http, state }) }
    }

    /// What the catalog says of it.
    pub(crate) fn about(&self) -> &McpServer {
        &self.inner.about
    }

    /// A connection that is open. However many ask, one is made; whoever stops waiting does not end it.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Arc<str>> {
        let connecting = {
            let mut state = self.state();
            if let Some(connection) = state.connection.as_ref().filter(|it| it.is_open()) {
                return Ok(Arc::clone(connection));
            }
            state.connection = None;
            let now = self.inner.host.elapsed();
            match (&state.connecting, &state.rests) {
                (Some(connecting), _) => connecting.clone(),
                (None, Some((until, why))) if now < *until => return Err(Arc::clone(why)),
                (None, _) => state.connecting.insert(self.connect()).clone(),
            }
        };
        connecting.await
    }

    /// Connects, and lists the tools at once: package runners may take longer than a caller waits.
    fn connect(&self) -> Connecting {
        let server = self.clone();
        let task = tokio::spawn(async move {
            let opened = Connection::open(server.about(), &server.inner.http).await;
            let connected = match opened {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    server.list(&connection).await.map(|_| connection)
                }
                Err(why) => Err(server.without_secrets(why)),
            };
            server.connected(&connected);
            match &connected {
                Ok(_) => tracing::info!(server = server.about().name, "an MCP server is connected"),
                Err(why) => {
                    tracing::warn!(server = server.about().name, %why, "an MCP server is not there");
                }
            }
            connected
        });
        let ended = |_| Arc::from("the gateway is stopping");
        task.map(move |done| done.map_err(ended).flatten()).boxed().shared()
    }

    fn connected(&self, connected: &Result<Arc<Connection>, Arc<str>>) {
        let mut state = self.state();
        state.connecting = None;
        match connected {
            Ok(connection) => {
                state.connection = Some(Arc::clone(connection));
                state.failures = 0;
                state.rests = None;
            }
            Err(why) => {
                let rest = FIRST_REST.saturating_mul(1 << state.failures.min(16));
                let until = self.inner.host.elapsed().saturating_add(rest.min(LONGEST_REST));
                state.failures = state.failures.saturating_add(1);
                state.rests = Some((until, Arc::clone(why)));
            }
        }
    }

    /// The tools as they were listed, if that still counts.
    fn listed(&self, connection: &Connection) -> Option<Listed> {
        if connection.tools_changed() {
            return None;
        }
        let state = self.state();
        let (listed, at) = state.listed.as_ref()?;
        let age = self.inner.host.elapsed().saturating_sub(*at);
        (age < LIST_COUNTS).then(|| Arc::clone(listed))
    }

    async fn list(&self, connection: &Arc<Connection>) -> Result<Listed, Arc<str>> {
        let tools = connection.tools().await.map_err(|why| self.without_secrets(why))?;
        let about = self.about();
        let allowed = |name: &str| about.tools.as_ref().is_none_or(|list| list.allows(name));
        let offered = tools.into_iter().filter(|tool| allowed(&tool.name));
        let listed: Listed = offered.map(|tool| Arc::new(described(tool))).collect();
        self.state().listed = Some((Arc::clone(&listed), self.inner.host.elapsed()));
        Ok(listed)
    }

    /// What went wrong, fit to be logged: servers repeat what they were shown.
    fn without_secrets(&self, why: String) -> Arc<str> {
        let secrets = self.about().secrets();
        let shown = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET);
        shown.fold(why, |why, secret| why.replace(secret, "[redacted]")).into()
    }

    /// Why its tools are missing.
    fn down(&self, why: &str) -> Error {
        let message = format!("the MCP server `{}` is not there: {why}", self.about().name);
        Error::new(Code::UpstreamUnreachable, message)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
