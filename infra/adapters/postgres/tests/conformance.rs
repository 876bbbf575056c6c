//! The PostgreSQL store against the contract of its port.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    ports::{Commit, Records, TOKEN_MEMORY, Write},
    queue::RecordsQueue,
};
use dormouse_postgres::PostgresRecords;
use dormouse_testkit::{
    conformance::{self, TIMEOUT},
    fakes::TestHost,
    servers::PostgresServer,
};

#[tokio::test]
async fn postgres_records_conform() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let records = PostgresRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    conformance::records(&records, &*host).await;
}

#[tokio::test]
async fn a_queue_of_postgres_records_conforms() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let records = PostgresRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    let queue = RecordsQueue::new(Arc::new(records), Arc::clone(&host) as _);
    conformance::queue(&queue, &*host).await;
}

#[tokio::test]
async fn a_token_is_remembered_for_its_time_and_then_forgotten() {
    let (server, host) = (PostgresServer::start_quick().await, Arc::new(TestHost::new()));
    let records = PostgresRecords::new(&server.url(), TIMEOUT, Arc::clone(&host) as _).unwrap();
    let count = async || {
        let write = Write::add("counters", "c", [("count", 1)]);
        records.commit(Commit::new("acme", vec![write]).with_token("once")).await.unwrap();
        records.get("acme", "counters", "c").await.unwrap().unwrap().counters["count"]
    };

    assert_eq!(count().await, 1);
    host.advance(TOKEN_MEMORY - Duration::from_millis(1));
    assert_eq!(count().await, 1);
    host.advance(Duration::from_millis(1));
    assert_eq!(count().await, 2);
}
