//! The connections of clients: HTTP/1.1, or HTTP/2 where a client begins with its preface.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::{Request, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
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

use crate::{threads::Threads, unread};

/// How long a client may take to send the head of a request, counted from its connection or from the end
/// of the answer before. So a connection may rest for as long, which is more than the 60 seconds that
/// load balancers keep theirs: the side that sends requests should be the one that closes.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// The pause after a connection that could not be accepted, because files have run out, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests from `router`, on `threads`, until `stop`; then lets running ones end, and returns.
pub(crate) async fn serve(
    listener: TcpListener,
    threads: &Threads,
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
        // Taken from the runtime that accepted it: its thread's is to tell of it.
        match accepted.and_then(|(client, _)| client.into_std()) {
            Ok(client) => {
                let (router, all) = (router.clone(), all.watcher());
                threads.spawn(one(client, threads.clone(), router, head_within, all));
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

async fn one(
    client: std::net::TcpStream,
    threads: Threads,
    router: Router,
    head_within: Duration,
    all: Watcher,
) {
    // Small pieces of a stream are sent at once instead of being collected.
    if let Err(error) = client.set_nodelay(true) {
        note("nodelay was refused", &error);
    }
    let client = match TcpStream::from_std(client) {
        Ok(client) => client,
        Err(error) => return note("it cannot be watched", &error),
    };
    let begun = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        answer(router.clone(), request)
    });
    let mut builder = Builder::new(threads);
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

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    if request.version() == Version::HTTP_2 {
        return router.oneshot(request.map(Body::new)).await;
    }
    let (request, rest) = unread::watch(request);
    let mut response = router.oneshot(request).await?;
    rest.see_to(&mut response).await;
    Ok(response)
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
    use std::{future::pending, net::SocketAddr, thread, time::Instant};

    use axum::routing::{get, post};
    use http_body_util::{BodyExt, Empty};
    use hyper::{
        body::Bytes,
        client::conn::http2::{SendRequest, handshake},
    };
    use hyper_util::rt::TokioExecutor;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Barrier, Notify, oneshot},
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
        tokio::spawn(async move {
            serve(listener, &Threads::start().unwrap(), router, head_within, stop).await;
        });
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

    /// A server that reads no bodies, and tells of each request before it answers.
    async fn heedless() -> (TcpStream, Arc<Notify>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let asked = Arc::new(Notify::new());
        let tell = Arc::clone(&asked);
        let answer = move || async move {
            tell.notify_one();
            "answer"
        };
        let router = Router::new().route("/", post(answer));
        tokio::spawn(async move {
            serve(listener, &Threads::start().unwrap(), router, LONG, pending()).await;
        });
        (client, asked)
    }

    #[tokio::test]
    async fn a_connection_is_used_again_after_a_body_that_nobody_read() {
        let (mut client, asked) = heedless().await;
        for _ in 0..3 {
            let head = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 4\r\n\r\n";
            client.write_all(head).await.unwrap();
            asked.notified().await;
            client.write_all(b"late").await.unwrap();
            read_answer(&mut client).await;
        }
    }

    #[tokio::test]
    async fn after_a_long_one_it_is_told_that_the_connection_ends() {
        for head in ["content-length: 1000000", "content-length: 4\r\nexpect: 100-continue"] {
            let (mut client, _) = heedless().await;
            let head = format!("POST / HTTP/1.1\r\nhost: here\r\n{head}\r\n\r\n");
            client.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains("connection: close\r\n"), "{answer}");
        }
    }

    #[tokio::test]
    async fn resting_connections_do_not_delay_the_end() {
        let (tell, told) = oneshot::channel::<()>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "answer" }));
        let served = tokio::spawn(async move {
            let stop = async { drop(told.await) };
            serve(listener, &Threads::start().unwrap(), router, LONG, stop).await;
        });
        let mut rests = TcpStream::connect(address).await.unwrap();
        rests.write_all(ASK).await.unwrap();
        read_answer(&mut rests).await;
        let _silent = TcpStream::connect(address).await.unwrap();

        drop(tell);

        served.await.unwrap();
    }

    /// A server that answers two requests at once, each with the name of the thread that does it.
    async fn telling_threads() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let both = Arc::new(Barrier::new(2));
        let told = move || async move {
            both.wait().await;
            format!("{:?}", thread::current().id())
        };
        let router = Router::new().route("/", get(told));
        let threads = Threads::start().unwrap();
        tokio::spawn(async move { serve(listener, &threads, router, LONG, pending()).await });
        address
    }

    type Client = SendRequest<Empty<Bytes>>;

    async fn connected(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        let (client, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn thread(mut client: Client) -> Bytes {
        let request = Request::get("http://here/").body(Empty::new()).unwrap();
        let answer = client.send_request(request).await.unwrap();
        answer.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn threads_share_the_requests_of_a_connection() {
        let client = connected(telling_threads().await).await;
        let (first, second) = tokio::join!(thread(client.clone()), thread(client));
        assert_ne!(first, second);
    }
}
