//! Tools that the gateway runs itself.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod bench;
mod calculator;
mod clock;
mod internet;
mod memory;
mod registry;
mod sandbox;
mod schema;
mod services;
mod web;
