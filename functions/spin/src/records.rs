//! Records in the SQLite database that Spin gives the component.
//!
//! Spin says nothing about the file behind it, so nothing is assumed: every commit is a transaction
//! that takes the database's write lock first, on a connection of its own. That makes it exact with any
//! number of instances, and of Spin processes on one file.

mod commit;
mod database;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use database::Database;
use dormouse_core::{
    Code, Error, Result,
    ports::{Commit, Host, Outcome, Page, Record, Records, Timestamp, Version},
};
use spin_sdk::sqlite::{RowResult, Value};

const GET: &str = "
    SELECT id, value, counters, version, expires_at FROM dormouse_records
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3 AND (expires_at IS NULL OR expires_at > ?4)";

const PAGE: &str = "
    SELECT id, value, counters, version, expires_at FROM dormouse_records
    WHERE tenant = ?1 AND collection = ?2 AND (expires_at IS NULL OR expires_at > ?3)
      AND (?4 IS NULL OR id > ?4) AND (?5 IS NULL OR id < ?5)
    ORDER BY id LIMIT ?6";

const PAGE_DESCENDING: &str = "
    SELECT id, value, counters, version, expires_at FROM dormouse_records
    WHERE tenant = ?1 AND collection = ?2 AND (expires_at IS NULL OR expires_at > ?3)
      AND (?4 IS NULL OR id > ?4) AND (?5 IS NULL OR id < ?5)
    ORDER BY id DESC LIMIT ?6";

/// Records in the database `default`, opened by the first call.
pub(crate) struct SpinRecords {
    host: Arc<dyn Host>,
    database: Database,
}

impl SpinRecords {
    /// Records that expire by the clock of `host`.
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, database: Database::default() }
    }
}

impl fmt::Debug for SpinRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinRecords").finish_non_exhaustive()
    }
}

#[async_trait]
impl Records for SpinRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let parameters = [tenant.into(), collection.into(), id.into(), time(self.host.now())];
        let rows = self.database.read(GET, &parameters).await?;
        rows.first().map(record).transpose()
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        let parameters = [
            tenant.into(),
            collection.into(),
            time(self.host.now()),
            page.after.into(),
            page.before.into(),
            page.limit.into(),
        ];
        let statement = if page.descending { PAGE_DESCENDING } else { PAGE };
        self.database.read(statement, &parameters).await?.iter().map(record).collect()
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        let mut transaction = self.database.begin().await?;
        // The clock is read under the lock: another process may have held it for a while.
        let outcome = commit::apply(&mut transaction, &commit, self.host.now()).await?;
        match outcome {
            commit::Decision::Apply(outcome) => {
                transaction.commit().await?;
                Ok(outcome)
            }
            commit::Decision::Leave(outcome) => {
                transaction.roll_back().await?;
                Ok(outcome)
            }
        }
    }
}

/// A row of [`GET`] or [`PAGE`].
fn record(row: &RowResult) -> Result<Record> {
    let expires_at = match row.values.get(4) {
        Some(Value::Null) => None,
        _ => Some(Timestamp(row.get(4).ok_or_else(unreadable)?)),
    };
    Ok(Record {
        id: row.get::<&str>(0).ok_or_else(unreadable)?.to_owned(),
        value: Bytes::copy_from_slice(row.get(1).ok_or_else(unreadable)?),
        counters: row
            .get(2)
            .and_then(|counters| serde_json::from_str(counters).ok())
            .ok_or_else(unreadable)?,
        version: Version(row.get(3).ok_or_else(unreadable)?),
        expires_at,
    })
}

/// Somebody else wrote to our tables.
fn unreadable() -> Error {
    Error::new(Code::Internal, "a stored record cannot be read")
}

fn time(time: Timestamp) -> Value {
    integer(time.0)
}

/// SQLite's integers have a sign. Times and versions never come near its end.
fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
