//! Runs programs that nobody has vouched for, on this machine, held by what its kernel has.
//!
//! [`ProcessSandbox`] is the port. It starts the gateway's own program once more, as a helper, which becomes
//! three processes one after the other, each a stage with less power than the one before:
//!
//! | stage   | does                                                                                      |
//! |---------|-------------------------------------------------------------------------------------------|
//! | enter   | leaves the gateway's namespaces, where it may                                             |
//! | warden  | is the first process of the new ones: builds the file system, measures, ends what is over |
//! | confine | gives up all power (user, capabilities, Landlock, seccomp, rlimits), becomes the program  |
//!
//! No code of the gateway's runs between `fork` and `exec`, no `unsafe` code is needed, and when the gateway
//! dies, however, the warden's line to it breaks and everything ends.
//!
//! Linux only; elsewhere the crate is empty.
#![cfg(target_os = "linux")]

mod archive;
mod cgroup;
mod files;
mod finding;
mod folders;
mod gvisor;
mod helper;
mod options;
mod order;
mod output;
mod remove;
mod sandbox;
mod stages;

pub use options::{Insist, Options};
pub use sandbox::ProcessSandbox;
pub use stages::exec;
