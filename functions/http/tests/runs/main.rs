//! Responses that are answered whether or not their caller waits, over HTTP.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod background;
mod bench;
mod cancelling;
mod figures;
mod following;
mod loops;
mod notebooks;
mod successors;
