//! Waking, idling, stopping: one process at a time, and none when nobody asks.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    ports::{ModelServers, ServerState},
};
use dormouse_testkit::conformance::{ServerYard, TERMS};
use futures::future::join_all;

use crate::yard::{Yard, group, lives, until};

const MODEL: &str = TERMS.models[0];

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_start_one_process() {
    let yard = Arc::new(Yard::with(|options| options.queue = 100));
    let callers = (0..100).map(|_| {
        let yard = Arc::clone(&yard);
        tokio::spawn(async move { yard.supervisor.wake(MODEL, None).await.map(drop) })
    });
    for served in join_all(callers).await {
        served.unwrap().unwrap();
    }
    assert_eq!(yard.pids(MODEL).len(), 1);
    assert_eq!(yard.supervisor.counters()[MODEL].wakes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_leaves_no_process() {
    let yard = Yard::new();
    drop(yard.supervisor.wake(MODEL, None).await.unwrap());
    let pid = yard.pids(MODEL)[0];
    let group = group(pid);
    assert_eq!(group.len(), 2, "the server and its guard");

    yard.pass(TERMS.idle_timeout);
    yard.until(MODEL, |it| it.state == ServerState::Cold).await;

    assert!(!group.into_iter().any(lives));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idle_time_does_not_run_while_a_model_loads() {
    let yard = Yard::new();
    yard.hold(MODEL);
    let wake = yard.supervisor.wake(MODEL, None);
    let loading = async {
        yard.until_asked_again(MODEL).await;
        yard.pass(TERMS.idle_timeout * 10);
        yard.until_asked_again(MODEL).await;
        let report = yard.report(MODEL).await;
        assert_eq!((report.state, report.queued), (ServerState::Waking, 1), "503: it loads");
        yard.let_go(MODEL);
    };
    let (lease, ()) = tokio::join!(wake, loading);

    assert!(lease.unwrap().woken_in >= TERMS.idle_timeout * 10, "it says how long it took");
    let report = yard.report(MODEL).await;
    assert_eq!(report.state, ServerState::Warm);
    assert!(report.expected_wake.unwrap() >= TERMS.idle_timeout * 10);
    assert_eq!(yard.pids(MODEL).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_no_health_is_asked_for_its_models() {
    let yard = Yard::new();
    yard.set(MODEL, "bare");
    yard.hold(MODEL);
    let wake = yard.supervisor.wake(MODEL, None);
    let (lease, ()) = tokio::join!(wake, async {
        yard.until_asked_again(MODEL).await;
        assert_eq!(yard.report(MODEL).await.state, ServerState::Waking);
        yard.let_go(MODEL);
    });
    lease.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_tells_how_far_it_is_is_heard() {
    let yard = Yard::new();
    yard.write(MODEL, "progress", r#"{"progress": 0.25}"#);
    yard.hold(MODEL);
    let wake = yard.supervisor.wake(MODEL, None);
    let (lease, ()) = tokio::join!(wake, async {
        yard.until(MODEL, |it| it.progress == Some(0.25)).await;
        yard.write(MODEL, "progress", r#"{"error": {"progress": 0.5}}"#);
        yard.until(MODEL, |it| it.progress == Some(0.5)).await;
        yard.pass(Duration::from_secs(3));
        assert_eq!(yard.report(MODEL).await.waking_for, Some(Duration::from_secs(3)));
        yard.let_go(MODEL);
    });
    lease.unwrap();
    let report = yard.report(MODEL).await;
    assert_eq!((report.progress, report.waking_for), (None, None), "it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_about_slots_gives_any_number_of_answers() {
    let yard = Yard::with(|options| {
        for model in &mut options.models {
            model.command.retain(|part| !part.starts_with("TOY_SLOTS"));
        }
        options.models[1].concurrency = Some(1);
    });
    let leases = join_all((0..20).map(|_| yard.supervisor.wake(MODEL, Some("one")))).await;
    assert!(leases.iter().all(|lease| lease.as_ref().unwrap().slot.is_none()));

    let limited = TERMS.models[1];
    let lease = yard.supervisor.wake(limited, None).await.unwrap();
    let next = yard.supervisor.wake(limited, None);
    let (next, ()) = tokio::join!(next, async {
        yard.until(limited, |it| (it.active, it.queued) == (1, 1)).await;
        drop(lease);
    });
    next.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preload_list_is_woken_unasked() {
    let yard = Yard::with(|options| options.models[0].preload = true);
    yard.until(MODEL, |it| it.state == ServerState::Warm).await;
    assert_eq!(yard.report(TERMS.models[1]).await.state, ServerState::Cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_answers_and_leaves_no_process() {
    let yard = Yard::new();
    let lease = yard.supervisor.wake(MODEL, None).await.unwrap();
    drop(yard.supervisor.wake(TERMS.models[1], None).await.unwrap());
    let pids = TERMS.models.map(|model| yard.pids(model)[0]);

    let shutdown = yard.supervisor.shutdown();
    tokio::join!(shutdown, async {
        until(async || !lives(pids[1])).await;
        assert!(lives(pids[0]), "somebody is being answered");
        let error = yard.supervisor.wake(MODEL, None).await.unwrap_err();
        assert_eq!(error.code(), Code::UpstreamUnavailable);
        drop(lease);
    });
    assert!(!pids.into_iter().any(lives));
}
