//! Who works on a run, and what becomes of it.

use std::time::Duration;

use bytes::Bytes;
use dormouse_core::{
    Code,
    runs::{Lost, MAX_REQUEST_BYTES, MAX_STEP_BYTES, Problem, State, Taken},
};

use crate::bench::{Bench, LEASE, RETENTION, code, event};

#[tokio::test]
async fn a_run_is_kept_as_it_was_asked_for() {
    let bench = Bench::new();
    let body = Bytes::from("x".repeat(MAX_REQUEST_BYTES));
    let run = bench.asked(body.clone()).await.unwrap();
    assert_eq!((run.state, run.steps, run.events, run.attempts), (State::Queued, 0, 2, 0));
    let read = bench.runs().get("acme", &run.id).await.unwrap();
    assert_eq!(read, run);
    assert_eq!(bench.runs().request("acme", &read).await.unwrap(), body);
    assert_eq!(
        code(bench.asked([&body[..], b"x"].concat().into()).await),
        Some(Code::BodyTooLarge)
    );
}

#[tokio::test]
async fn a_run_is_known_to_its_tenant_alone() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    assert_eq!(code(bench.runs().get("zoo", &run).await), Some(Code::NotFound));
    assert_eq!(bench.runs().list("zoo", None, 10).await.unwrap(), []);
    let taken = bench.runs().claim("zoo", &run, |_, _| Ok(Vec::new())).await.unwrap();
    assert!(matches!(taken, Taken::Missing));
    let listed = bench.runs().list("acme", None, 10).await.unwrap();
    assert_eq!(listed.into_iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
}

#[tokio::test]
async fn one_process_works_on_a_run_until_its_lease_ends() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let first = bench.claimed(0, &run).await;
    assert!(matches!(bench.take(1, &run).await, Taken::Leased(left) if left == LEASE));

    bench.host.advance(LEASE - Duration::from_secs(1));
    first.renew().await.unwrap();
    bench.host.advance(LEASE - Duration::from_secs(1));
    assert!(matches!(bench.take(1, &run).await, Taken::Leased(_)), "a sign of life counts");

    bench.host.advance(Duration::from_secs(1));
    let second = bench.claimed(1, &run).await;
    assert_eq!(second.run().await.attempts, 2);
    let late = first.record("late".into(), None).await.unwrap_err();
    assert!(Lost::is(&late), "{late}");
    second.record("next".into(), None).await.unwrap();
    assert_eq!(bench.steps(&run).await, ["next"]);
}

#[tokio::test]
async fn a_step_goes_with_the_events_that_belong_to_it() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let first = bench.claimed(0, &run).await;
    first.tell([event("one")]).await;
    first.record("step 0".into(), None).await.unwrap();
    first.tell([event("half of the next")]).await;
    drop(first);
    bench.host.advance(LEASE);

    let second = bench.claimed(1, &run).await;
    let told = bench.told(&run, Some(2)).await;
    assert_eq!(told.len(), 1, "what was not committed was not told: {told:?}");
    second.tell([event("two")]).await;
    second.record("step 1".into(), None).await.unwrap();
    assert_eq!(bench.steps(&run).await, ["step 0", "step 1"]);
    let numbers: Vec<u64> = bench.told(&run, None).await.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_run_can_go_on() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    let largest = Bytes::from("s".repeat(MAX_STEP_BYTES));
    let larger = [&largest[..], b"s"].concat().into();
    assert_eq!(code(claimed.record(larger, None).await), Some(Code::BodyTooLarge));
    assert_eq!(code(claimed.record(Bytes::new(), None).await), Some(Code::BodyTooLarge));
    claimed.record(largest.clone(), None).await.unwrap();
    claimed.tell([event(&"e".repeat(2 << 20))]).await;
    assert_eq!(code(claimed.flush().await), Some(Code::BodyTooLarge));
    claimed.forget().await;
    claimed.tell([event(&"e".repeat(1 << 20))]).await;
    claimed.record(largest.clone(), None).await.unwrap();
    assert_eq!(bench.steps(&run).await, [largest.clone(), largest]);
    assert_eq!(bench.told(&run, Some(2)).await.len(), 1);
}

#[tokio::test]
async fn a_run_that_fills_up_ends_and_there_is_room_to_say_so() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    let step = Bytes::from("s".repeat(MAX_STEP_BYTES));
    let mut recorded = 0;
    let full = loop {
        match claimed.record(step.clone(), None).await {
            Ok(()) => recorded += 1,
            Err(error) => break error,
        }
        assert!(recorded < 100, "there is no end to it");
    };
    assert_eq!(full.code(), Code::BodyTooLarge);
    claimed.tell([event("failed")]).await;
    claimed.end(State::Failed, Some(Problem::from(&full)), None).await.unwrap();
    assert_eq!(bench.steps(&run).await.len(), recorded);
    let read = bench.runs().get("acme", &run).await.unwrap();
    assert_eq!(read.error.unwrap().code, "body_too_large");
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_not_made_twice() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    *bench.store.losing.lock().unwrap() = 3;
    claimed.tell([event("one")]).await;
    bench.run(claimed.record("step 0".into(), None)).unwrap();
    bench.run(claimed.record("step 1".into(), None)).unwrap();
    assert_eq!(bench.steps(&run).await, ["step 0", "step 1"]);
    assert_eq!(bench.told(&run, Some(2)).await.len(), 1);
}

#[tokio::test]
async fn a_process_that_does_not_know_what_was_committed_stops() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    *bench.store.losing.lock().unwrap() = 4;
    let lost = bench.run(claimed.record("step 0".into(), None));
    assert_eq!(code(lost), Some(Code::StoreUnavailable));
    assert!(Lost::is(&claimed.record("step 0".into(), None).await.unwrap_err()));
    bench.host.advance(LEASE);
    let next = bench.claimed(1, &run).await;
    assert_eq!(next.run().await.steps, 1, "it was committed, and the next process knows");
}

#[tokio::test]
async fn a_cancelled_run_is_over_at_once_and_for_whoever_works_on_it() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    claimed.record("step 0".into(), None).await.unwrap();
    let (cancelled, ended) = bench.cancel(1, &run).await;
    assert_eq!((cancelled.state, ended), (State::Cancelled, true));
    assert!(Lost::is(&claimed.record("step 1".into(), None).await.unwrap_err()));
    assert_eq!(bench.cancel(1, &run).await, (cancelled, false), "again changes nothing");
    assert!(matches!(bench.take(1, &run).await, Taken::Ended(_)));
    assert_eq!(bench.steps(&run).await, ["step 0"]);
    assert_eq!(bench.told(&run, None).await.last().unwrap().bytes, event("cancelled"));
}

#[tokio::test]
async fn a_released_run_is_free_at_once() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    claimed.record("step 0".into(), None).await.unwrap();
    claimed.tell([event("nobody was told")]).await;
    claimed.release().await.unwrap();
    assert_eq!(bench.runs().get("acme", &run).await.unwrap().state, State::Queued);
    assert!(Lost::is(&claimed.renew().await.unwrap_err()));
    let next = bench.claimed(1, &run).await;
    assert_eq!((next.run().await.steps, next.run().await.events), (1, 3));
}

#[tokio::test]
async fn a_deleted_run_is_gone_with_all_that_belongs_to_it() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    for _ in 0..30 {
        claimed.tell([event("one")]).await;
        claimed.record("step".into(), None).await.unwrap();
    }
    bench.runs().delete("acme", &run).await.unwrap();
    assert!(Lost::is(&claimed.renew().await.unwrap_err()));
    assert_eq!(code(bench.runs().get("acme", &run).await), Some(Code::NotFound));
    assert_eq!(bench.told(&run, None).await, []);
    assert_eq!(code(bench.runs().delete("acme", &run).await), Some(Code::NotFound));
}

#[tokio::test]
async fn a_run_is_kept_for_its_time() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    bench.host.advance(RETENTION - Duration::from_millis(1));
    bench.claimed(0, &run).await;
    bench.host.advance(Duration::from_millis(1));
    assert_eq!(code(bench.runs().get("acme", &run).await), Some(Code::NotFound));
    assert_eq!(bench.told(&run, None).await, []);
}
