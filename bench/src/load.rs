//! The load: connections that each ask again as soon as they were answered.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use dormouse_bench::answers;
use futures::future::try_join_all;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shape {
    Whole,
    Stream,
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::Whole, Self::Stream];

    fn body(self) -> &'static str {
        match self {
            Self::Whole => answers::ASK_WHOLE,
            Self::Stream => answers::ASK_STREAM,
        }
    }

    /// Less than this is no whole answer.
    fn least_bytes(self) -> usize {
        match self {
            Self::Whole => answers::WHOLE_BYTES,
            Self::Stream => answers::FRAMES.iter().map(Bytes::len).sum(),
        }
    }
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    pub(crate) key: Option<String>,
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: Address,
}

impl Client {
    pub(crate) async fn connect(address: &Address) -> io::Result<Self> {
        let stream = TcpStream::connect(address.socket).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Its failure shows in the requests.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, address: address.clone() })
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> io::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.socket.to_string())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.address.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::new(body.into())).map_err(io::Error::other)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        self.sender.send_request(request).await.map_err(io::Error::other)
    }

    /// Asks once and reads the answer to its end.
    async fn ask(&mut self, shape: Shape) -> io::Result<()> {
        let response = self.send("POST", "/v1/chat/completions", shape.body()).await?;
        let status = response.status();
        let mut body = response.into_body();
        let (mut bytes, mut last) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                bytes += data.len();
                keep_end(&mut last, &data);
            }
        }
        let ended = shape == Shape::Whole || last.ends_with(answers::DONE.as_bytes());
        if !status.is_success() || bytes < shape.least_bytes() || !ended {
            let last = String::from_utf8_lossy(&last).into_owned();
            return Err(io::Error::other(format!("{status}, {bytes} bytes, then {last:?}")));
        }
        Ok(())
    }
}

/// Keeps as much of the end of an answer as shows whether it is complete: what is read last may be a
/// part of its last frame.
fn keep_end(end: &mut Vec<u8>, data: &[u8]) {
    end.extend_from_slice(data);
    end.drain(..end.len().saturating_sub(answers::DONE.len()));
}

/// Asks on `connections` at once for as long as `time`, and returns how long each answer took. The
/// first answer that is wrong ends it all: a server that fails is not measured.
pub(crate) async fn run(
    address: &Address,
    shape: Shape,
    connections: usize,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let until = Instant::now() + time;
    let all = (0..connections).map(|_| async move {
        let mut client = Client::connect(address).await?;
        let mut latencies = Vec::new();
        loop {
            let before = Instant::now();
            if before >= until {
                return Ok::<_, io::Error>(latencies);
            }
            client.ask(shape).await?;
            latencies.push(before.elapsed());
        }
    });
    Ok(try_join_all(all).await?.into_iter().flatten().collect())
}
