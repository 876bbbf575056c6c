//! The SQLite store against the contract of its port.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    ports::{Commit, Records, TOKEN_MEMORY, Write},
    queue::RecordsQueue,
};
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::{conformance, fakes::TestHost};
use futures::executor::block_on;
use tempfile::TempDir;

#[test]
fn sqlite_records_conform() {
    let (folder, host) = (TempDir::new().unwrap(), Arc::new(TestHost::new()));
    let records = SqliteRecords::new(folder.path().join("dormouse.db"), Arc::clone(&host) as _);
    block_on(conformance::records(&records, &*host));
}

#[test]
fn a_queue_of_sqlite_records_conforms() {
    let (folder, host) = (TempDir::new().unwrap(), Arc::new(TestHost::new()));
    let records = SqliteRecords::new(folder.path().join("dormouse.db"), Arc::clone(&host) as _);
    let queue = RecordsQueue::new(Arc::new(records), Arc::clone(&host) as _);
    block_on(conformance::queue(&queue, &*host));
}

#[test]
fn a_token_is_remembered_for_its_time_and_then_forgotten() {
    let (folder, host) = (TempDir::new().unwrap(), Arc::new(TestHost::new()));
    let records = SqliteRecords::new(folder.path().join("dormouse.db"), Arc::clone(&host) as _);
    let count = || {
        let write = Write::add("counters", "c", [("count", 1)]);
        let commit = Commit::new("acme", vec![write]).with_token("once");
        block_on(records.commit(commit)).unwrap();
        block_on(records.get("acme", "counters", "c")).unwrap().unwrap().counters["count"]
    };

    assert_eq!(count(), 1);
    host.advance(TOKEN_MEMORY - Duration::from_millis(1));
    assert_eq!(count(), 1);
    host.advance(Duration::from_millis(1));
    assert_eq!(count(), 2);
}
