//! Conformance suites for the ports, and fakes for the rest.

pub mod conformance;
pub mod fakes;
pub mod gguf;
pub mod reading;

#[cfg(feature = "servers")]
pub mod lambda;
#[cfg(feature = "servers")]
pub mod ministack;
#[cfg(feature = "servers")]
pub mod process;
#[cfg(feature = "servers")]
pub mod proxy;
#[cfg(feature = "servers")]
pub mod servers;
#[cfg(feature = "servers")]
pub mod upstream;
