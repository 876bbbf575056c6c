//! The supervisor with real processes: toy servers that are held, broken and killed.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod doomed_gateway;
mod failing;
mod hygiene;
mod machine;
mod room;
mod sleeping;
mod sockets;
mod toy_server;
mod yard;

use dormouse_testkit::conformance;
use yard::Yard;

#[tokio::test(flavor = "multi_thread")]
async fn supervised_servers_conform() {
    conformance::model_servers(&Yard::new()).await;
}
