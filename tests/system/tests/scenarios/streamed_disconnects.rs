//! Clients that go away while they wait for a stream, or read it.

use std::time::{Duration, Instant};

use dormouse_testkit::upstream::{Answer, Ending};
use serde_json::json;

use crate::{
    client::ask_streamed,
    disconnects::{SOON, closes_soon, receipt_of, waiting},
    llama,
    stage::{Stage, within},
};

pub(crate) async fn a_request_before_its_first_byte(stage: Stage) {
    stage.upstream.always("silent", Answer::silence());
    let gateway = stage.gateway(&[]).await;

    let client = waiting(&gateway, &ask_streamed("silent"));
    let asked = within("the request", stage.upstream.asked("silent")).await;

    closes_soon(&asked, client).await;
    receipt_of(&gateway, "aborted").await;
}

pub(crate) async fn a_request_between_headers_and_first_byte(stage: Stage) {
    stage.upstream.always("silent", Answer::silence());
    let gateway = stage.gateway(&[("DORMOUSE_HEADERS_WITHIN", "20ms")]).await;

    let events = gateway.stream(&ask_streamed("silent")).await;
    let asked = within("the request", stage.upstream.asked("silent")).await;

    closes_soon(&asked, events).await;
    receipt_of(&gateway, "aborted").await;
}

pub(crate) async fn a_request_within_its_answer(stage: Stage) {
    let answer = Answer::text(&["one ", "two"]).cut_after(3).then(Ending::Stall);
    stage.upstream.always("talking", answer);
    let gateway = stage.gateway(&[]).await;

    let mut events = gateway.stream(&ask_streamed("talking")).await;
    assert_eq!(events.text().await, "one ");
    let asked = within("the request", stage.upstream.asked("talking")).await;

    closes_soon(&asked, events).await;
    let receipt = receipt_of(&gateway, "aborted").await;
    assert_eq!(receipt["usage"]["source"], "estimated", "{receipt}");
}

pub(crate) async fn a_real_model_stops_working(stage: Stage) {
    let (llama, gateway) = llama::begin(&stage).await;
    let mut body = ask_streamed(llama::MODEL);
    // Long enough to be found at work for seconds.
    body["ignore_eos"] = json!(true);
    body["max_tokens"] = json!(16_000);

    let mut events = gateway.stream(&body).await;
    events.text().await;
    assert_eq!(llama.busy().await, 1);
    let left = Instant::now();
    drop(events);

    within("the slot to be free", async {
        while llama.busy().await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(left.elapsed() < SOON, "free after {:?}", left.elapsed());
}
