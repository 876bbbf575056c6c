//! Clause 4: broken models.

use std::time::Duration;

use dormouse_core::{Code, Error, ports::ServerState};

use super::{TERMS, Ward};

pub(super) async fn check(ward: &Ward<'_>) {
    a_broken_model_rests_longer_each_time_and_recovers(ward).await;
    a_server_that_dies_is_replaced(ward).await;
    a_release_forgives(ward).await;
}

async fn a_broken_model_rests_longer_each_time_and_recovers(ward: &Ward<'_>) {
    ward.yard.break_down(ward.model);
    let first = rest(&ward.refused("clause 4: it is broken").await);
    let is_failed = matches!(ward.report().await.state, ServerState::Failed { .. });
    assert!(is_failed, "clause 4: its state says so");
    let starts = ward.starts();

    ward.yard.pass(first / 2);
    let error = ward.refused("clause 4: it rests").await;
    assert!(rest(&error) <= first - first / 2, "clause 4: the rest goes by");
    assert_eq!(ward.starts(), starts, "clause 4: and nothing is tried in it");

    ward.yard.pass(first);
    let second = rest(&ward.refused("clause 4: it is still broken").await);
    assert_eq!(ward.starts(), starts + 1, "clause 4: it was tried again");
    assert!(second > first, "clause 4: after {first:?} it rests longer, not {second:?}");

    ward.yard.mend(ward.model);
    ward.yard.pass(second);
    drop(ward.awaken("clause 4: mended, it works").await);
    ward.sleep().await;
}

async fn a_server_that_dies_is_replaced(ward: &Ward<'_>) {
    let lease = ward.awaken("clause 4").await;
    ward.yard.break_down(ward.model);
    let failed = |state: &ServerState| matches!(state, ServerState::Failed { .. });
    let report = ward.until("clause 4: a death is noticed", |it| failed(&it.state)).await;
    let ServerState::Failed { retry_in, reason } = report.state else { return };
    assert!(!reason.is_empty(), "clause 4: with a reason");
    assert_eq!(report.active, 0, "clause 4: its answers died with it");
    ward.yard.mend(ward.model);
    ward.yard.pass(retry_in);
    let next = ward.awaken("clause 4: the next server works").await;
    drop(lease);
    assert_eq!(ward.report().await.active, 1, "clause 4: an old lease frees no new place");
    drop(next);
    ward.sleep().await;
}

async fn a_release_forgives(ward: &Ward<'_>) {
    ward.yard.break_down(ward.model);
    ward.refused("clause 4: it is broken").await;
    ward.yard.mend(ward.model);
    ward.release().await;
    drop(ward.awaken("clause 6: a release ends the rest of a broken model").await);
    ward.sleep().await;
}

/// How long the model rests, by an error that says why.
fn rest(error: &Error) -> Duration {
    assert_eq!(error.code(), Code::UpstreamFailed, "clause 4: {error}");
    let rest = error.delay().unwrap();
    assert!(!rest.is_zero() && rest <= TERMS.backoff * 8, "clause 4: a rest of {rest:?}");
    rest
}
