//! The connections of clients: HTTP/1.1, or HTTP/2 where a client begins with its preface.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower::ServiceExt;

/// How long a client may take to send the head of a request, counted from its connection or from the end
/// of the answer before. So a connection may rest for as long, which is more than the 60 seconds that
/// load balancers keep theirs: the side that sends requests should be the one that closes.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// The pause after a connection that could not be accepted, because files have run out, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests from `router` until `stop`; then lets running ones end, and returns.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    head_within: Duration,
    stop: impl Future<Output = ()>,
) {
    let all = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((client, _)) => {
                tokio::spawn(one(client, router.clone(), head_within, all.watcher()));
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    all.shutdown().await;
}

/// A client that left before it was accepted is no reason to wait.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = error as &dyn std::error::Error, "no connection can be accepted");
        sleep(ACCEPT_PAUSE).await;
    }
}

async fn one(client: TcpStream, router: Router, head_within: Duration, all: Watcher) {
    // Small pieces of a stream are sent at once instead of being collected.
    if let Err(error) = client.set_nodelay(true) {
        note("nodelay was refused", &error);
    }
    let begun = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_within);
    let served = builder.serve_connection(TokioIo::new(client), service).into_owned();
    tokio::select! {
        result = all.watch(served) => {
            if let Err(error) = result {
                note("a connection broke", &*error);
            }
        }
        () = unless_begun(&begun, head_within) => {}
    }
}

fn note(what: &str, error: &(dyn std::error::Error + 'static)) {
    tracing::debug!(error, what, "a connection is troubled");
}

/// hyper's own clock starts when it knows which HTTP a client speaks, and a client need not tell.
async fn unless_begun(begun: &AtomicBool, head_within: Duration) {
    sleep(head_within).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, net::SocketAddr, time::Instant};

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(600);
    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";

    async fn server(
        head_within: Duration,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "answer" }));
        tokio::spawn(serve(listener, router, head_within, stop));
        address
    }

    async fn client(head_within: Duration) -> TcpStream {
        TcpStream::connect(server(head_within, pending()).await).await.unwrap()
    }

    async fn read_answer(client: &mut TcpStream) {
        let mut read = Vec::new();
        while !read.ends_with(b"answer") {
            assert_ne!(client.read_buf(&mut read).await.unwrap(), 0, "closed in mid-answer");
        }
    }

    /// Sends a byte every now and then until the server has enough.
    async fn trickle(mut client: TcpStream, text: &[u8]) -> Duration {
        let since = Instant::now();
        let mut bytes = text.iter().copied();
        loop {
            let mut pause = pin!(sleep(SHORT / 10));
            tokio::select! {
                read = client.read_u8() => {
                    read.unwrap_err();
                    return since.elapsed();
                }
                () = &mut pause => {}
            }
            if let Some(byte) = bytes.next() {
                // A server that has gone already shows in the next read.
                drop(client.write_u8(byte).await);
            }
        }
    }

    #[tokio::test]
    async fn a_head_that_comes_byte_by_byte_is_cut_off() {
        let slow = [b"GET / HTTP/1.1\r\nx-slow: ".as_slice(), &[b'y'; 1000]].concat();
        assert!(trickle(client(SHORT).await, &slow).await >= SHORT);
    }

    #[tokio::test]
    async fn so_is_a_client_that_never_says_which_http_it_speaks() {
        assert!(trickle(client(SHORT).await, b"PRI * HTTP/2").await >= SHORT);
        assert!(trickle(client(SHORT).await, b"").await >= SHORT);
    }

    #[tokio::test]
    async fn so_is_a_second_head() {
        let mut client = client(SHORT).await;
        client.write_all(ASK).await.unwrap();
        read_answer(&mut client).await;
        trickle(client, b"GET / HT").await;
    }

    #[tokio::test]
    async fn a_connection_is_used_again() {
        let mut client = client(LONG).await;
        for _ in 0..3 {
            client.write_all(ASK).await.unwrap();
            read_answer(&mut client).await;
        }
    }

    #[tokio::test]
    async fn resting_connections_do_not_delay_the_end() {
        let (tell, told) = oneshot::channel::<()>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "answer" }));
        let served = tokio::spawn(serve(listener, router, LONG, async { drop(told.await) }));
        let mut rests = TcpStream::connect(address).await.unwrap();
        rests.write_all(ASK).await.unwrap();
        read_answer(&mut rests).await;
        let _silent = TcpStream::connect(address).await.unwrap();

        drop(tell);

        served.await.unwrap();
    }
}
