//! `/mcp`, as clients of the Model Context Protocol meet it.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod access;
mod bench;
mod calls;
mod files;
mod protocol;
mod sessions;
mod stateless;
