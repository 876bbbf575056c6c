//! The one storage port: small versioned records, changed all-or-nothing.
//!
//! It is what DynamoDB's `TransactWriteItems`, one SQL transaction and one Redis script have in common,
//! so that everything kept (keys, budgets, holds, receipts, …) is written once, in core, on top of it.

mod limits;
mod write;

use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::Timestamp;
use crate::Result;

/// The most writes in one commit.
pub const MAX_WRITES: usize = 25;
/// The largest value of a record, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;
/// The longest tenant, collection or id, in bytes.
pub const MAX_ID_BYTES: usize = 512;
/// How long an idempotency token is remembered, at least.
pub const TOKEN_MEMORY: Duration = Duration::from_secs(600);

/// Stores records, each named by tenant, collection and id.
///
/// A record holds a value (bytes), named counters (integers), a version and perhaps an expiry.
///
/// # Contract
///
/// 1. **Isolation.** Every call names one tenant and sees nothing of any other, whatever characters
///    the names contain.
/// 2. **All or nothing.** [`commit`](Self::commit) applies all its writes or none; no reader sees some
///    of them, neither within one page nor from one read to the next. Up to [`MAX_WRITES`] writes, each
///    to a different record.
/// 3. **Read your writes.** What a commit has acknowledged, later calls from any process see.
/// 4. **Conditions.** A write whose [`When`] does not hold makes the commit
///    [`Refused`](Outcome::Refused), naming the first write that cannot be applied; so of two writers
///    that read the same version exactly one wins.
/// 5. **Versions never repeat** for the same name, not even after a delete or an expiry. Every write
///    gives its record a new one.
/// 6. **Counters** start at 0, and no commit takes one above the ceiling it names, however many
///    writers there are. The ceiling is compared with the counter as it is after the addition, even
///    where the addition lowers it or leaves it alone. A sum that an `i64` cannot hold is refused like
///    one above its ceiling. [`Write::Add`] creates the record if need be and keeps its value and
///    expiry; [`Write::Put`] keeps the counters and sets or clears the expiry.
/// 7. **Expiry.** From the moment of its expiry on, a record does not exist: not for reads, not for
///    pages, not for conditions, and its counters are 0 again.
/// 8. **Order.** A page lists a collection by id, in byte order. Its bounds are of ids, and so the same
///    in either direction.
/// 9. **Idempotency.** A commit with the token of one of the same tenant that was applied within
///    [`TOKEN_MEMORY`] is not applied again and returns the first one's outcome. A refused commit is
///    not remembered.
/// 10. **Limits** are served in full: [`MAX_VALUE_BYTES`], [`MAX_ID_BYTES`], [`MAX_WRITES`],
///     [`Commit::MAX_BYTES`], [`Write::MAX_COUNTERS`], [`Write::LATEST_EXPIRY`], [`Page::MAX_LIMIT`].
///     Beyond them, for a name that is empty or holds a NUL, and for two writes to one record, a call
///     is [`InvalidRequest`](crate::Code::InvalidRequest) and has no effect. [`Commit::validate`],
///     [`Page::validate`] and [`Record::validate_name`] say so for every store.
/// 11. **Absence is a value**: a missing record is `None`, an empty collection an empty page.
/// 12. **Durability.** What was acknowledged survives the death of the process (except in
///     [`memory`](crate::memory)).
/// 13. A store that cannot be reached is [`StoreUnavailable`](crate::Code::StoreUnavailable).
#[async_trait]
pub trait Records: fmt::Debug + Send + Sync {
    /// Reads one record.
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>>;

    /// Reads a collection in the order of ids.
    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>>;

    /// Changes records of one tenant.
    async fn commit(&self, commit: Commit) -> Result<Outcome>;
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id within the collection.
    pub id: String,
    /// What it holds; empty if only counters were ever written.
    pub value: Bytes,
    /// Its counters.
    pub counters: BTreeMap<String, i64>,
    /// Changes with every write.
    pub version: Version,
    /// When it ceases to exist.
    pub expires_at: Option<Timestamp>,
}

/// Names one state of one record. Only equality is meaningful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u64);

/// Which part of a collection to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only ids greater than this one, whichever the direction.
    pub after: Option<String>,
    /// Only ids less than this one, whichever the direction.
    pub before: Option<String>,
    /// The most records to return: 1 to [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: u32,
    /// From the last id to the first.
    pub descending: bool,
}

impl Default for Page {
    /// The first hundred.
    fn default() -> Self {
        Self { after: None, before: None, limit: 100, descending: false }
    }
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose records.
    pub tenant: String,
    /// The changes: 1 to [`MAX_WRITES`].
    pub writes: Vec<Write>,
    /// Makes trying again safe: unique to this commit among those of the tenant.
    pub token: Option<String>,
}

/// One change of a [`Commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets the value and expiry of a record.
    Put {
        /// Where.
        collection: String,
        /// Which.
        id: String,
        /// The new value.
        value: Bytes,
        /// When the record ceases to exist.
        expires_at: Option<Timestamp>,
        /// On which condition.
        when: When,
    },
    /// Removes a record with its counters. Removing what is not there changes nothing.
    Delete {
        /// Where.
        collection: String,
        /// Which.
        id: String,
        /// On which condition.
        when: When,
    },
    /// Adds to counters of a record. Adding nothing still gives it a new version.
    Add {
        /// Where.
        collection: String,
        /// Which.
        id: String,
        /// By how much, for each counter; may be negative.
        fields: BTreeMap<String, i64>,
        /// A counter, among `fields` or not, and what it may not exceed after the addition.
        ceiling: Option<(String, i64)>,
    },
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Always.
    #[default]
    Any,
    /// Only if there is no such record.
    Absent,
    /// Only if the record is in this state.
    Version(Version),
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All writes were applied. The new version of each, in order; `None` for a delete.
    Applied(Vec<Option<Version>>),
    /// No write was applied.
    Refused {
        /// The place in [`Commit::writes`] of the first write that could not be.
        write: usize,
        /// Why.
        why: Refusal,
    },
}

/// Why a write could not be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its [`When`] did not hold.
    Condition,
    /// A counter would have passed its ceiling, or what an `i64` can hold.
    Ceiling,
}
