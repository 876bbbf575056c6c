//! A connection at work.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Context,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{Connection, SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;

type Sent = Request<Full<Bytes>>;

/// A connection with one request on it. It moves only while it is [worked](Self::work); dropping it
/// closes it.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None`: closed.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) enum Unasked {
    /// Not one byte of it was written.
    Unsent(Box<Sent>),
    /// The server may have seen it.
    Broken(hyper::Error),
}

impl Link {
    pub(super) async fn new(connection: TcpStream) -> Result<Self, Failure> {
        let (sender, connection) =
            handshake(TokioIo::new(connection)).await.map_err(Failure::Broken)?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn ask(
        mut self,
        request: Sent,
    ) -> Result<(Self, Response<Incoming>), Unasked> {
        let answer = self.sender.try_send_request(request);
        let mut answer = pin!(answer);
        let answered = poll_fn(|context| {
            self.work(context);
            answer.as_mut().poll(context)
        });
        match answered.await {
            Ok(response) => Ok((self, response)),
            Err(mut failed) => Err(match failed.take_message() {
                Some(unsent) => Unasked::Unsent(Box::new(unsent)),
                None => Unasked::Broken(failed.into_error()),
            }),
        }
    }

    /// Writes and reads what can be. What fails shows in the answer or in its body.
    pub(super) fn work(&mut self, context: &mut Context<'_>) {
        let ended =
            self.connection.as_mut().is_some_and(|it| Pin::new(it).poll(context).is_ready());
        if ended {
            self.connection = None;
        }
    }

    /// The bare connection, if the answer was read to its end and another may follow.
    pub(super) fn rest(mut self, context: &mut Context<'_>) -> Option<TcpStream> {
        self.work(context);
        let parts = self.connection.filter(|_| self.sender.is_ready())?.into_parts();
        // Bytes that nobody asked for belong to no answer.
        parts.read_buf.is_empty().then(|| parts.io.into_inner())
    }
}
