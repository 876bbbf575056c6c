//! Silences: how long they may last, and what the client hears meanwhile.

use dormouse_testkit::upstream::{Answer, Ending, Gate};
use serde_json::json;

use crate::{
    client::{ask, ask_streamed, timed},
    disconnects::SOON,
    sse::{Event, finish_of, text_of},
    stage::{Stage, UNHURRIED},
};

pub(crate) async fn headers_come_within_a_second_of_silence(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("silent", Answer::text(&["at last"]).gated(0, &gate));
    let gateway = stage.gateway(&[("DORMOUSE_KEEP_ALIVE", "100ms")]).await;

    let (mut events, waited) = timed(gateway.stream(&ask_streamed("silent"))).await;
    assert!(waited < SOON, "headers took {waited:?}");
    // Signs of life come by themselves, while the upstream has not said a word.
    for _ in 0..3 {
        assert_eq!(events.next().await, Some(Event::Comment));
    }
    gate.open();
    let chunks = events.rest().await;
    assert_eq!(text_of(&chunks), "at last");
    assert_eq!(finish_of(&chunks), Some("stop"));
}

pub(crate) async fn silence_within_an_answer_is_filled_with_comments(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("pausing", Answer::text(&["one ", "two"]).gated(3, &gate));
    let gateway = stage.gateway(&[("DORMOUSE_KEEP_ALIVE", "100ms")]).await;

    let mut events = gateway.stream(&ask_streamed("pausing")).await;
    assert_eq!(events.text().await, "one ");
    for _ in 0..3 {
        assert_eq!(events.next().await, Some(Event::Comment));
    }
    gate.open();
    assert_eq!(text_of(&events.rest().await), "two");
}

pub(crate) async fn a_failure_after_the_headers_is_an_event(stage: Stage) {
    let gate = Gate::closed();
    let error = json!({ "error": { "message": "out of memory", "type": "server_error" } });
    stage.upstream.always("failing", Answer::json(500, &error).gated(0, &gate));
    let gateway = stage.gateway(&[("DORMOUSE_HEADERS_WITHIN", "50ms")]).await;

    let mut events = gateway.stream(&ask_streamed("failing")).await;
    gate.open();
    let chunks = events.rest().await;

    assert_eq!(chunks.len(), 1, "{chunks:?}");
    assert_eq!(chunks[0]["error"]["message"], "out of memory");
}

pub(crate) async fn an_upstream_that_never_begins_is_given_up(stage: Stage) {
    stage.upstream.always("silent", Answer::silence());
    let short = ("DORMOUSE_UPSTREAM_FIRST_BYTE_TIMEOUT", "300ms");
    let gateway = stage.gateway(&[short, UNHURRIED]).await;

    for body in [ask("silent"), ask_streamed("silent")] {
        assert_eq!(gateway.chat(&body).await.error(504)["code"], "upstream_timeout");
    }
}

pub(crate) async fn an_upstream_that_stops_within_its_answer_is_given_up(stage: Stage) {
    stage
        .upstream
        .always("stopping", Answer::text(&["one ", "two"]).cut_after(3).then(Ending::Stall));
    let gateway = stage.gateway(&[("DORMOUSE_UPSTREAM_IDLE_TIMEOUT", "300ms")]).await;

    let chunks = gateway.stream(&ask_streamed("stopping")).await.rest().await;
    assert_eq!(text_of(&chunks), "one ");
    assert_eq!(chunks.last().unwrap()["error"]["code"], "upstream_timeout");

    // Whole: the head came, the body does not.
    stage.upstream.always("stopping", Answer::text(&["one"]).cut_after(1).then(Ending::Stall));
    assert_eq!(gateway.chat(&ask("stopping")).await.error(504)["code"], "upstream_timeout");
}

pub(crate) async fn a_request_has_an_end(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("endless", Answer::text(&["one "]).gated(3, &gate));
    let gateway = stage
        .gateway(&[("DORMOUSE_REQUEST_TIMEOUT", "500ms"), ("DORMOUSE_KEEP_ALIVE", "100ms")])
        .await;

    let chunks = gateway.stream(&ask_streamed("endless")).await.rest().await;
    assert_eq!(chunks.last().unwrap()["error"]["code"], "upstream_timeout");
}
