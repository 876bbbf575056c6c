//! The built component, in the host and beside its manifest.
//!
//! `tests/spin-host/components` builds what is tested here. `DORMOUSE_TARGET` says in which target
//! folder, if it is not `target` at the root of the repository.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot reach what it tests has failed"
)]

mod disconnects;
mod host;
mod manifest;
mod records;
mod redis;
mod upstream;
