//! Runs: kept, claimed by one process at a time, followed by whoever asks.
#![cfg(test)]

mod any_order;
mod bench;
mod claiming;
mod following;
