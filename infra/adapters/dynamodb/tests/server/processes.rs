//! Several processes on one table.

use std::sync::Arc;

use dormouse_core::ports::Records;
use dormouse_testkit::{conformance::processes, fakes::TestHost, ministack::MiniStack};

/// The store that all the processes open.
pub(crate) fn open(endpoint: &str) -> Arc<dyn Records> {
    // As with real hosts, no two draw the same tokens and versions.
    let host = TestHost::seeded(std::process::id().into());
    Arc::new(super::open(endpoint, &Arc::new(host)))
}

#[tokio::test]
async fn a_budget_is_never_passed_by_four_processes() {
    let server = MiniStack::start().await;
    processes::a_budget_is_never_passed(server.endpoint(), open).await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let server = MiniStack::start().await;
    processes::a_killed_process_loses_nothing(server.endpoint(), open).await;
}
