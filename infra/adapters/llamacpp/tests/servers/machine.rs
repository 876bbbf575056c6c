//! The machine that the tests run on: real tasks, a clock in their hands, and plain HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, Host, HttpClient, Timestamp, UnixSocket},
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, future::BoxFuture, stream};
use http::{Request, Response};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

/// Spawns on tokio; its clock stands still until the test moves it. A sleep may end early, which takes
/// the race out of a clock that is moved between a look at it and the sleep: who sleeps must look again.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<TestHost>,
}

#[async_trait]
impl Host for Machine {
    fn now(&self) -> Timestamp {
        Host::now(&*self.clock)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = self.clock.sleep(time) => {}
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work);
    }

    fn random(&self) -> [u8; 32] {
        self.clock.random()
    }
}

/// HTTP/1.1, one connection a request, answers read to their end.
#[derive(Debug)]
pub(crate) struct PlainHttp;

#[async_trait]
impl HttpClient for PlainHttp {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let broken = |error| Error::new(Code::UpstreamUnreachable, "no answer").caused_by(error);
        let answer = ask(request.uri()).await.map_err(broken)?;
        let malformed = || Error::new(Code::UpstreamInvalid, "this is not HTTP");
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let status = head.split(' ').nth(1).ok_or_else(malformed)?;
        let body = Bytes::copy_from_slice(body.as_bytes());
        let body = stream::once(async { Ok(body) }).boxed();
        Response::builder().status(status).body(body).map_err(|_| malformed())
    }
}

async fn ask(uri: &http::Uri) -> std::io::Result<String> {
    let (host, path) = (uri.authority().map_or("", |it| it.as_str()), uri.path());
    match UnixSocket::of(uri) {
        Some(socket) => ask_on(UnixStream::connect(socket.path).await?, "localhost", path).await,
        None => ask_on(TcpStream::connect(host).await?, host, path).await,
    }
}

async fn ask_on(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> std::io::Result<String> {
    let question = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}
