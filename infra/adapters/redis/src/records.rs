//! [`Records`] on top of the connection.

#[cfg(feature = "client")]
use std::time::Duration;
use std::{fmt, sync::Arc};

use async_trait::async_trait;
use dormouse_core::{
    Error, Result,
    ports::{Commit, Host, Outcome, Page, Record, Records, hex},
};

#[cfg(feature = "client")]
use crate::client::ClientLink;
use crate::{
    commit,
    failure::Failure,
    link::{Link, Repeat},
    reading,
};

/// Records in a Redis or Valkey server, or a cluster of them, which any number of processes may share.
///
/// Every call is one exchange over one connection that all calls share. What breaks it, or takes too
/// long, is a [`StoreUnavailable`](dormouse_core::Code::StoreUnavailable); the next call opens another.
pub struct RedisRecords {
    link: Box<dyn Link>,
    host: Arc<dyn Host>,
}

impl RedisRecords {
    /// Records in the server of `url`: `redis://user:password@host:port/database`, `rediss://…` over TLS,
    /// or `redis+cluster://…` and `rediss+cluster://…` with some of a cluster's nodes, between commas.
    /// Nothing is opened before the first call, and no call takes longer than `timeout`. Records expire by
    /// the clock of `host`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) if `url` is none of these.
    #[cfg(feature = "client")]
    pub fn new(url: &str, timeout: Duration, host: Arc<dyn Host>) -> Result<Self> {
        Ok(Self::over(ClientLink::new(url, timeout)?, host))
    }

    /// Records in the server that `link` leads to. They expire by the clock of `host`.
    pub fn over(link: impl Link + 'static, host: Arc<dyn Host>) -> Self {
        Self { link: Box::new(link), host }
    }
}

#[async_trait]
impl Records for RedisRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let call = reading::get(tenant, collection, id);
        let fields = self.link.ask(&call, Repeat::Safe).await.map_err(unavailable)?;
        if fields.is_empty() {
            return Ok(None);
        }
        let record = reading::record(id.to_owned(), fields.into_iter()).map_err(unavailable)?;
        let now = self.host.now();
        Ok(Some(record).filter(|record| record.expires_at.is_none_or(|expiry| now < expiry)))
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        let call = reading::page(tenant, collection, &page, self.host.now());
        let answer = self.link.ask(&call, Repeat::Safe).await.map_err(unavailable)?;
        reading::records(answer).map_err(unavailable)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        // A cluster's client tries again by itself, whether that is safe or not: so it must be.
        if self.link.insists() && commit.token.is_none() {
            commit.token = Some(hex(self.host.random().into_iter().take(16)));
        }
        let repeat = if commit.token.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let call = commit::call(&commit, self.host.now());
        let answer = self.link.ask(&call, repeat).await.map_err(unavailable)?;
        commit::outcome(&answer).map_err(unavailable)
    }
}

impl fmt::Debug for RedisRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRecords").field("server", &self.link).finish_non_exhaustive()
    }
}

fn unavailable(failure: Failure) -> Error {
    failure.unavailable()
}
