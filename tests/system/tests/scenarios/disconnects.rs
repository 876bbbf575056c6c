//! Clients that go away while they wait for a whole answer.

use std::time::{Duration, Instant};

use dormouse_testkit::upstream::{Answer, Gate, Received};
use futures::FutureExt;
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::{
    client::{Gateway, ask},
    stage::{Stage, within},
};

/// How soon the upstream must know: within a second on an idle machine, which one that runs all tests is not.
pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn before_the_first_byte(stage: Stage) {
    stage.upstream.always("silent", Answer::silence());
    let gateway = stage.gateway(&[]).await;

    let client = waiting(&gateway, &ask("silent"));
    let asked = within("the request", stage.upstream.asked("silent")).await;

    closes_soon(&asked, client).await;
    receipt_of(&gateway, "aborted").await;
}

pub(crate) async fn within_the_answer(stage: Stage) {
    let gate = Gate::closed();
    // The head and no body yet.
    stage.upstream.always("slow", Answer::text(&["one"]).gated(1, &gate));
    let gateway = stage.gateway(&[]).await;

    let client = waiting(&gateway, &ask("slow"));
    let asked = within("the request", stage.upstream.asked("slow")).await;
    within("the head to be sent", gate.reached()).await;

    closes_soon(&asked, client).await;
    receipt_of(&gateway, "aborted").await;
}

/// The client that is `leaving` is gone: the upstream's connection for its request must close in time.
pub(crate) async fn closes_soon<T>(asked: &Received, leaving: T) {
    assert!(asked.is_open());
    let left = Instant::now();
    drop(leaving);

    let closed = within("the upstream connection to be closed", asked.closed()).await;
    assert!(closed - left < SOON, "closed after {:?}", closed - left);
}

/// A client that waits for a response, until this is dropped.
pub(crate) fn waiting(gateway: &Gateway, body: &Value) -> AbortOnDrop {
    AbortOnDrop(tokio::spawn(gateway.chat_request(body).send().map(drop)).abort_handle())
}

/// Ends a task when dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until the latest call was settled with `outcome`.
pub(crate) async fn receipt_of(gateway: &Gateway, outcome: &str) -> Value {
    gateway
        .until("/v1/receipts", |receipts| {
            let receipt = receipts["data"].as_array()?.first()?;
            (receipt["outcome"] == outcome).then(|| receipt.clone())
        })
        .await
}
