//! The reference store for blobs against the contract.

use dormouse_core::memory::MemoryBlobs;
use dormouse_testkit::conformance;

#[tokio::test]
async fn memory_blobs_conform() {
    conformance::blobs(&MemoryBlobs::new()).await;
}
