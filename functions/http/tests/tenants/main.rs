//! Tenants, over HTTP: what they may see, what holds for each, and the agents that they share.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod agents;
mod bench;
mod config;
mod files;
mod isolation;
mod keys;
mod limits;
mod receipts;
mod tools;
