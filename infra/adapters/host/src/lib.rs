//! What a native process has: a clock, randomness, background tasks, and HTTP clients for servers
//! anywhere and for those on its own machine.

mod guarded_client;
mod http_client;
mod local_client;
mod native;

pub use guarded_client::GuardedClient;
pub use http_client::{ClientOptions, ReqwestClient};
pub use local_client::LocalClient;
pub use native::NativeHost;
