//! Clients whose going away no platform reports: the call runs to its end and is settled like any other.
//!
//! Lambda never tells a function. Spin tells a component that writes, so not before it has an answer.

use dormouse_testkit::upstream::{Answer, Gate};

use crate::{
    client::{ask, ask_streamed},
    disconnects::receipt_of,
    stage::{Stage, within},
};

pub(crate) async fn a_whole_request_runs_to_its_end(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["one ", "two"]).gated(0, &gate));
    let gateway = stage.gateway(&[]).await;

    let asking = tokio::spawn(gateway.chat_request(&ask("slow")).send());
    within("the gate", gate.reached()).await;
    asking.abort();
    gate.open();

    let receipt = receipt_of(&gateway, "completed").await;
    assert_eq!(receipt["usage"]["output_tokens"], 2, "{receipt}");
}

pub(crate) async fn a_streamed_request_runs_to_its_end(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("talking", Answer::text(&["one ", "two"]).gated(3, &gate));
    let gateway = stage.gateway(&[]).await;

    let mut events = gateway.stream(&ask_streamed("talking")).await;
    assert_eq!(events.text().await, "one ");
    within("the gate", gate.reached()).await;
    drop(events);
    gate.open();

    let receipt = receipt_of(&gateway, "completed").await;
    assert_eq!(receipt["usage"]["output_tokens"], 2, "{receipt}");
}
