//! The connection of a native host, over the client of the crate `redis`.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{Error, Result};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion,
    PushInfo, PushKind, RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection, SendError},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    failure::Failure,
    link::{Link, Repeat},
    memory::{assert_keeps, how_it_keeps},
    request::{Command, Request},
};

/// What a server says to a digest that it does not know.
const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);

pub(crate) struct ClientLink {
    server: Server,
    /// How long a call may take, with opening a connection and trying a second time.
    timeout: Duration,
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

impl ClientLink {
    /// The server of a URL, to which nothing is sent before the first call.
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self> {
        // Fails only if it is installed already, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = match cluster(url) {
            Some(nodes) => ClusterClient::builder(nodes)
                .connection_timeout(connecting(timeout))
                .response_timeout(timeout)
                .build()
                .map(|client| Server::Cluster(Box::new(client))),
            None => one(url).map(|client| Server::One(Box::new(client))),
        };
        // What is wrong may quote the URL, which may hold a password.
        let server =
            server.map_err(|_| Error::invalid("url", "is not the URL of a Redis server"))?;
        Ok(Self { server, timeout, open: Mutex::default(), opening: tokio::sync::Mutex::default() })
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
        let wire = self.server.connect(self.timeout).await?;
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

#[async_trait]
impl Link for ClientLink {
    async fn ask(&self, request: &Request, repeat: Repeat) -> Result<Vec<Vec<u8>>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let mut again = repeat == Repeat::Safe;
        loop {
            let wire = timeout_at(deadline, self.wire()).await.map_err(Failure::silent)?;
            let (number, mut wire) = wire?;
            let failure = match timeout_at(deadline, send(request, &mut wire)).await {
                Ok(Ok(answer)) => return flat(answer),
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

    /// A cluster's client does.
    fn insists(&self) -> bool {
        matches!(self.server, Server::Cluster(_))
    }
}

/// Sends `request` as [`Link::ask`] says.
async fn send(
    request: &Request,
    wire: &mut (impl ConnectionLike + Send + Sync),
) -> RedisResult<Value> {
    let answer = command(&request.short()).query_async(wire).await;
    match answer {
        Err(error) if error.kind() == NO_SCRIPT => match request.in_full() {
            Some(full) => command(&full).query_async(wire).await,
            None => Err(error),
        },
        answer => answer,
    }
}

fn command(command: &Command<'_>) -> Cmd {
    let size = command.words.iter().map(|word| word.len()).sum::<usize>();
    let mut packed = Cmd::with_capacity(1 + command.words.len(), command.name.len() + size);
    packed.arg(command.name);
    for word in &command.words {
        packed.arg(word.as_ref());
    }
    packed
}

/// What `answer` holds, in one list.
fn flat(answer: Value) -> Result<Vec<Vec<u8>>, Failure> {
    fn add(value: Value, list: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        match value {
            Value::BulkString(bytes) => list.push(bytes),
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
                list.push(text.into_bytes());
            }
            Value::Int(number) => list.push(number.to_string().into_bytes()),
            Value::Array(values) => {
                list.reserve(values.len());
                for value in values {
                    add(value, list)?;
                }
            }
            Value::Map(pairs) => {
                list.reserve(2 * pairs.len());
                for (name, value) in pairs {
                    add(name, list)?;
                    add(value, list)?;
                }
            }
            _ => return Err(Failure::corrupt("the answer is of another type")),
        }
        Ok(())
    }
    let mut list = Vec::new();
    add(answer, &mut list)?;
    Ok(list)
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            // Another server may have taken over, and the name may lead there by now.
            ErrorKind::Server(
                ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading,
            ) => Self::unreachable(error),
            ErrorKind::Server(_) | ErrorKind::Extension => Self::refused(error),
            _ => Self::unreachable(error),
        }
    }
}

impl Server {
    async fn connect(&self, timeout: Duration) -> Result<Wire, Failure> {
        match self {
            Self::One(client) => {
                let closed = Arc::new(AtomicBool::new(false));
                let notice = Arc::clone(&closed);
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(connecting(timeout)))
                    .set_response_timeout(None)
                    .set_push_sender(move |push: PushInfo| {
                        let closes = push.kind == PushKind::Disconnection;
                        notice.fetch_or(closes, Ordering::Relaxed);
                        Ok::<_, SendError>(())
                    });
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                let mut connection = connection.await?;
                check(&mut connection).await?;
                Ok(Wire::One { connection, closed })
            }
            Self::Cluster(client) => Ok(Wire::Cluster(client.get_async_connection().await?)),
        }
    }
}

/// How long opening a connection may take, of the time of a call: there must be some left to try another.
fn connecting(timeout: Duration) -> Duration {
    timeout * 2 / 5
}

/// Refuses a server that forgets, if it says so.
async fn check(connection: &mut MultiplexedConnection) -> Result<(), Failure> {
    match send(&how_it_keeps(), connection).await {
        Ok(answer) => assert_keeps(&flat(answer)?),
        Err(error) => {
            let failure = Failure::from(error);
            if failure.is_connected() { Ok(()) } else { Err(failure) }
        }
    }
}

impl fmt::Debug for ClientLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::One(client) => {
                write!(f, "{}", client.get_connection_info().addr())
            }
            Server::Cluster(_) => f.write_str("cluster"),
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
            let Err(error) = ClientLink::new(url, Duration::from_secs(5)) else {
                panic!("{url} is no URL of a server")
            };
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
