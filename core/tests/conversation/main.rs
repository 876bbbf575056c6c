//! Conversations that are kept: continued, cut, compacted, and written by one at a time.
#![cfg(test)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod agents;
mod any_order;
mod bench;
mod continuing;
mod keeping;
mod writers;
