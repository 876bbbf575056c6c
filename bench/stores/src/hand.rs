//! The same requests by hand: the commits are ready, but for their ids, and go straight to a plain client.

mod postgres;
mod redis;
mod sqlite;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use dormouse_core::ports::{Commit, Version};

pub(crate) use self::{postgres::Postgres, redis::Redis, sqlite::Sqlite};
use crate::{
    gateway::{Caller, Failure},
    recorded::Request,
};

/// A client library that is called without an adapter.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    /// Issues the statements of a commit for the caller of this number, and reads the new versions. What is
    /// refused fails.
    async fn commit(&self, number: usize, commit: &Commit)
    -> Result<Vec<Option<Version>>, Failure>;
}

/// One caller's requests.
pub(crate) struct Hand {
    pub(crate) client: Arc<dyn Client>,
    pub(crate) request: Request,
    pub(crate) caller: Caller,
    pub(crate) number: usize,
}

impl Hand {
    /// Reserves and settles one request.
    pub(crate) async fn request(&mut self) -> Result<(), Failure> {
        let Self { client, request, caller, number } = self;
        let id = request.hold(caller, *number);
        request.reserves(caller, &id);
        let versions = client.commit(*number, &request.reserve).await?;
        let hold = versions.first().copied().flatten().ok_or("a hold without a version")?;
        caller.session = versions.last().copied().flatten();
        request.settles(caller, &id, hold);
        let versions = client.commit(*number, &request.settle).await?;
        // The turn is written last, the session before it.
        caller.session = versions.iter().rev().nth(1).copied().flatten();
        caller.turns += 1;
        Ok(())
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
