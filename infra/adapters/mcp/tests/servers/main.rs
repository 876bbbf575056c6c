//! Real servers, made with the official SDK, in processes and over HTTP; and the gateway's own server, called
//! by the official SDK.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod gateway;
mod over_http;
mod peer;
mod processes;
mod rests;
