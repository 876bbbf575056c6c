//! Blobs as files in a directory, which any number of processes may share.
//!
//! ```text
//! root/
//!   acme/              one directory a tenant
//!     file-0f3         one file a blob: a head of 512 bytes, then its content
//!   .new/              what is still being written
//! ```
//!
//! Tenants and names are written as [segments](dormouse_core::ports::segment_of_name). A blob is written
//! under `.new`, brought to the disk, and then linked to its place, which fails if something is there: so it
//! appears whole, and once. A writer holds a lock on what it writes; where nobody does, the writer is dead
//! and the rest of it is removed.

mod blobs;
mod draft;
mod failure;
mod head;
mod layout;
mod reading;

pub use blobs::FileBlobs;
