//! Stand-ins for what tests must not depend on.

mod host;
mod model_servers;
mod sandbox;

pub use host::TestHost;
pub use model_servers::FakeModelServers;
pub use sandbox::{FakeSandbox, Files};
