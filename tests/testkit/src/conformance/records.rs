//! The contract of [`Records`], clause by clause.
//!
//! Durability (12) and an unreachable store (13) take a process to kill and a file to spoil: adapters
//! test them themselves.

mod atomicity;
mod conditions;
mod counters;
mod expiry;
mod isolation;
mod limits;
mod paging;
mod tokens;
mod versions;

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
};

use dormouse_core::ports::{Commit, Outcome, Page, Record, Records, Refusal, Version, Write};

use super::TestClock;

/// Checks every clause of the [`Records`] contract that a store can be asked about.
pub async fn records(records: &dyn Records, clock: &dyn TestClock) {
    let room = Room::new(records, clock);
    isolation::check(&room).await;
    atomicity::check(&room).await;
    conditions::check(&room).await;
    versions::check(&room).await;
    counters::check(&room).await;
    expiry::check(&room).await;
    paging::check(&room).await;
    tokens::check(&room).await;
    limits::check(&room).await;
}

/// The collection in which most checks take place.
const THINGS: &str = "things";

/// A tenant that no other run knows, in the store under test.
struct Room<'a> {
    records: &'a dyn Records,
    clock: &'a dyn TestClock,
    tenant: String,
}

impl<'a> Room<'a> {
    fn new(records: &'a dyn Records, clock: &'a dyn TestClock) -> Self {
        Self { records, clock, tenant: fresh("tenant") }
    }

    /// The same store, another tenant.
    fn next_door(&self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..*self }
    }

    async fn get(&self, id: &str) -> Option<Record> {
        self.records.get(&self.tenant, THINGS, id).await.unwrap()
    }

    /// The ids on one page of a collection.
    async fn ids(&self, collection: &str, page: Page) -> Vec<String> {
        let records = self.records.page(&self.tenant, collection, page).await.unwrap();
        records.into_iter().map(|record| record.id).collect()
    }

    async fn commit(&self, writes: Vec<Write>) -> Outcome {
        self.records.commit(Commit::new(&self.tenant, writes)).await.unwrap()
    }

    /// Commits what must be applied.
    async fn applies(&self, claim: &str, writes: Vec<Write>) -> Vec<Option<Version>> {
        match self.commit(writes).await {
            Outcome::Applied(versions) => versions,
            outcome @ Outcome::Refused { .. } => panic!("{claim}: {outcome:?}"),
        }
    }

    /// Commits what must be refused, for what its write number `write` asks.
    async fn refuses(&self, claim: &str, writes: Vec<Write>, write: usize, why: Refusal) {
        assert_eq!(self.commit(writes).await, Outcome::Refused { write, why }, "{claim}");
    }

    /// Commits what nothing stands against.
    async fn apply(&self, writes: Vec<Write>) -> Vec<Option<Version>> {
        self.applies("clause 4: what has no condition is not refused", writes).await
    }

    /// Sets a value and returns the version it got.
    async fn put(&self, id: &str, value: &'static str) -> Version {
        self.apply(vec![Write::put(THINGS, id, value)]).await[0].unwrap()
    }

    /// The version of a record, if it exists.
    async fn version(&self, id: &str) -> Option<Version> {
        self.get(id).await.map(|record| record.version)
    }

    /// The counters of a record that exists.
    async fn counters(&self, id: &str) -> BTreeMap<String, i64> {
        self.get(id).await.unwrap().counters
    }
}

/// A name that no other run, and nothing else in this one, uses.
pub(in super::super) fn fresh(name: &str) -> String {
    format!("{name}-{:016x}", RandomState::new().hash_one(name))
}

fn counters<const N: usize>(counters: [(&str, i64); N]) -> BTreeMap<String, i64> {
    counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
