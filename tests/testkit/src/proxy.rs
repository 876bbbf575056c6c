//! A network that fails when told to: a TCP proxy between a client and its server.
#![expect(clippy::expect_used, reason = "a test whose tools fail fails")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The most bytes that travel together.
const PIECE: usize = 64 * 1024;

/// Passes bytes on to a server, and back.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    accepting: JoinHandle<()>,
}

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// On the way to the server, which gets a part of what was sent.
    Request,
    /// On the way back: the server has done its work, and nobody hears of it.
    Reply,
}

#[derive(Debug)]
struct Line {
    server: SocketAddr,
    accepted: AtomicUsize,
    refusing: AtomicBool,
    stalled: watch::Sender<bool>,
    /// A connection lives as long as the number it found here.
    cuts: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latency: Duration,
    /// The next break, after so many pieces in its direction.
    planned: Option<(Break, usize)>,
}

impl Proxy {
    /// Listens on a free loopback port and passes on to `server`, whether it is there yet or not.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let line = Arc::new(Line {
            server,
            accepted: AtomicUsize::new(0),
            refusing: AtomicBool::new(false),
            stalled: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            state: Mutex::default(),
        });
        let accepting = tokio::spawn(Arc::clone(&line).accept(listener));
        Self { address, line, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have ever been opened to it.
    pub fn accepted(&self) -> usize {
        self.line.accepted.load(Ordering::SeqCst)
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.line.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts all connections, and all that are opened while it refuses.
    pub fn refuse(&self, refuse: bool) {
        self.line.refusing.store(refuse, Ordering::SeqCst);
        self.cut();
    }

    /// Keeps all connections open, and all bytes to itself, while it stalls.
    pub fn stall(&self, stall: bool) {
        self.line.stalled.send_replace(stall);
    }

    /// Delays everything by `latency`, in either direction.
    pub fn delay(&self, latency: Duration) {
        self.line.state().latency = latency;
    }

    /// Breaks one connection once, after `pieces` more have gone in that direction. `None`: after all, it
    /// does not.
    pub fn plan(&self, plan: Option<(Break, usize)>) {
        self.line.state().planned = plan;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Line {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            self.accepted.fetch_add(1, Ordering::SeqCst);
            if !self.refusing.load(Ordering::SeqCst) {
                tokio::spawn(Arc::clone(&self).connect(client));
            }
        }
    }

    async fn connect(self: Arc<Self>, mut client: TcpStream) {
        let mut cuts = self.cuts.subscribe();
        let Ok(mut server) = TcpStream::connect(self.server).await else { return };
        // Bytes that wait for others would add a latency of their own.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            () = self.pass(Break::Request, from_client, to_server) => {}
            () = self.pass(Break::Reply, from_server, to_client) => {}
            _ = cuts.changed() => {}
        }
    }

    /// Passes bytes on until one side is gone, or the connection breaks as planned.
    async fn pass(
        &self,
        direction: Break,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) {
        let (mut piece, mut stalled) = (vec![0; PIECE], self.stalled.subscribe());
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let Some(bytes) = piece.get(..length) else { return };
            if stalled.wait_for(|stalled| !stalled).await.is_err() {
                return;
            }
            let latency = self.state().latency;
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            if self.breaks(direction) {
                if direction == Break::Request {
                    let _ = to.write_all(bytes.get(..length / 2).unwrap_or_default()).await;
                }
                return;
            }
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    /// Whether the connection breaks here and now.
    fn breaks(&self, direction: Break) -> bool {
        let mut state = self.state();
        match &mut state.planned {
            Some((planned, 0)) if *planned == direction => {
                state.planned = None;
                true
            }
            Some((planned, pieces)) if *planned == direction => {
                *pieces -= 1;
                false
            }
            _ => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
