//! Clauses 1 and 3: one wake for all, and none for what is not there.

use std::{pin::pin, time::Duration};

use dormouse_core::{Code, ports::ServerState};
use futures::future::{self, Either, join_all};

use super::{TERMS, Ward};

pub(super) async fn check(ward: &Ward<'_>) {
    what_is_not_listed_is_not_there(ward).await;
    a_listed_server_is_cold_before_it_is_asked_for(ward).await;
    many_callers_start_one_server(ward).await;
    a_caller_who_leaves_does_not_stop_the_wake(ward).await;
}

async fn what_is_not_listed_is_not_there(ward: &Ward<'_>) {
    let servers = ward.yard.servers();
    let listed: Vec<_> = servers.list().await.into_iter().map(|it| it.model).collect();
    assert_eq!(listed, TERMS.models, "clause 3: all models are listed");
    assert_eq!(servers.state("nobody").await, None, "clause 3: others are not there");
    let error = servers.wake("nobody", None).await.unwrap_err();
    assert_eq!(error.code(), Code::ModelNotFound, "clause 3: and cannot be woken");
    let error = servers.release("nobody").await.unwrap_err();
    assert_eq!(error.code(), Code::ModelNotFound, "clause 3: nor released");
}

async fn a_listed_server_is_cold_before_it_is_asked_for(ward: &Ward<'_>) {
    let report = ward.report().await;
    assert_eq!(report.state, ServerState::Cold, "clause 1: nothing starts unasked");
    assert_eq!(report.expected_wake, None, "clause 1: nor is guessed how long it would take");
    assert_eq!((report.active, report.queued), (0, 0), "clause 1: and nobody is there");
}

async fn many_callers_start_one_server(ward: &Ward<'_>) {
    let before = ward.starts();
    ward.yard.hold(ward.model);
    let callers = async || {
        let lease = ward.awaken("clause 1: all callers of a wake are served").await;
        assert!(lease.base_url.ends_with("/v1"), "clause 1: the address is {}", lease.base_url);
    };
    let watch = async {
        let all = u32::try_from(TERMS.queue).unwrap();
        let report = ward.until("clause 1: all wait", |it| it.queued == all).await;
        assert_eq!(report.state, ServerState::Waking, "clause 1: for the same wake");
        ward.yard.let_go(ward.model);
    };
    future::join(join_all((0..TERMS.queue).map(|_| callers())), watch).await;

    assert_eq!(ward.starts() - before, 1, "clause 1: one start serves all");
    let report = ward.report().await;
    assert_eq!(report.state, ServerState::Warm, "clause 1: then it is warm");
    assert!(report.expected_wake.is_some(), "clause 1: and the wake was measured");
    let lease = ward.awaken("clause 1: a warm server is there at once").await;
    assert_eq!(lease.woken_in, Duration::ZERO, "clause 1: nobody waits for a warm server");
    assert_eq!(ward.starts() - before, 1, "clause 1: nor starts it again");
    drop(lease);
    ward.sleep().await;
}

async fn a_caller_who_leaves_does_not_stop_the_wake(ward: &Ward<'_>) {
    let before = ward.starts();
    ward.yard.hold(ward.model);
    {
        let waking = ward.until("clause 1: it wakes", |it| it.state == ServerState::Waking);
        let (caller, waking) = (pin!(ward.wake()), pin!(waking));
        let Either::Right(_) = future::select(caller, waking).await else {
            panic!("clause 1: a wake that is held ended");
        };
    }
    let report = ward.report().await;
    assert_eq!(report.state, ServerState::Waking, "clause 1: the caller left, the wake goes on");
    assert_eq!(report.queued, 0, "clause 1: who left does not wait any more");
    ward.yard.let_go(ward.model);
    ward.until("clause 1: to its end", |it| it.state == ServerState::Warm).await;
    assert_eq!(ward.starts() - before, 1, "clause 1: at the first attempt");
    ward.sleep().await;
}
