//! [`Records`] on top of the connections.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use dormouse_core::{
    Result,
    ports::{Commit, Host, Outcome, Page, Record, Records},
};

use crate::{address::Address, commit, failure::Failure, link::Link, reading};

/// Records in a PostgreSQL database, which any number of processes may share.
///
/// Every call is one statement on one of at most 16 connections. What breaks it, or takes too
/// long, is a [`StoreUnavailable`](dormouse_core::Code::StoreUnavailable); broken connections are replaced.
pub struct PostgresRecords {
    link: Link,
    host: Arc<dyn Host>,
}

impl PostgresRecords {
    /// Records in the database of `url`: `postgres://user:password@host:port/database`, as libpq reads it.
    /// Beside what tokio-postgres understands, `sslmode` and `sslrootcert` say whether TLS is used and
    /// which certificates are trusted; certificates are always verified. Nothing is opened before the
    /// first call, which makes the schema, and no call takes longer than `timeout`. Records expire by the
    /// clock of `host`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) if `url` is none of a database.
    pub fn new(url: &str, timeout: Duration, host: Arc<dyn Host>) -> Result<Self> {
        Ok(Self { link: Link::new(Address::parse(url)?, timeout), host })
    }
}

#[async_trait]
impl Records for PostgresRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let now = self.host.now();
        let found = reading::get(&self.link, [tenant, collection, id], now).await;
        found.map_err(Failure::unavailable)
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        let now = self.host.now();
        let found = reading::page(&self.link, [tenant, collection], &page, now).await;
        found.map_err(Failure::unavailable)
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        let outcome = commit::commit(&self.link, &commit, self.host.now()).await;
        outcome.map_err(Failure::unavailable)
    }
}

impl fmt::Debug for PostgresRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRecords").field("database", &self.link).finish_non_exhaustive()
    }
}
