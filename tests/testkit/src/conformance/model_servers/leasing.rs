//! Clauses 2, 6 and 7: what a lease keeps, and when a server stops.

use std::pin::pin;

use dormouse_core::ports::ServerState;
use futures::future::{self, Either};

use super::{TERMS, Ward};

pub(super) async fn check(ward: &Ward<'_>) {
    a_lease_keeps_a_server_warm(ward).await;
    a_released_server_finishes_its_answers(ward).await;
    a_release_lets_those_be_served_who_wait(ward).await;
    a_wake_that_nobody_waits_for_can_be_released(ward).await;
    a_conversation_meets_its_slot_again(ward).await;
}

async fn a_lease_keeps_a_server_warm(ward: &Ward<'_>) {
    let before = ward.starts();
    let lease = ward.awaken("clause 2").await;
    ward.yard.pass(TERMS.idle_timeout * 2);
    ward.breathe_deeply().await;
    let report = ward.report().await;
    let expected = (ServerState::Warm, 1);
    assert_eq!((report.state, report.active), expected, "clause 2: leased, so not stopped");

    drop(lease);
    ward.yard.pass(TERMS.idle_timeout / 2);
    ward.breathe_deeply().await;
    let report = ward.report().await;
    let expected = (ServerState::Warm, 0);
    assert_eq!((report.state, report.active), expected, "clause 2: idle from then on");

    ward.yard.pass(TERMS.idle_timeout / 2);
    ward.until("clause 2: idle for long", |it| it.state == ServerState::Cold).await;
    assert_eq!(ward.starts() - before, 1, "clause 2: once started, once stopped");
}

async fn a_released_server_finishes_its_answers(ward: &Ward<'_>) {
    let before = ward.starts();
    let lease = ward.awaken("clause 6").await;
    ward.release().await;
    ward.breathe_deeply().await;
    let report = ward.report().await;
    let expected = (ServerState::Draining, 1);
    assert_eq!((report.state, report.active), expected, "clause 6: the answer goes on");

    let queued = ward.until("clause 6: later callers wait", |it| it.queued == 1);
    let (next, queued) = (pin!(ward.wake()), pin!(queued));
    let Either::Right((_, next)) = future::select(next, queued).await else {
        panic!("clause 6: somebody got a place in a server that is about to stop");
    };
    assert_eq!(ward.starts() - before, 1, "clause 6: no second server beside the first");
    drop(lease);
    let lease = next.await.unwrap();
    assert_eq!(ward.starts() - before, 2, "clause 6: they are served by the next one");
    drop(lease);
    ward.sleep().await;
    ward.sleep().await;
}

async fn a_release_lets_those_be_served_who_wait(ward: &Ward<'_>) {
    let before = ward.starts();
    ward.yard.hold(ward.model);
    let queued = ward.until("clause 6: one waits", |it| it.queued == 1);
    let (caller, queued) = (pin!(ward.wake()), pin!(queued));
    let Either::Right((_, caller)) = future::select(caller, queued).await else {
        panic!("clause 6: a wake that is held ended");
    };
    ward.release().await;
    ward.yard.let_go(ward.model);
    let lease = caller.await.unwrap();
    assert_eq!(ward.starts() - before, 1, "clause 6: by the wake that they waited for");
    drop(lease);
    ward.until("clause 6: then it stops", |it| it.state == ServerState::Cold).await;
}

async fn a_wake_that_nobody_waits_for_can_be_released(ward: &Ward<'_>) {
    ward.yard.hold(ward.model);
    {
        let waking = ward.until("clause 6: it wakes", |it| it.state == ServerState::Waking);
        let (caller, waking) = (pin!(ward.wake()), pin!(waking));
        future::select(caller, waking).await;
    }
    ward.sleep().await;
    ward.yard.let_go(ward.model);
    drop(ward.awaken("clause 6: a recalled wake leaves nothing behind").await);
    ward.sleep().await;
}

async fn a_conversation_meets_its_slot_again(ward: &Ward<'_>) {
    let slot = async |who| {
        let lease = ward.wake_for(Some(who)).await.unwrap();
        assert!(lease.slot.is_some(), "clause 7: the server's slots are numbered");
        (lease.slot, lease)
    };
    let (first, lease) = slot("first").await;
    let (second, other) = slot("second").await;
    assert_ne!(first, second, "clause 7: no two answers share a slot");
    drop((lease, other));
    for (who, expected) in [("second", second), ("first", first), ("second", second)] {
        assert_eq!(slot(who).await.0, expected, "clause 7: the same conversation, the same slot");
    }
    let (_, held) = slot("first").await;
    let (elsewhere, _) = slot("first").await;
    assert_ne!(elsewhere, first, "clause 7: unless it is taken");
    drop(held);
    ward.sleep().await;
}
