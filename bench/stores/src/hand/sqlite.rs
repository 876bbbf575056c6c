//! The adapter's statements on one thread that writes. Commits that wait together share a transaction, as
//! they do in the adapter: without that, many callers would compare transactions, not code.

use std::{
    collections::BTreeMap,
    iter,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::ports::{Commit, Version, Write};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::Client;
use crate::gateway::Failure;

const EXPIRED: &str =
    "SELECT rowid FROM records WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
const OLD: &str = "SELECT tenant FROM tokens WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2";
const CURRENT: &str = "
    SELECT version, counters FROM records
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3
        AND (expires_at IS NULL OR expires_at > ?4)";
const LAST: &str = "SELECT last FROM sequence";
const SET_LAST: &str = "UPDATE sequence SET last = ?1";
const SET: &str = "
    INSERT INTO records (tenant, collection, id, version, counters, value, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (tenant, collection, id) DO UPDATE SET version = excluded.version,
        counters = excluded.counters, value = excluded.value, expires_at = excluded.expires_at";
const COUNT: &str = "
    UPDATE records SET version = ?4, counters = ?5
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3";
const DELETE: &str = "DELETE FROM records WHERE tenant = ?1 AND collection = ?2 AND id = ?3";

/// The most commits that share a transaction, and the most that wait.
const BATCH: usize = 64;
const WAITING: usize = 512;
/// The pages that the log grows to: 16 MiB of 2 KiB each.
const LOG_PAGES: u32 = 8192;

type Counters = BTreeMap<String, i64>;
type Versions = Vec<Option<Version>>;

struct Job {
    commit: Commit,
    reply: oneshot::Sender<Result<Versions, String>>,
}

pub(crate) struct Sqlite {
    jobs: SyncSender<Job>,
}

impl Sqlite {
    /// Opens a file that has the schema.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.set_prepared_statement_cache_capacity(32);
        let (jobs, waiting) = sync_channel(WAITING);
        thread::spawn(move || work(&mut connection, &waiting));
        Ok(Self { jobs })
    }
}

#[async_trait]
impl Client for Sqlite {
    async fn commit(&self, _: usize, commit: &Commit) -> Result<Versions, Failure> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { commit: commit.clone(), reply })?;
        Ok(answer.await??)
    }
}

/// Ends with the last sender.
fn work(connection: &mut Connection, waiting: &Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let jobs: Vec<Job> = iter::once(first).chain(waiting.try_iter()).take(BATCH).collect();
        let mut results = match run(connection, &jobs) {
            Ok(versions) => versions.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error.to_string()); jobs.len()],
        }
        .into_iter();
        for (job, result) in jobs.into_iter().zip(&mut results) {
            // Who asked may have failed meanwhile.
            drop(job.reply.send(result));
        }
    }
}

fn run(connection: &mut Connection, jobs: &[Job]) -> Result<Vec<Versions>, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = i64::try_from(super::now())?;
    // Nothing expires while it is measured: there is only the looking.
    for sweep in [EXPIRED, OLD] {
        if transaction.prepare_cached(sweep)?.exists(params![now, 32 * jobs.len()])? {
            return Err("something has expired".into());
        }
    }
    let before: u64 = transaction.prepare_cached(LAST)?.query_row([], |row| row.get(0))?;
    let mut last = before;
    let given = jobs.iter().map(|job| apply(&transaction, &mut last, &job.commit, now)).collect();
    transaction.prepare_cached(SET_LAST)?.execute(params![last])?;
    transaction.commit()?;
    given
}

fn apply(
    transaction: &Transaction<'_>,
    last: &mut u64,
    commit: &Commit,
    now: i64,
) -> Result<Versions, Failure> {
    let tenant = &commit.tenant;
    let mut decided = Vec::with_capacity(commit.writes.len());
    for write in &commit.writes {
        let (collection, id) = write.target();
        let found = transaction
            .prepare_cached(CURRENT)?
            .query_row(params![tenant, collection, id, now], |row| {
                Ok((Version(row.get(0)?), row.get::<_, String>(1)?))
            })
            .optional()?;
        let version = found.as_ref().map(|(version, _)| *version);
        let counters = found.map_or_else(|| "{}".to_owned(), |(_, counters)| counters);
        let counters = match write {
            Write::Put { when, .. } | Write::Delete { when, .. } if when.holds(version) => counters,
            Write::Add { fields, ceiling, .. } => add(&counters, fields, ceiling.as_ref())?,
            Write::Put { .. } | Write::Delete { .. } => return Err("refused".into()),
        };
        decided.push((write, version.is_some(), counters));
    }
    let mut given = Vec::with_capacity(decided.len());
    for (write, exists, counters) in decided {
        given.push(set(transaction, last, tenant, (write, exists, &counters))?);
    }
    Ok(given)
}

fn add(
    counters: &str,
    fields: &Counters,
    ceiling: Option<&(String, i64)>,
) -> Result<String, Failure> {
    let mut counters: Counters = serde_json::from_str(counters)?;
    for (name, amount) in fields {
        *counters.entry(name.clone()).or_default() += amount;
    }
    match ceiling {
        Some((name, most)) if counters.get(name) > Some(most) => Err("refused".into()),
        _ => Ok(serde_json::to_string(&counters)?),
    }
}

fn set(
    transaction: &Transaction<'_>,
    last: &mut u64,
    tenant: &str,
    (write, exists, counters): (&Write, bool, &str),
) -> Result<Option<Version>, Failure> {
    let (collection, id) = write.target();
    let (value, expires_at) = match write {
        Write::Delete { .. } => {
            transaction.prepare_cached(DELETE)?.execute(params![tenant, collection, id])?;
            return Ok(None);
        }
        Write::Add { .. } if exists => {
            *last += 1;
            let mut statement = transaction.prepare_cached(COUNT)?;
            statement.execute(params![tenant, collection, id, *last, counters])?;
            return Ok(Some(Version(*last)));
        }
        Write::Add { .. } => (&[][..], None),
        Write::Put { value, expires_at, .. } => (&value[..], expires_at.map(|expiry| expiry.0)),
    };
    *last += 1;
    let mut statement = transaction.prepare_cached(SET)?;
    statement.execute(params![tenant, collection, id, *last, counters, value, expires_at])?;
    Ok(Some(Version(*last)))
}
