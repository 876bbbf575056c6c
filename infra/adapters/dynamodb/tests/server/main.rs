//! The store against a server that speaks DynamoDB.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod faults;
mod processes;
mod requests;
mod service;
mod tap;

use std::sync::Arc;

use aws_sdk_dynamodb::config::Credentials;
use dormouse_core::queue::RecordsQueue;
use dormouse_dynamodb::{DynamoOptions, DynamoRecords};
use dormouse_testkit::{
    conformance::{self, TIMEOUT},
    fakes::TestHost,
    ministack::MiniStack,
};

/// The store in a table that is created if it is missing.
fn open(endpoint: &str, host: &Arc<TestHost>) -> DynamoRecords {
    open_table("dormouse", endpoint, true, host)
}

fn open_table(table: &str, endpoint: &str, create: bool, host: &Arc<TestHost>) -> DynamoRecords {
    let region = MiniStack::REGION;
    let url = format!("dynamodb://{table}?region={region}&endpoint={endpoint}&create={create}");
    let options = DynamoOptions::parse(&url).unwrap();
    let credentials = Credentials::new(MiniStack::KEY_ID, MiniStack::SECRET, None, None, "tests");
    DynamoRecords::new(options, TIMEOUT, Arc::clone(host) as _).with_credentials(credentials)
}

#[tokio::test]
async fn dynamodb_records_conform() {
    let server = MiniStack::start().await;
    let host = Arc::new(TestHost::new());

    conformance::records(&open(server.endpoint(), &host), &*host).await;
}

#[tokio::test]
async fn a_queue_of_dynamodb_records_conforms() {
    let server = MiniStack::start().await;
    let host = Arc::new(TestHost::new());
    let records = Arc::new(open(server.endpoint(), &host));
    let queue = RecordsQueue::new(records, Arc::clone(&host) as _);
    conformance::queue(&queue, &*host).await;
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn the_other_process() {
    conformance::processes::the_other(processes::open);
}
