//! The stores that are measured, and how each is emptied, so that every turn begins with the same one.
//!
//! Servers are not made to wait for the disk: a wait of milliseconds would hide what is measured. With
//! `BENCH_DURABLE` they wait, as they must where no receipt may ever be lost.

use std::{env, path::PathBuf, sync::Arc};

use dormouse_core::{
    memory::MemoryRecords,
    ports::{Commit, Host, Records, Write},
};
use dormouse_postgres::PostgresRecords;
use dormouse_redis::RedisRecords;
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::{
    conformance::TIMEOUT,
    servers::{PostgresServer, RedisServer},
};
use tempfile::TempDir;

use crate::{
    gateway::Failure,
    hand::{Client, Postgres, Redis, Sqlite},
};

pub(crate) enum Store {
    Memory,
    Sqlite(TempDir),
    Redis { records: Arc<RedisRecords>, hand: Arc<Redis>, _server: RedisServer },
    Postgres { records: Arc<PostgresRecords>, hand: Arc<Postgres>, _server: PostgresServer },
}

/// Starts every store, or those whose names begin with `only`.
pub(crate) async fn start(only: &str, host: &Arc<dyn Host>) -> Result<Vec<Store>, Failure> {
    let durable = env::var_os("BENCH_DURABLE").is_some();
    let mut stores = Vec::new();
    if MEMORY.starts_with(only) {
        stores.push(Store::Memory);
    }
    if SQLITE.starts_with(only) {
        stores.push(Store::Sqlite(TempDir::new()?));
    }
    if REDIS.starts_with(only) {
        let sync = if durable { "always" } else { "everysec" };
        // A file that is written anew in the middle would hit one side and not the other.
        let settings = ["--appendfsync", sync, "--auto-aof-rewrite-percentage", "0"];
        let server = RedisServer::start_with(&settings).await;
        let records = Arc::new(RedisRecords::new(&server.url(), TIMEOUT, Arc::clone(host))?);
        let hand = Arc::new(Redis::connect(&server.url()).await?);
        stores.push(Store::Redis { records, hand, _server: server });
    }
    if POSTGRES.starts_with(only) {
        let server = if durable {
            PostgresServer::start().await
        } else {
            PostgresServer::start_quick().await
        };
        let records = Arc::new(PostgresRecords::new(&server.url(), TIMEOUT, Arc::clone(host))?);
        make_schema(&*records).await?;
        let hand = Arc::new(Postgres::connect(&server.url()).await?);
        stores.push(Store::Postgres { records, hand, _server: server });
    }
    Ok(stores)
}

const MEMORY: &str = "memory";
const SQLITE: &str = "sqlite";
const REDIS: &str = "redis";
const POSTGRES: &str = "postgres";

impl Store {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory => MEMORY,
            Self::Sqlite(_) => SQLITE,
            Self::Redis { .. } => REDIS,
            Self::Postgres { .. } => POSTGRES,
        }
    }

    /// The adapter, on an empty store.
    pub(crate) async fn adapter(&self, host: &Arc<dyn Host>) -> Result<Arc<dyn Records>, Failure> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryRecords::new(Arc::clone(host))),
            Self::Sqlite(folder) => {
                let records = SqliteRecords::new(fresh(folder)?, Arc::clone(host));
                make_schema(&records).await?;
                Arc::new(records)
            }
            Self::Redis { records, hand, .. } => {
                hand.clear().await?;
                Arc::clone(records) as _
            }
            Self::Postgres { records, hand, .. } => {
                hand.clear().await?;
                Arc::clone(records) as _
            }
        })
    }

    /// A plain client of an empty store; `None` where there is no client library to speak of.
    pub(crate) async fn plain(
        &self,
        host: &Arc<dyn Host>,
    ) -> Result<Option<Arc<dyn Client>>, Failure> {
        Ok(match self {
            Self::Memory => None,
            Self::Sqlite(folder) => {
                let path = fresh(folder)?;
                make_schema(&SqliteRecords::new(&path, Arc::clone(host))).await?;
                Some(Arc::new(Sqlite::open(&path)?))
            }
            Self::Redis { hand, .. } => {
                hand.clear().await?;
                Some(Arc::clone(hand) as _)
            }
            Self::Postgres { hand, .. } => {
                hand.clear().await?;
                Some(Arc::clone(hand) as _)
            }
        })
    }
}

/// Where a new file may be made. Whose turn it was may still have the old one open; it goes with the folder.
fn fresh(folder: &TempDir) -> Result<PathBuf, Failure> {
    Ok(TempDir::new_in(folder)?.keep().join("records.db"))
}

/// The first call of an adapter makes its schema.
async fn make_schema(records: &dyn Records) -> Result<(), Failure> {
    let nothing = Write::delete("nothing", "nothing");
    records.commit(Commit::new("nobody", vec![nothing])).await?;
    Ok(())
}
