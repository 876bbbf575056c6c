//! Following the events of a run.

use dormouse_core::runs::State;
use futures::FutureExt;

use crate::bench::{Bench, event};

#[tokio::test]
async fn events_are_told_with_the_bytes_and_numbers_that_they_have() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    for number in 3..40 {
        claimed.tell([event(&format!("number {number}"))]).await;
        if number % 4 == 0 {
            claimed.flush().await.unwrap();
        }
    }
    claimed.flush().await.unwrap();
    let all = bench.told(&run, None).await;
    assert_eq!(all.len(), 40);
    for (number, told) in (0..).zip(&all).skip(3) {
        assert_eq!((told.number, &told.bytes), (number, &event(&format!("number {number}"))));
    }
    for after in 0..40 {
        let told = bench.told(&run, Some(after)).await;
        assert_eq!(told, all[usize::try_from(after).unwrap() + 1..], "from behind {after}");
    }
    assert_eq!(bench.told(&run, Some(39)).await, []);
    assert_eq!(bench.told(&run, Some(u64::MAX)).await, []);
}

#[tokio::test]
async fn an_event_that_is_larger_than_a_record_is_told_whole() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    let large = event(&"é".repeat(300_000));
    claimed.tell([event("small"), large.clone(), event("small")]).await;
    claimed.flush().await.unwrap();
    let told = bench.told(&run, Some(2)).await;
    let numbers: Vec<u64> = told.iter().map(|event| event.number).collect();
    assert_eq!(numbers, [3, 4, 5]);
    assert_eq!(told[1].bytes, large);
    assert_eq!(bench.told(&run, Some(4)).await, told[2..], "found in the middle of its records");
}

#[tokio::test]
async fn who_follows_reads_on_where_it_stopped_until_the_run_is_over() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    let mut follow = bench.processes[1].follow("acme", &run, Some(2));
    assert_eq!(follow.next().await.unwrap(), None);
    assert!(!follow.is_over().await.unwrap());
    claimed.tell([event("late")]).await;
    claimed.end(State::Completed, None, None).await.unwrap();
    assert!(follow.is_over().await.unwrap());
    assert_eq!(follow.next().await.unwrap().unwrap().bytes, event("late"));
    assert_eq!(follow.next().await.unwrap(), None);
}

#[tokio::test]
async fn whoever_listened_before_hears_of_what_is_told_in_its_process() {
    let bench = Bench::new();
    let run = bench.queued().await.id;
    let claimed = bench.claimed(0, &run).await;
    let mut heard = bench.processes[0].listen();
    assert!((&mut heard).now_or_never().is_none());
    claimed.tell([event("one")]).await;
    claimed.flush().await.unwrap();
    assert!(heard.now_or_never().is_some());
    assert!(bench.processes[0].listen().now_or_never().is_none(), "only of what comes after");
}
