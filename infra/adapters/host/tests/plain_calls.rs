//! Calls without TLS and without a proxy: the contract of the port, and what becomes of connections.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::time::Duration;

use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
};
use dormouse_host::{ClientOptions, ReqwestClient};
use futures::{FutureExt, StreamExt, TryStreamExt, join};
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A client, and a server that does what the test does with it.
struct Bench {
    client: ReqwestClient,
    server: TcpListener,
}

impl Bench {
    async fn new() -> Self {
        let client = ReqwestClient::new(ClientOptions {
            connect_timeout: Duration::from_secs(5),
            keep: false,
            proxy: None,
        });
        Self { client, server: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    async fn send(&self) -> Result<Response<ByteStream>> {
        let address = self.server.local_addr().unwrap();
        let request = Request::post(format!("http://{address}/v1/chat?x=1"));
        self.client.send(request.body("question".into()).unwrap()).await
    }

    async fn accept(&self) -> TcpStream {
        self.server.accept().await.unwrap().0
    }

    /// Asks once, and answers on a new connection, which is returned.
    async fn ask(&self, answer: &str) -> (Result<Response<ByteStream>>, TcpStream) {
        join!(self.send(), async {
            let mut connection = self.accept().await;
            read_request(&mut connection).await;
            connection.write_all(answer.as_bytes()).await.unwrap();
            connection
        })
    }

    fn has_new_connection(&self) -> bool {
        self.server.accept().now_or_never().is_some()
    }
}

async fn read_request(connection: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"question") {
        assert_ne!(connection.read_buf(&mut read).await.unwrap(), 0, "a request without its end");
    }
    String::from_utf8(read).unwrap()
}

async fn body(response: Result<Response<ByteStream>>) -> Result<Bytes> {
    let pieces: Vec<Bytes> = response?.into_body().try_collect().await?;
    Ok(pieces.concat().into())
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().as_ref().map(Error::code)
}

#[tokio::test]
async fn the_server_is_told_its_name_and_the_path() {
    let bench = Bench::new().await;
    let (response, request) = join!(bench.send(), async {
        let mut connection = bench.accept().await;
        let request = read_request(&mut connection).await;
        connection.write_all(WHOLE.as_bytes()).await.unwrap();
        request
    });
    assert_eq!(body(response).await.unwrap(), "hello");
    assert!(request.starts_with("POST /v1/chat?x=1 HTTP/1.1\r\n"), "{request}");
    let host = format!("host: {}\r\n", bench.server.local_addr().unwrap());
    assert!(request.contains(&host) && request.contains("content-length: 8\r\n"), "{request}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let bench = Bench::new().await;
    let (first, mut connection) = bench.ask(WHOLE).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    for _ in 0..3 {
        let (again, ()) = join!(bench.send(), async {
            read_request(&mut connection).await;
            connection.write_all(WHOLE.as_bytes()).await.unwrap();
        });
        assert_eq!(body(again).await.unwrap(), "hello");
    }
    assert!(!bench.has_new_connection());
}

#[tokio::test]
async fn one_that_the_server_has_closed_is_not() {
    let bench = Bench::new().await;
    let (first, connection) = bench.ask(WHOLE).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    drop(connection);

    let (second, _connection) = bench.ask(WHOLE).await;

    assert_eq!(body(second).await.unwrap(), "hello");
}

#[tokio::test]
async fn nor_one_on_which_the_server_said_more_than_it_was_asked_for() {
    let bench = Bench::new().await;
    let (first, mut connection) = bench.ask(WHOLE).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    connection.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();

    let (second, _connection) = bench.ask(WHOLE).await;

    assert_eq!(second.unwrap().status(), 200);
}

#[tokio::test]
async fn nor_one_that_the_server_means_to_close() {
    let bench = Bench::new().await;
    let closes = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let (first, mut connection) = bench.ask(closes).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "the client has closed it");
}

#[tokio::test]
async fn a_connection_rests_for_a_moment_only() {
    let bench = Bench::new().await;
    let (first, mut connection) = bench.ask(WHOLE).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "the client has closed it");
}

#[tokio::test]
async fn a_request_that_a_server_may_have_read_is_not_sent_again() {
    let bench = Bench::new().await;
    let (first, mut connection) = bench.ask(WHOLE).await;
    assert_eq!(body(first).await.unwrap(), "hello");
    let (second, ()) = join!(bench.send(), async {
        read_request(&mut connection).await;
        drop(connection);
    });
    assert_eq!(code(second), Some(Code::UpstreamFailed));
    assert!(!bench.has_new_connection());
}

#[tokio::test]
async fn a_body_arrives_as_it_is_sent() {
    let bench = Bench::new().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (response, mut connection) = bench.ask(head).await;
    let mut pieces = response.unwrap().into_body();
    for _ in 0..3 {
        assert!(pieces.next().now_or_never().is_none(), "nothing was sent yet");
        connection.write_all(b"5\r\npiece\r\n").await.unwrap();
        assert_eq!(pieces.next().await.unwrap().unwrap(), "piece");
    }
    connection.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(pieces.next().await.is_none());
}

#[tokio::test]
async fn a_body_that_breaks_off_says_so() {
    for (head, some) in [("content-length: 9", "half"), ("transfer-encoding: chunked", "9\r\nhalf")]
    {
        let bench = Bench::new().await;
        let (response, connection) =
            bench.ask(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{some}")).await;
        drop(connection);
        assert_eq!(code(body(response).await), Some(Code::UpstreamFailed), "{head}");
    }
}

#[tokio::test]
async fn whoever_gives_up_closes_the_connection() {
    let bench = Bench::new().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\npiece\r\n";
    let (response, mut connection) = bench.ask(head).await;
    drop(response);
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);

    let mut sent = Box::pin(bench.send());
    let mut connection = tokio::select! {
        _ = &mut sent => unreachable!("nobody answers"),
        connection = bench.accept() => connection,
    };
    drop(sent);
    // The request may have been written already: what matters is that it ends.
    connection.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_http_is_a_broken_connection() {
    let bench = Bench::new().await;
    let (response, _connection) = bench.ask("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    assert_eq!(code(response), Some(Code::UpstreamFailed));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let Bench { client, server } = Bench::new().await;
    let address = server.local_addr().unwrap();
    drop(server);
    let request = Request::get(format!("http://{address}/")).body(Bytes::new()).unwrap();
    let error = client.send(request).await.err().unwrap();
    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert_eq!(error.message(), "the provider cannot be reached: connection refused");
}
