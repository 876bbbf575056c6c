//! The gateway as a WebAssembly component for Spin 4.1 or later.
//!
//! Spin keeps an instance for up to 128 requests, 16 at a time; an instance builds one gateway, at its
//! first request. What differs from a process of its own:
//!
//! - Nothing runs between requests: background work belongs to the request that spawned it.
//! - A client that leaves is noticed by writing to it. While an answer has not begun there is nothing
//!   to write, and Spin has no other way to say so: the call goes on then, and is booked as it ends.
//! - A panic ends the instance, and with it the requests it was serving.
#![cfg_attr(
    not(target_family = "wasm"),
    doc = "\nThis is not a WebAssembly build: the crate is empty."
)]

#[cfg(target_family = "wasm")]
mod agents;
#[cfg(target_family = "wasm")]
mod catalog;
#[cfg(all(target_family = "wasm", feature = "conformance"))]
mod conformance;
#[cfg(target_family = "wasm")]
mod entry;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod http_client;
#[cfg(target_family = "wasm")]
mod logging;
#[cfg(target_family = "wasm")]
mod records;
#[cfg(target_family = "wasm")]
mod redis;
#[cfg(target_family = "wasm")]
mod response;
#[cfg(target_family = "wasm")]
mod settings;
#[cfg(target_family = "wasm")]
mod store;
#[cfg(target_family = "wasm")]
mod tasks;
#[cfg(target_family = "wasm")]
mod turns;
