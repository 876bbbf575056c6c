//! What programs try to get out, and that they do not: with all that the machine has, and with Landlock and
//! seccomp alone, as where there are no namespaces.
//!
//! Programs are `sh`, `python3` and the usual tools, in the system's own directories.
#![cfg(target_os = "linux")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod files;
mod limits;
mod network;
mod processes;
mod yard;
