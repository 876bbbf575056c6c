//! The contracts of the ports, as code.
//!
//! A suite takes `&dyn Port` and names the clause of the contract in every failure. It needs no
//! runtime, uses fresh names, so that it can run against a shared server, and runs inside a wasm
//! component too.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

#[cfg(feature = "servers")]
mod agreement;
mod blobs;
mod clock;
#[cfg(feature = "servers")]
mod faults;
mod model_servers;
#[cfg(feature = "servers")]
pub mod processes;
mod queue;
mod records;
mod sandbox;

#[cfg(feature = "servers")]
pub use agreement::records_agree_with_the_reference;
pub use blobs::blobs;
pub use clock::{RealTime, TestClock};
#[cfg(feature = "servers")]
pub use faults::{Site, TIMEOUT, records_under_faults};
pub use model_servers::{ServerYard, TERMS, Terms, model_servers};
pub use queue::queue;
pub use records::records;
pub use sandbox::{sandbox, sandbox_files};
