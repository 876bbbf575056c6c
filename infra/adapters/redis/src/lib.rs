//! Records in Redis 7 or later, or Valkey, alone or as a cluster.
//!
//! A commit is one script, a record one hash, and the ids of a collection are one sorted set. All keys of
//! a tenant have one hash tag, so that they live together on one node of a cluster, where scripts are
//! atomic. What was acknowledged lasts as long as the server's settings say: `docs/stores.md`.
//!
//! What is asked and how answers are read needs no client: without the feature `client` the crate is that
//! alone, and whoever can send commands to a server brings a [`Link`] of their own.

#[cfg(feature = "client")]
mod client;
mod commit;
mod failure;
mod keys;
mod link;
mod memory;
mod reading;
mod records;
mod request;

pub use failure::Failure;
pub use link::{Link, Repeat};
pub use memory::{assert_keeps, how_it_keeps};
pub use records::RedisRecords;
pub use request::{Command, Request};
