//! The queue on top of records, against the contract of its port.
#![cfg(test)]

use std::sync::Arc;

use dormouse_core::{memory::MemoryRecords, queue::RecordsQueue};
use dormouse_testkit::{conformance, fakes::TestHost};

#[tokio::test]
async fn a_queue_of_records_conforms() {
    let host = Arc::new(TestHost::new());
    let records = Arc::new(MemoryRecords::new(Arc::clone(&host) as _));
    let queue = RecordsQueue::new(records, Arc::clone(&host) as _);
    conformance::queue(&queue, &*host).await;
}
