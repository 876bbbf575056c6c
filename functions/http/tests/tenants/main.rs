//! Tenants, over HTTP: what they may see, and what holds for each.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod bench;
mod config;
mod files;
mod isolation;
mod limits;
