//! A sandbox elsewhere, for hosts that cannot run programs.
//!
//! [`RemoteSandbox`] is the sandbox as a gateway sees it, [`serve`] what its other end does with a call, and
//! [`wire`] what goes over HTTP in between, said once for both.

mod remote;
mod serving;
pub mod wire;

pub use remote::RemoteSandbox;
pub use serving::serve;
