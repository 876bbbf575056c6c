//! Clause 5: queues have an end.

use std::pin::pin;

use dormouse_core::{Code, ports::ServerState};
use futures::future::{self, Either, join_all};

use super::{TERMS, Ward};

pub(super) async fn check(ward: &Ward<'_>) {
    a_full_queue_is_busy(ward).await;
    who_finds_no_slot_waits_for_one(ward).await;
}

async fn a_full_queue_is_busy(ward: &Ward<'_>) {
    ward.yard.hold(ward.model);
    let callers = join_all((0..TERMS.queue).map(|_| async {
        drop(ward.awaken("clause 5: who waits in the queue is served").await);
    }));
    let one_more = async {
        let all = u32::try_from(TERMS.queue).unwrap();
        ward.until("clause 5: the queue fills", |it| it.queued == all).await;
        let error = ward.refused("clause 5: one too many").await;
        assert_eq!(error.code(), Code::Busy, "clause 5: the queue is full");
        assert!(error.delay().is_some_and(|it| !it.is_zero()), "clause 5: and it is said how long");
        ward.yard.let_go(ward.model);
    };
    future::join(callers, one_more).await;
    assert_eq!(ward.report().await.queued, 0, "clause 5: nobody stays in the queue");
    ward.sleep().await;
}

async fn who_finds_no_slot_waits_for_one(ward: &Ward<'_>) {
    let mut leases = Vec::new();
    for _ in 0..TERMS.slots {
        leases.push(ward.awaken("clause 5: every slot can be leased").await);
    }
    let queued = ward.until("clause 5: the next one waits", |it| it.queued == 1);
    let (next, queued) = (pin!(ward.wake()), pin!(queued));
    let Either::Right((report, next)) = future::select(next, queued).await else {
        panic!("clause 5: more places than slots");
    };
    let expected = (ServerState::Warm, TERMS.slots);
    assert_eq!((report.state, report.active), expected, "clause 5: all slots are taken");
    let freed = leases.pop().and_then(|lease| lease.slot);
    let lease = next.await.unwrap();
    assert_eq!(lease.slot, freed, "clause 5: the next one gets what became free");
    drop((lease, leases));
    ward.sleep().await;
}
