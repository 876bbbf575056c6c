//! The way to a Redis server, over the client that Spin has.
//!
//! The manifest's `allowed_outbound_hosts` decides which servers it may be.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::settings::Secret;
use dormouse_redis::{Command, Failure, Link, Repeat, Request, assert_keeps, how_it_keeps};
use futures::future::{Either, select};
use spin_sdk::{
    redis::{Connection, Error, RedisParameter, RedisResult},
    time::sleep,
};

use crate::turns::Turns;

/// One connection for all requests of an instance. Spin's own carries many calls at a time, and is not
/// replaced by Spin when it breaks.
pub(crate) struct SpinLink {
    url: Secret,
    /// How long a call may take, with opening a connection and trying a second time.
    timeout: Duration,
    open: Mutex<Option<Arc<Connection>>>,
    /// Held by who opens a connection, so that a crowd opens one.
    opening: Turns,
}

impl SpinLink {
    /// To the server of `url`, `redis://…` or `rediss://…`, which is called by the first request.
    pub(crate) fn new(url: Secret, timeout: Duration) -> Self {
        Self { url, timeout, open: Mutex::default(), opening: Turns::default() }
    }

    async fn ask_patiently(
        &self,
        request: &Request,
        repeat: Repeat,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let mut again = repeat == Repeat::Safe;
        loop {
            let connection = self.connection().await?;
            match send(&connection, request).await {
                Ok(answer) => return Ok(answer.into_iter().map(bytes).collect()),
                Err(error) => {
                    // Spin does not say whether the server refused or the connection broke.
                    self.discard(&connection);
                    if !std::mem::take(&mut again) {
                        return Err(Failure::unreachable(error));
                    }
                }
            }
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, Failure> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let _opening = self.opening.take().await;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let connection = Connection::open(self.url.expose()).await.map_err(|error| match error {
            Error::InvalidAddress => Failure::unreachable(
                "the Spin application may not call the store, or its URL is none: see allowed_outbound_hosts",
            ),
            error => Failure::unreachable(error),
        })?;
        // A server that does not say how it keeps things is trusted.
        if let Ok(answer) = send(&connection, &how_it_keeps()).await {
            assert_keeps(&answer.into_iter().map(bytes).collect::<Vec<_>>())?;
        }
        let connection = Arc::new(connection);
        *self.open() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn current(&self) -> Option<Arc<Connection>> {
        self.open().clone()
    }

    /// Has the next call open another connection than this one.
    fn discard(&self, connection: &Arc<Connection>) {
        let mut open = self.open();
        if open.as_ref().is_some_and(|it| Arc::ptr_eq(it, connection)) {
            *open = None;
        }
    }

    fn open(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Link for SpinLink {
    async fn ask(&self, request: &Request, repeat: Repeat) -> Result<Vec<Vec<u8>>, Failure> {
        let asking = pin!(self.ask_patiently(request, repeat));
        let answer = match select(asking, pin!(sleep(self.timeout))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(_) => Err(Failure::silent("no answer within the time of a call")),
        };
        // Whatever is on the way over it, nobody waits for.
        *self.open() = None;
        answer
    }
}

impl fmt::Debug for SpinLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLink").finish_non_exhaustive()
    }
}

/// Sends `request` as [`Link::ask`] says.
async fn send(connection: &Connection, request: &Request) -> Result<Vec<RedisResult>, Error> {
    match execute(connection, request.short()).await {
        Err(error) if is_unknown_script(&error) => match request.in_full() {
            Some(full) => execute(connection, full).await,
            None => Err(error),
        },
        answer => answer,
    }
}

async fn execute(connection: &Connection, command: Command<'_>) -> Result<Vec<RedisResult>, Error> {
    let words = command.words.into_iter().map(|word| RedisParameter::Binary(word.into_owned()));
    connection.execute(command.name, words).await
}

/// Spin passes on what its client says, which has written the server's `NOSCRIPT` in several ways.
fn is_unknown_script(error: &Error) -> bool {
    matches!(error, Error::Other(said) if said.to_ascii_lowercase().contains("noscript"))
}

/// Spin takes arrays apart itself.
fn bytes(value: RedisResult) -> Vec<u8> {
    match value {
        RedisResult::Nil => Vec::new(),
        RedisResult::Status(text) => text.into_bytes(),
        RedisResult::Int64(number) => number.to_string().into_bytes(),
        RedisResult::Binary(bytes) => bytes,
    }
}
