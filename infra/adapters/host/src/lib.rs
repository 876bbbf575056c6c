//! What a native process has: a clock, randomness, background tasks and an HTTP client.

mod http_client;
mod native;

pub use http_client::{ClientOptions, ReqwestClient};
pub use native::NativeHost;
