//! More models than there is room for.

use std::time::Duration;

use dormouse_core::{
    Code,
    ports::{ModelServers, ServerState},
};
use dormouse_llamacpp::Options;
use dormouse_testkit::conformance::{ServerYard, TERMS};

use crate::yard::{Yard, lives};

const LEFT: &str = TERMS.models[0];
const RIGHT: &str = TERMS.models[1];
const THIRD: &str = "third";

/// Left, right and a third, as large as given.
fn three(sizes: [u64; 3], change: impl FnOnce(&mut Options)) -> Yard {
    Yard::with(|options| {
        options.models.push(Yard::another(options, THIRD));
        for (model, size) in options.models.iter_mut().zip(sizes) {
            model.memory_bytes = Some(size);
        }
        change(options);
    })
}

async fn wake_and_leave(yard: &Yard, model: &str) {
    drop(yard.supervisor.wake(model, None).await.unwrap());
    yard.pass(Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_recently_used_idle_model_makes_room() {
    let yard = three([1; 3], |options| options.max_loaded = Some(2));
    wake_and_leave(&yard, LEFT).await;
    wake_and_leave(&yard, RIGHT).await;
    wake_and_leave(&yard, LEFT).await;

    wake_and_leave(&yard, THIRD).await;

    assert!(!lives(yard.pids(RIGHT)[0]));
    assert_eq!(yard.report(LEFT).await.state, ServerState::Warm);
    assert_eq!(yard.supervisor.counters()[RIGHT].evictions, 1);
    assert_eq!(yard.supervisor.counters()[LEFT].evictions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_less_important_model_goes_first() {
    let yard = three([1; 3], |options| {
        options.max_loaded = Some(2);
        options.models[0].priority = 1;
    });
    wake_and_leave(&yard, LEFT).await;
    wake_and_leave(&yard, RIGHT).await;

    wake_and_leave(&yard, THIRD).await;

    assert_eq!(yard.report(LEFT).await.state, ServerState::Warm);
    assert_eq!(yard.report(RIGHT).await.state, ServerState::Cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_model_is_never_evicted_and_who_needs_its_room_waits() {
    let yard = three([1; 3], |options| options.max_loaded = Some(1));
    let lease = yard.supervisor.wake(LEFT, None).await.unwrap();
    let next = yard.supervisor.wake(RIGHT, None);
    let (next, ()) = tokio::join!(next, async {
        yard.until(RIGHT, |it| it.queued == 1).await;
        for _ in 0..20 {
            yard.breathe().await;
        }
        assert_eq!(yard.report(LEFT).await.state, ServerState::Warm);
        assert_eq!(yard.report(RIGHT).await.state, ServerState::Waking, "it waits for room");
        assert_eq!(yard.pids(RIGHT).len(), 0);
        drop(lease);
    });
    next.unwrap();
    assert!(!lives(yard.pids(LEFT)[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_evicted_than_must_be() {
    let yard = three([3, 2, 5], |options| options.memory_budget = Some(8));
    wake_and_leave(&yard, LEFT).await;
    wake_and_leave(&yard, RIGHT).await;

    wake_and_leave(&yard, THIRD).await;

    assert_eq!(yard.report(LEFT).await.state, ServerState::Cold, "used least recently");
    assert_eq!(yard.report(RIGHT).await.state, ServerState::Warm, "2 and 5 are within 8");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_evicted_in_vain() {
    let yard = three([4, 2, 6], |options| options.memory_budget = Some(8));
    wake_and_leave(&yard, RIGHT).await;
    let lease = yard.supervisor.wake(LEFT, None).await.unwrap();
    let next = yard.supervisor.wake(THIRD, None);
    let (next, ()) = tokio::join!(next, async {
        yard.until(THIRD, |it| it.queued == 1).await;
        assert_eq!(yard.report(RIGHT).await.state, ServerState::Warm);
        drop(lease);
    });
    next.unwrap();
    assert_eq!(yard.report(LEFT).await.state, ServerState::Cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_larger_than_the_budget_says_so() {
    let yard = three([1, 1, 9], |options| options.memory_budget = Some(8));
    wake_and_leave(&yard, LEFT).await;
    let error = yard.supervisor.wake(THIRD, None).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().contains("more memory than may be used"), "{error}");
    assert_eq!(yard.report(LEFT).await.state, ServerState::Warm);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preload_list_evicts_nobody() {
    let yard = three([4; 3], |options| {
        options.memory_budget = Some(8);
        options.models.iter_mut().for_each(|model| model.preload = true);
        options.models[2].priority = 1;
    });
    for model in [LEFT, THIRD] {
        yard.until(model, |it| it.state == ServerState::Warm).await;
    }
    assert_eq!(yard.report(RIGHT).await.state, ServerState::Cold);
}
