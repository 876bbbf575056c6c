//! The contracts of the ports, as code.
//!
//! A suite takes `&dyn Port` and names the clause of the contract in every failure. It needs no
//! runtime, uses fresh names, so that it can run against a shared server, and runs inside a wasm
//! component too.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod blobs;
mod clock;
mod model_servers;
mod records;

pub use blobs::blobs;
pub use clock::{RealTime, TestClock};
pub use model_servers::{ServerYard, TERMS, Terms, model_servers};
pub use records::records;
