//! In-process implementations of the storage ports: the references that every adapter is compared with.

mod blobs;
mod records;

pub use blobs::MemoryBlobs;
pub use records::MemoryRecords;
