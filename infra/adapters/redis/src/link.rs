//! The connection: opened by the first call, shared by all, replaced when it fails.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_core::{Error, Result};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, Pipeline,
    ProtocolVersion, PushInfo, PushKind, RedisFuture, RedisResult, ScriptInvocation, Value,
    aio::{ConnectionLike, MultiplexedConnection, SendError},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cmd,
};
use tokio::time::{Instant, timeout_at};

use crate::failure::Failure;

/// How long a call may take, with opening a connection and trying a second time.
const CALL: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

pub(crate) struct Link {
    server: Server,
    open: Mutex<Open>,
    /// Held by who opens a connection, so that a crowd opens one.
    opening: tokio::sync::Mutex<()>,
}

enum Server {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Default)]
struct Open {
    /// How many connections were opened before this one.
    number: u64,
    wire: Option<Wire>,
}

/// Something to ask a server.
pub(crate) enum Call {
    Command(Cmd),
    Script(ScriptInvocation<'static>),
}

/// Whether a call is made a second time if the connection failed under the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It has the same effect as once.
    Safe,
    /// The first may have been served.
    Unsafe,
}

impl Link {
    /// The server of a URL, to which nothing is sent before the first call.
    pub(crate) fn new(url: &str) -> Result<Self> {
        // Fails only if it is installed already, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = match cluster(url) {
            Some(nodes) => ClusterClient::builder(nodes)
                .connection_timeout(CONNECT)
                .response_timeout(CALL)
                .build()
                .map(|client| Server::Cluster(Box::new(client))),
            None => one(url).map(|client| Server::One(Box::new(client))),
        };
        // What is wrong may quote the URL, which may hold a password.
        let server =
            server.map_err(|_| Error::invalid("url", "is not the URL of a Redis server"))?;
        Ok(Self { server, open: Mutex::default(), opening: tokio::sync::Mutex::default() })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.server, Server::Cluster(_))
    }

    /// Asks, and once more where that is safe and the connection has failed.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        call: &Call,
        repeat: Repeat,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + CALL;
        let mut again = repeat == Repeat::Safe;
        loop {
            let wire = timeout_at(deadline, self.wire()).await.map_err(Failure::silent)?;
            let (number, mut wire) = wire?;
            let failure = match timeout_at(deadline, call.on(&mut wire)).await {
                Ok(Ok(answer)) => {
                    return redis::from_redis_value(answer)
                        .map_err(|_| Failure::corrupt("the answer is of another type"));
                }
                Ok(Err(error)) => Failure::from(error),
                Err(elapsed) => Failure::silent(elapsed),
            };
            if !failure.is_connected() {
                self.discard(number);
            }
            if failure.is_connected() || !std::mem::take(&mut again) {
                return Err(failure);
            }
        }
    }

    /// The connection and its number.
    async fn wire(&self) -> Result<(u64, Wire), Failure> {
        if let Some(wire) = self.current() {
            return Ok(wire);
        }
        let _opening = self.opening.lock().await;
        if let Some(wire) = self.current() {
            return Ok(wire);
        }
        let wire = self.server.connect().await?;
        let mut open = self.open();
        open.number += 1;
        open.wire = Some(wire.clone());
        Ok((open.number, wire))
    }

    fn current(&self) -> Option<(u64, Wire)> {
        let open = self.open();
        let wire = open.wire.as_ref().filter(|wire| !wire.is_closed());
        wire.map(|wire| (open.number, wire.clone()))
    }

    /// Has the next call open another connection than this one.
    fn discard(&self, number: u64) {
        let mut open = self.open();
        if open.number == number {
            open.wire = None;
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    async fn connect(&self) -> Result<Wire, Failure> {
        match self {
            Self::One(client) => {
                let closed = Arc::new(AtomicBool::new(false));
                let notice = Arc::clone(&closed);
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(None)
                    .set_push_sender(move |push: PushInfo| {
                        let closes = push.kind == PushKind::Disconnection;
                        notice.fetch_or(closes, Ordering::Relaxed);
                        Ok::<_, SendError>(())
                    });
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                let mut connection = connection.await?;
                assert_keeps(&mut connection).await?;
                Ok(Wire::One { connection, closed })
            }
            Self::Cluster(client) => Ok(Wire::Cluster(client.get_async_connection().await?)),
        }
    }
}

/// Refuses a server that forgets what it was told when its memory is full: budgets would be free again. A
/// server that does not say what it does is trusted.
async fn assert_keeps(connection: &mut MultiplexedConnection) -> Result<(), Failure> {
    let memory: String = match cmd("INFO").arg("memory").query_async(connection).await {
        Ok(memory) => memory,
        Err(error) => {
            let failure = Failure::from(error);
            return if failure.is_connected() { Ok(()) } else { Err(failure) };
        }
    };
    let said = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name));
    match said("maxmemory_policy:") {
        Some(policy) if policy != "noeviction" && said("maxmemory:") != Some("0") => {
            Err(Failure::forgetful(policy))
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::One(client) => {
                write!(f, "{}", client.get_connection_info().addr())
            }
            Server::Cluster(_) => f.write_str("cluster"),
        }
    }
}

impl Call {
    async fn on(&self, wire: &mut Wire) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(wire).await,
            // By its hash, and in full only where the server does not know it.
            Self::Script(call) => call.invoke_async(wire).await,
        }
    }
}

/// An open connection. Clones share it.
#[derive(Clone)]
enum Wire {
    One {
        connection: MultiplexedConnection,
        /// Whether the server is known to have gone.
        closed: Arc<AtomicBool>,
    },
    Cluster(ClusterConnection),
}

impl Wire {
    /// Whether it is known to serve nobody any more. What is not sent on such a one can be sent on another.
    fn is_closed(&self) -> bool {
        match self {
            Self::One { closed, .. } => closed.load(Ordering::Relaxed),
            // The cluster's client replaces its connections itself.
            Self::Cluster(_) => false,
        }
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One { connection, .. } => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One { connection, .. } => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One { connection, .. } => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A client that hears of the end of its connection: only the third version of the protocol tells.
fn one(url: &str) -> RedisResult<Client> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

/// The URLs of a cluster's nodes, if `url` names a cluster: `redis+cluster://user:password@a:1,b:2`.
fn cluster(url: &str) -> Option<Vec<String>> {
    let (scheme, rest) = url.split_once("+cluster://")?;
    let (user, nodes) = rest.rsplit_once('@').map_or(("", rest), |(user, nodes)| (user, nodes));
    let at = if user.is_empty() { "" } else { "@" };
    Some(nodes.split(',').map(|node| format!("{scheme}://{user}{at}{node}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_of_a_cluster_gets_the_credentials() {
        let nodes = cluster("rediss+cluster://me:p@ss@a:1,b:2").expect("a cluster");
        assert_eq!(nodes, ["rediss://me:p@ss@a:1", "rediss://me:p@ss@b:2"]);
        assert_eq!(cluster("redis+cluster://a:1").expect("a cluster"), ["redis://a:1"]);
        assert_eq!(cluster("redis://a:1"), None);
    }

    #[test]
    fn what_is_wrong_with_a_url_does_not_quote_it() {
        for url in ["redis://:secret@", "nonsense://secret", "redis+cluster://me:secret@"] {
            let Err(error) = Link::new(url) else { panic!("{url} is no URL of a server") };
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
