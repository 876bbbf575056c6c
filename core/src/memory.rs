//! In-process implementations of the storage ports: the reference that every adapter is compared with.

mod records;

pub use records::MemoryRecords;
