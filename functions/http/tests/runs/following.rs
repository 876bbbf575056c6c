//! Streams of a background response: for who waits, who comes back and who comes late.

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Reply};

const KINDS: [&str; 11] = [
    "created",
    "queued",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
];

fn streamed() -> Value {
    json!({ "model": "m", "input": "Hello", "background": true, "stream": true })
}

#[tokio::test]
async fn a_stream_can_be_read_again_from_any_event_with_the_same_bytes() {
    let bench = Bench::new([Reply::Says("Hello you")]);
    let live = bench.post(0, "/v1/responses", &streamed()).await;
    assert_eq!(live.kinds(), KINDS);
    let events = live.events();
    for (number, (id, _, data)) in (0_u64..).zip(&events) {
        assert_eq!((&data["sequence_number"], id), (&number.into(), &None));
    }
    let statuses: Vec<&Value> =
        events.iter().filter_map(|(_, _, data)| data["response"].get("status")).collect();
    assert_eq!(statuses, ["queued", "queued", "in_progress", "completed"]);
    let id = events[0].2["response"]["id"].as_str().unwrap();
    assert_eq!(events[10].2["response"], bench.response(1, id).await, "its end is what is kept");

    let path = format!("/v1/responses/{id}?stream=true");
    assert_eq!(bench.get(1, &path).await.body, live.body);
    for seen in 0..events.len() {
        let rest = bench.get(1, &format!("{path}&starting_after={seen}")).await;
        let expected: String = events[seen + 1..].iter().map(|(_, bytes, _)| &**bytes).collect();
        assert_eq!(rest.body, expected, "after {seen}");
    }
}

#[tokio::test]
async fn the_events_of_a_run_are_numbered_for_clients_of_event_streams() {
    let bench = Bench::new([Reply::Says("Hello you")]);
    bench.post(0, "/v1/responses", &streamed()).await;
    let run = bench.get(0, "/v1/runs").await.json()["data"][0]["id"].clone();
    let path = format!("/v1/runs/{}/events", run.as_str().unwrap());
    let all = bench.get(0, &path).await;
    assert_eq!(all.kinds(), KINDS);
    let ids: Vec<Option<u64>> = all.events().into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, (0..11).map(Some).collect::<Vec<_>>());
    let rest = bench.ask_with(1, (&Method::GET, &path), None, Some(("last-event-id", "7"))).await;
    assert_eq!(rest.events(), all.events()[8..]);
    let wrong =
        bench.ask_with(1, (&Method::GET, &path), None, Some(("last-event-id", "last"))).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["error"]["param"]),
        (400, &"last-event-id".into())
    );
}

#[tokio::test]
async fn who_comes_late_reads_what_was_told_and_then_what_is() {
    let bench = Bench::new([Reply::Waits]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.provider.say("Hello ");
    bench.settle().await;
    let path = format!("/v1/responses/{id}?stream=true&starting_after=2");
    let reads = bench.send(1, (&Method::GET, &path), None, None);
    let (mut reads, mut says) = (std::pin::pin!(reads), 0);
    let late = loop {
        if let Some(late) = futures::FutureExt::now_or_never(reads.as_mut()) {
            break late;
        }
        bench.pass(std::time::Duration::from_secs(1)).await;
        says += 1;
        match says {
            2 => assert!(bench.provider.say("you")),
            4 => bench.provider.end(),
            _ => assert!(says < 50, "it does not end"),
        }
    };
    assert_eq!(late.kinds(), KINDS[3..], "of another process");
}

#[tokio::test]
async fn only_what_is_in_the_background_can_be_streamed_again() {
    let bench = Bench::new([]);
    let body = json!({ "model": "m", "input": "Hello" });
    let id = bench.post(0, "/v1/responses", &body).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    let refused = bench.get(0, &format!("/v1/responses/{id}?stream=true")).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["param"]),
        (400, &"stream".into())
    );
}
