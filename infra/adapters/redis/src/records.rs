//! [`Records`] on top of the connection.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use dormouse_core::{
    Error, Result,
    ports::{Commit, Host, Outcome, Page, Record, Records, hex},
};
use redis::cmd;

use crate::{
    commit,
    failure::Failure,
    keys::Keys,
    link::{Call, Link, Repeat},
    reading,
};

/// Records in a Redis or Valkey server, or a cluster of them, which any number of processes may share.
///
/// Every call is one exchange over one connection that all calls share. What breaks it, or takes longer
/// than 5 s, is a [`StoreUnavailable`](dormouse_core::Code::StoreUnavailable); the next call opens another.
pub struct RedisRecords {
    link: Link,
    host: Arc<dyn Host>,
}

impl RedisRecords {
    /// Records in the server of `url`: `redis://user:password@host:port/database`, `rediss://…` over TLS,
    /// or `redis+cluster://…` and `rediss+cluster://…` with some of a cluster's nodes, between commas.
    /// Nothing is opened before the first call. Records expire by the clock of `host`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) if `url` is none of these.
    pub fn new(url: &str, host: Arc<dyn Host>) -> Result<Self> {
        Ok(Self { link: Link::new(url)?, host })
    }
}

#[async_trait]
impl Records for RedisRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let mut command = cmd("HGETALL");
        command.arg(Keys::of(tenant).record(collection, id));
        let fields: Vec<(Vec<u8>, Vec<u8>)> =
            self.link.ask(&Call::Command(command), Repeat::Safe).await.map_err(unavailable)?;
        if fields.is_empty() {
            return Ok(None);
        }
        let record = reading::record(id.to_owned(), fields).map_err(unavailable)?;
        let now = self.host.now();
        Ok(Some(record).filter(|record| record.expires_at.is_none_or(|expiry| now < expiry)))
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        let call = reading::call(tenant, collection, &page, self.host.now());
        let entries: Vec<Vec<Vec<u8>>> =
            self.link.ask(&Call::Script(call), Repeat::Safe).await.map_err(unavailable)?;
        entries.into_iter().map(reading::entry).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        // A cluster's client tries again by itself, whether that is safe or not: so it must be.
        if self.link.is_cluster() && commit.token.is_none() {
            commit.token = Some(hex(self.host.random().into_iter().take(16)));
        }
        let repeat = if commit.token.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let call = commit::call(&commit, self.host.now());
        let answer: Vec<String> =
            self.link.ask(&Call::Script(call), repeat).await.map_err(unavailable)?;
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
