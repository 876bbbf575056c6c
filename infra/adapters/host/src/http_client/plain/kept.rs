//! Connections that wait for the next request.
//!
//! llama.cpp and its like give each connection a thread, keep it for a few seconds, and then close it
//! without a word; what is written to it then is lost, and nobody knows whether it was read. So a
//! connection is only kept for a moment, far less than any server does, and looked at before it is used
//! again. Under load it is used within milliseconds.

use std::{
    mem::MaybeUninit,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::uri::Authority;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    runtime::{self, Handle},
};

/// How long a connection may wait. llama.cpp keeps one for five seconds, during which it also keeps
/// a thread of its few from others.
const PATIENCE: Duration = Duration::from_millis(250);
/// The most connections that wait, to all servers.
const MOST: usize = 256;

/// Clones are the same connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Those that have waited longest come first.
    waiting: Vec<Waiting>,
    /// Whether somebody sees to it that they are closed in time.
    swept: bool,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    server: Authority,
    /// Who tells of it: tasks of another runtime would hear of each piece by way of this one's thread.
    runtime: runtime::Id,
    connection: TcpStream,
}

impl Kept {
    /// The connection to `server` that was used last in this runtime, if one is fit for use.
    pub(super) fn take(&self, server: &Authority) -> Option<TcpStream> {
        let runtime = Handle::current().id();
        loop {
            let mut state = self.state();
            let fits = |it: &Waiting| it.server == *server && it.runtime == runtime;
            let place = state.waiting.iter().rposition(fits)?;
            let Waiting { since, connection, .. } = state.waiting.remove(place);
            drop(state);
            if since.elapsed() < PATIENCE && is_quiet(&connection) {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for a while.
    pub(super) fn keep(&self, server: Authority, connection: TcpStream) {
        let runtime = Handle::current().id();
        let mut state = self.state();
        if state.waiting.len() >= MOST {
            return;
        }
        state.waiting.push(Waiting { since: Instant::now(), server, runtime, connection });
        if !std::mem::replace(&mut state.swept, true) {
            tokio::spawn(sweep(self.clone()));
        }
    }

    /// Closes what has waited long enough. `false`: nothing waits any more.
    fn sweep(&self) -> bool {
        let mut state = self.state();
        let old = state.waiting.partition_point(|it| it.since.elapsed() >= PATIENCE);
        let old: Vec<_> = state.waiting.drain(..old).collect();
        state.swept = !state.waiting.is_empty();
        let swept = state.swept;
        drop(state);
        drop(old);
        swept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever was being done to the list, it is a list of connections.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs as long as connections wait, and no longer.
async fn sweep(kept: Kept) {
    loop {
        tokio::time::sleep(PATIENCE).await;
        if !kept.sweep() {
            return;
        }
    }
}

/// Whether the server has neither closed it nor said anything. Asks the system, not the runtime, which
/// may not have heard of it yet.
fn is_quiet(connection: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    let peeked = SockRef::from(connection).peek(&mut byte);
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
