//! Blobs kept as records, against the contract, and what becomes of writers that die.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dormouse_core::{
    Code,
    blobs::RecordsBlobs,
    memory::MemoryRecords,
    ports::{Blobs, NewBlob, Page, Records},
};
use dormouse_testkit::{conformance, fakes::TestHost};
use futures::{FutureExt, StreamExt, stream};

struct Shelf {
    host: Arc<TestHost>,
    records: Arc<MemoryRecords>,
    blobs: RecordsBlobs,
}

impl Shelf {
    fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let records = Arc::new(MemoryRecords::new(Arc::clone(&host) as _));
        let blobs = RecordsBlobs::new(Arc::clone(&records) as _, Arc::clone(&host) as _);
        Self { host, records, blobs }
    }

    /// How many records a collection has, up to a thousand.
    async fn count(&self, collection: &str) -> usize {
        let page = Page { limit: Page::MAX_LIMIT, ..Page::default() };
        self.records.page("acme", collection, page).await.unwrap().len()
    }
}

/// Several commits of pieces, and then nothing ever again.
fn endless() -> NewBlob {
    let some = stream::iter((0..20).map(|_| Ok(Bytes::from(vec![7; 256 * 1024]))));
    NewBlob::streamed("text/plain", some.chain(stream::pending()).boxed()).unwrap()
}

#[tokio::test]
async fn blobs_in_records_conform() {
    conformance::blobs(&Shelf::new().blobs).await;
}

#[tokio::test]
async fn what_is_deleted_leaves_no_record() {
    let shelf = Shelf::new();
    for length in [0, 1, 300_000, 2_000_000, 7_000_000] {
        let blob = NewBlob::whole("text/plain", vec![1; length]).unwrap();
        assert!(shelf.blobs.put("acme", "a", blob).await.unwrap());
        shelf.blobs.delete("acme", "a").await.unwrap();
        for collection in ["blobs", "blobs.pieces", "blobs.loose"] {
            assert_eq!(shelf.count(collection).await, 0, "{length} bytes left {collection}");
        }
    }
}

#[tokio::test]
async fn what_a_dead_writer_left_is_removed_after_a_day() {
    let shelf = Shelf::new();
    assert!(shelf.blobs.put("acme", "a", endless()).now_or_never().is_none());
    let left = shelf.count("blobs.pieces").await;
    assert!(left > 8, "only {left} pieces were written");

    // Each process looks with its first blob.
    let look = async |name: &str| {
        let blobs =
            RecordsBlobs::new(Arc::clone(&shelf.records) as _, Arc::clone(&shelf.host) as _);
        assert!(blobs.put("acme", name, NewBlob::whole("text/plain", "").unwrap()).await.unwrap());
    };
    look("b").await;
    assert_eq!(shelf.count("blobs.pieces").await, left, "it may still be writing");
    shelf.host.advance(Duration::from_secs(24 * 3600 + 1));
    look("c").await;

    assert_eq!(shelf.count("blobs.pieces").await, 0);
    assert_eq!(shelf.count("blobs.loose").await, 0);
}

#[tokio::test]
async fn a_writer_that_was_taken_for_dead_is_told() {
    let shelf = Shelf::new();
    let host = Arc::clone(&shelf.host);
    let (records, others) = (Arc::clone(&shelf.records), Arc::clone(&shelf.host));
    let meanwhile = async move {
        host.advance(Duration::from_secs(24 * 3600 + 1));
        let other = RecordsBlobs::new(records, others);
        let blob = NewBlob::whole("text/plain", "").unwrap();
        assert!(other.put("acme", "b", blob).await.unwrap());
        Ok(Bytes::from_static(b"end"))
    };
    let some = stream::iter((0..20).map(|_| Ok(Bytes::from(vec![7; 256 * 1024]))));
    let content = some.chain(meanwhile.into_stream()).boxed();
    let blob = NewBlob::streamed("text/plain", content).unwrap();

    let error = shelf.blobs.put("acme", "a", blob).await.unwrap_err();

    assert_eq!(error.code(), Code::StoreUnavailable);
    assert_eq!(shelf.blobs.head("acme", "a").await.unwrap(), None);
}
