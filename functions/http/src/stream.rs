//! Streamed answers that no silence kills.
//!
//! A streamed request waits a moment for the upstream's status, so that early failures keep theirs.
//! Then its headers are sent, and from there on a byte at least every so often, on a clock of our own:
//! what fails later is an error in the stream.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use async_stream::stream;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    gateway::{Answer, Gateway},
    ports::{Host, ModelServer},
    wire::{openai_chat::AnswerEncoder, sse},
};
use futures::{
    Stream, StreamExt,
    future::{BoxFuture, Either, select},
};

use crate::problem;

/// How patient streams are.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    gateway: Gateway,
    /// The model that the request names.
    model: String,
    host: Arc<dyn Host>,
    headers_within: Duration,
    keep_alive: Duration,
}

impl Pace {
    /// As the settings of `gateway` say, for a request of `model`.
    pub(crate) fn of(gateway: &Gateway, model: &str) -> Self {
        Self {
            gateway: gateway.clone(),
            model: model.to_owned(),
            host: Arc::clone(gateway.host()),
            headers_within: gateway.settings().headers_within,
            keep_alive: gateway.settings().keep_alive,
        }
    }

    /// A comment that says what the answer waits for, where that is known.
    async fn sign_of_life(&self) -> Bytes {
        match self.gateway.not_warm(&self.model).await {
            Some(server) => Bytes::from(format!(": {}\n\n", state(&server))),
            None => Bytes::from_static(sse::KEEP_ALIVE),
        }
    }
}

/// `waking 42 %`; where the server does not tell how far it is, `waking, usually 12 s`.
fn state(server: &ModelServer) -> String {
    let state = server.state.as_str();
    match (server.progress, server.expected_wake) {
        (Some(progress), _) => format!("{state} {:.0} %", progress.clamp(0.0, 1.0) * 100.0),
        (None, Some(usual)) => format!("{state}, usually {} s", usual.as_millis().div_ceil(1000)),
        (None, None) => state.to_owned(),
    }
}

/// An answer: begun, failed, or still to come.
enum Pending {
    Here(Answer),
    Coming(BoxFuture<'static, Result<Answer>>),
}

/// Waits for the answer as long as headers may wait. Returns the id of the receipt, if the answer has
/// begun, and the body.
pub(crate) async fn begin(
    pace: Pace,
    answer: BoxFuture<'static, Result<Answer>>,
    encoder: AnswerEncoder,
) -> Result<(Option<String>, impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static)> {
    let patience = pace.host.sleep(pace.headers_within);
    let (receipt, pending) = match select(answer, patience).await {
        Either::Left((answer, _)) => {
            let answer = answer?;
            (Some(answer.receipt.clone()), Pending::Here(answer))
        }
        Either::Right((_, answer)) => (None, Pending::Coming(answer)),
    };
    Ok((receipt, events(pace, pending, encoder).map(Ok)))
}

fn events(
    pace: Pace,
    pending: Pending,
    mut encoder: AnswerEncoder,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let keep_alive = || Bytes::from_static(sse::KEEP_ALIVE);
    stream! {
        let answer = match pending {
            Pending::Here(answer) => Ok(answer),
            Pending::Coming(mut answer) => loop {
                yield pace.sign_of_life().await;
                match select(&mut answer, pace.host.sleep(pace.keep_alive)).await {
                    Either::Left((answer, _)) => break answer,
                    Either::Right(_) => {}
                }
            },
        };
        let mut failed = None;
        match answer {
            Err(error) => failed = Some(error),
            Ok(mut answer) => {
                let mut alarm = pace.host.sleep(pace.keep_alive);
                loop {
                    let bytes = match select(pin!(answer.chunks.next()), &mut alarm).await {
                        Either::Left((Some(Ok(chunk)), _)) => encoder.chunk(&chunk),
                        Either::Left((Some(Err(error)), _)) => {
                            failed = Some(error);
                            break;
                        }
                        Either::Left((None, _)) => break,
                        Either::Right(_) => keep_alive(),
                    };
                    // Chunks of which the caller sees nothing do not count as signs of life.
                    if !bytes.is_empty() {
                        alarm = pace.host.sleep(pace.keep_alive);
                        yield bytes;
                    }
                }
            }
        }
        if let Some(error) = failed {
            yield failure(&pace.gateway, &mut encoder, &error);
        }
        yield encoder.done();
    }
}

fn failure(gateway: &Gateway, encoder: &mut AnswerEncoder, error: &Error) -> Bytes {
    problem::log(error);
    gateway.metrics().failed(error.code());
    encoder.error(error)
}
