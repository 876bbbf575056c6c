//! Streamed answers that no silence kills.
//!
//! A streamed request waits a moment for the upstream's status, so that early failures keep theirs.
//! Then its headers are sent, and from there on a byte at least every so often, on a clock of our own:
//! what fails later is an error in the stream.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_stream::stream;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    alarm::Alarm,
    chat::Source,
    gateway::{Answer, Gateway},
    ports::{Host, ModelServer},
    wire::Encode,
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
    tenant: String,
    /// The model that the request names.
    model: String,
    host: Arc<dyn Host>,
    headers_within: Duration,
    keep_alive: Duration,
}

impl Pace {
    /// As the settings of `gateway` say, for a tenant's request of `model`.
    pub(crate) fn of(gateway: &Gateway, tenant: &str, model: &str) -> Self {
        Self {
            gateway: gateway.clone(),
            tenant: tenant.to_owned(),
            model: model.to_owned(),
            host: Arc::clone(gateway.host()),
            headers_within: gateway.settings().headers_within,
            keep_alive: gateway.settings().keep_alive,
        }
    }

    /// What the answer waits for, where that is known.
    async fn news(&self) -> Option<String> {
        self.gateway.not_warm(&self.tenant, &self.model).await.as_ref().map(state)
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

/// What is known of an answer that has begun.
pub(crate) struct Begun {
    /// The id of its receipt.
    pub(crate) receipt: String,
    /// The id of the run, where the gateway runs the tools.
    pub(crate) run: Option<String>,
    /// What it does without.
    pub(crate) degraded: Vec<String>,
    /// The id of the kept conversation that it belongs to.
    pub(crate) conversation: Option<String>,
    /// How many tokens of it the model is shown.
    pub(crate) context: Option<(u64, Source)>,
}

/// Waits for the answer as long as headers may wait. Returns what is known of it, if it has begun, and the
/// body.
pub(crate) async fn begin(
    pace: Pace,
    answer: BoxFuture<'static, Result<Answer>>,
    encoder: Box<dyn Encode>,
) -> Result<(Option<Begun>, impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static)> {
    let patience = pace.host.sleep(pace.headers_within);
    let (begun, pending) = match select(answer, patience).await {
        Either::Left((answer, _)) => {
            let answer = answer?;
            let begun = Begun {
                receipt: answer.receipt.clone(),
                run: answer.run.clone(),
                degraded: answer.degraded.clone(),
                conversation: answer.conversation.clone(),
                context: answer.context,
            };
            (Some(begun), Pending::Here(answer))
        }
        Either::Right((_, answer)) => (None, Pending::Coming(answer)),
    };
    Ok((begun, events(pace, pending, encoder).map(Ok)))
}

fn events(
    pace: Pace,
    pending: Pending,
    mut encoder: Box<dyn Encode>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    stream! {
        let answer = match pending {
            Pending::Here(answer) => Ok(answer),
            Pending::Coming(mut answer) => loop {
                let news = pace.news().await;
                yield encoder.keep_alive(news.as_deref());
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
                let mut alarm = Alarm::after(Arc::clone(&pace.host), pace.keep_alive);
                loop {
                    let bytes = match alarm.before(answer.chunks.next()).await {
                        Some(Some(Ok(chunk))) => encoder.chunk(&chunk),
                        Some(Some(Err(error))) => {
                            failed = Some(error);
                            break;
                        }
                        Some(None) => break,
                        None => encoder.keep_alive(None),
                    };
                    // Chunks of which the caller sees nothing do not count as signs of life.
                    if !bytes.is_empty() {
                        alarm.set(pace.keep_alive);
                        yield bytes;
                    }
                }
            }
        }
        if let Some(error) = failed {
            yield failure(&pace.gateway, encoder.as_mut(), &error);
        }
        yield encoder.done();
    }
}

fn failure(gateway: &Gateway, encoder: &mut dyn Encode, error: &Error) -> Bytes {
    problem::log(error);
    gateway.metrics().failed(error.code());
    encoder.error(error)
}
