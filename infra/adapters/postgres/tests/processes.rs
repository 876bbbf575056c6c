//! Several processes on one PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::sync::Arc;

use dormouse_core::ports::Records;
use dormouse_postgres::PostgresRecords;
use dormouse_testkit::{
    conformance::{TIMEOUT, processes},
    fakes::TestHost,
    servers::PostgresServer,
};

fn open(url: &str) -> Arc<dyn Records> {
    Arc::new(PostgresRecords::new(url, TIMEOUT, Arc::new(TestHost::new())).unwrap())
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn the_other_process() {
    processes::the_other(open);
}

#[tokio::test]
async fn a_budget_is_never_passed_by_four_processes() {
    let server = PostgresServer::start().await;
    processes::a_budget_is_never_passed(&server.url(), open).await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let server = PostgresServer::start().await;
    processes::a_killed_process_loses_nothing(&server.url(), open).await;
}
