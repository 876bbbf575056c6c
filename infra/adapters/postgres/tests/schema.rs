//! The tables, from the outside.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{error::Error as _, sync::Arc, time::Duration};

use dormouse_core::{
    Code,
    ports::{Commit, Host, Records, When, Write},
};
use dormouse_postgres::PostgresRecords;
use dormouse_testkit::{conformance::TIMEOUT, fakes::TestHost, servers::PostgresServer};
use futures::future::join_all;
use tokio_postgres::{Client, NoTls};

fn open(server: &PostgresServer, host: &Arc<TestHost>) -> PostgresRecords {
    PostgresRecords::new(&server.url(), TIMEOUT, Arc::clone(host) as _).unwrap()
}

async fn look(server: &PostgresServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn count() -> Commit {
    Commit::new("acme", vec![Write::add("counters", "c", [("count", 1)])])
}

#[tokio::test]
async fn gateways_that_start_together_make_one_schema() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let gateways: Vec<_> = (0..8).map(|_| open(&server, &host)).collect();

    let outcomes = join_all(gateways.iter().map(|gateway| gateway.commit(count()))).await;

    outcomes.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    let counted = gateways[0].get("acme", "counters", "c").await.unwrap().unwrap();
    assert_eq!(counted.counters["count"], 8);
}

#[tokio::test]
async fn a_schema_of_a_newer_gateway_is_left_alone() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    open(&server, &host).commit(count()).await.unwrap();
    let client = look(&server).await;
    client.execute("INSERT INTO dormouse.migrations VALUES (1000)", &[]).await.unwrap();

    let error = open(&server, &host).commit(count()).await.unwrap_err();

    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.source().unwrap().to_string().contains("1000 is newer"), "{error:?}");
    let counted = "SELECT counters->>'count' FROM dormouse.records";
    let counted: String = client.query_one(counted, &[]).await.unwrap().get(0);
    assert_eq!(counted, "1");
}

#[tokio::test]
async fn what_has_expired_leaves_the_tables() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let records = open(&server, &host);
    let expiry = host.now() + Duration::from_secs(1);
    let fleeting = |id| Write::put_until("things", format!("{id}"), "", expiry, When::Any);
    let commit = Commit::new("acme", (0..20).map(fleeting).collect()).with_token("token");
    records.commit(commit).await.unwrap();

    host.advance(Duration::from_secs(2 * 3600));
    records.commit(count()).await.unwrap();

    let client = look(&server).await;
    for (table, rows) in [("records", 1), ("tokens", 0)] {
        let sql = format!("SELECT count(*) FROM dormouse.{table}");
        assert_eq!(client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), rows, "{table}");
    }
}

#[tokio::test]
async fn a_database_that_isolates_otherwise_is_used_as_it_must_be() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let client = look(&server).await;
    let strict = "ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'";
    client.batch_execute(strict).await.unwrap();
    let records = open(&server, &host);

    let outcomes = join_all((0..64).map(|_| records.commit(count()))).await;

    outcomes.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    let counted = records.get("acme", "counters", "c").await.unwrap().unwrap();
    assert_eq!(counted.counters["count"], 64);
}

#[tokio::test]
async fn commits_that_meet_in_any_order_do_not_stop_each_other() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let records = open(&server, &host);
    let meet = async |number: usize| {
        let mut ids: Vec<_> = (0..20).map(|id| format!("{id}")).collect();
        ids.rotate_left(number % 20);
        if number.is_multiple_of(2) {
            ids.reverse();
        }
        let add = |id: String| Write::add("counters", id, [("count", 1)]);
        let commit = Commit::new("acme", ids.into_iter().map(add).collect());
        records.commit(commit).await.unwrap();
    };

    join_all((0..100).map(meet)).await;

    let page = records.page("acme", "counters", Default::default()).await.unwrap();
    assert!(page.iter().all(|record| record.counters["count"] == 100), "{page:?}");
}
