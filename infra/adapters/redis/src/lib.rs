//! Records in Redis 7 or later, or Valkey, alone or as a cluster.
//!
//! A commit is one script, a record one hash, and the ids of a collection are one sorted set. All keys of
//! a tenant have one hash tag, so that they live together on one node of a cluster, where scripts are
//! atomic. What was acknowledged lasts as long as the server's settings say: `docs/stores.md`.

mod commit;
mod failure;
mod keys;
mod link;
mod reading;
mod records;

pub use records::RedisRecords;
