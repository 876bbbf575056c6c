//! Writing records: commits that wait together are applied in one transaction, one after the other.

use std::collections::BTreeMap;

use dormouse_core::{
    Result,
    ports::{Commit, Host, Outcome, TOKEN_MEMORY, Timestamp, Version, Write},
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use crate::{
    failure::Failure,
    file::Link,
    row::{Counters, Versions, milliseconds},
};

/// The most expired records, and the most old tokens, that are cleared away for each commit: more
/// than a commit adds.
const SWEEP: i64 = 32;

// Selecting first and deleting row by row: a subquery in the DELETE would open a table of its own in
// every transaction, which costs more than all the rest of a commit.
const EXPIRED_RECORDS: &str =
    "SELECT rowid FROM records WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";

const FORGET_RECORD: &str = "DELETE FROM records WHERE rowid = ?1";

const OLD_TOKENS: &str =
    "SELECT tenant, token FROM tokens WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2";

const FORGET_TOKEN: &str = "DELETE FROM tokens WHERE tenant = ?1 AND token = ?2";

const REMEMBERED: &str =
    "SELECT versions FROM tokens WHERE tenant = ?1 AND token = ?2 AND forget_at > ?3";

const REMEMBER: &str =
    "INSERT OR REPLACE INTO tokens (tenant, token, versions, forget_at) VALUES (?1, ?2, ?3, ?4)";

const CURRENT: &str = "
    SELECT version, counters FROM records
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3
        AND (expires_at IS NULL OR expires_at > ?4)";

const LAST_VERSION: &str = "SELECT last FROM sequence";

const SET_LAST_VERSION: &str = "UPDATE sequence SET last = ?1";

const SET: &str = "
    INSERT INTO records (tenant, collection, id, version, counters, value, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (tenant, collection, id) DO UPDATE SET version = excluded.version,
        counters = excluded.counters, value = excluded.value, expires_at = excluded.expires_at";

const COUNT: &str = "
    UPDATE records SET version = ?4, counters = ?5
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3";

const DELETE: &str = "DELETE FROM records WHERE tenant = ?1 AND collection = ?2 AND id = ?3";

/// A commit, and who waits for what becomes of it.
pub(crate) struct Job {
    pub(crate) commit: Commit,
    pub(crate) reply: oneshot::Sender<Result<Outcome>>,
}

/// Applies what waits and answers it. Those that another process keeps from being begun come back, with what it was.
pub(crate) fn work(
    link: &mut Link,
    host: &dyn Host,
    jobs: Vec<Job>,
) -> Result<(), (Vec<Job>, Failure)> {
    if jobs.is_empty() {
        return Ok(());
    }
    let commits: Vec<_> = jobs.iter().map(|job| &job.commit).collect();
    match link.with(|connection| run(connection, host, &commits)) {
        Ok(outcomes) => {
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                answer(job, Ok(outcome));
            }
        }
        Err(failure) if failure.is_lock() => return Err((jobs, failure)),
        // One commit may have failed the others of its batch: each gets a transaction of its own.
        Err(_) if jobs.len() > 1 => {
            let mut held: Option<(Vec<Job>, Failure)> = None;
            for job in jobs {
                if let Err((jobs, failure)) = work(link, host, vec![job]) {
                    held.get_or_insert_with(|| (Vec::new(), failure)).0.extend(jobs);
                }
            }
            return held.map_or(Ok(()), Err);
        }
        Err(failure) => refuse(jobs, &failure),
    }
    Ok(())
}

/// Tells those who wait that it was in vain.
pub(crate) fn refuse(jobs: Vec<Job>, failure: &Failure) {
    for job in jobs {
        answer(job, Err(failure.unavailable()));
    }
}

fn answer(job: Job, result: Result<Outcome>) {
    // Who asked may have left meanwhile; what is committed stays committed.
    drop(job.reply.send(result));
}

/// Applies commits in one transaction, one after the other.
pub(crate) fn run(
    connection: &mut Connection,
    host: &dyn Host,
    commits: &[&Commit],
) -> Result<Vec<Outcome>, Failure> {
    // A transaction that begins by reading could not begin to write after another process did.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = host.now();
    sweep(&transaction, now, commits.len())?;
    let mut versions = Sequence::read(&transaction)?;
    let outcomes = commits
        .iter()
        .map(|commit| apply(&transaction, &mut versions, commit, now))
        .collect::<Result<_, Failure>>()?;
    versions.write(&transaction)?;
    transaction.commit()?;
    Ok(outcomes)
}

fn sweep(transaction: &Transaction<'_>, now: Timestamp, commits: usize) -> Result<(), Failure> {
    let most = SWEEP.saturating_mul(i64::try_from(commits).unwrap_or(i64::MAX));
    let bounds = params![milliseconds(now), most];
    let mut expired = transaction.prepare_cached(EXPIRED_RECORDS)?;
    let expired: Vec<i64> =
        expired.query_map(bounds, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for rowid in expired {
        transaction.prepare_cached(FORGET_RECORD)?.execute(params![rowid])?;
    }
    let mut old = transaction.prepare_cached(OLD_TOKENS)?;
    let old: Vec<(String, String)> = old
        .query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (tenant, token) in old {
        transaction.prepare_cached(FORGET_TOKEN)?.execute(params![tenant, token])?;
    }
    Ok(())
}

fn apply(
    transaction: &Transaction<'_>,
    versions: &mut Sequence,
    commit: &Commit,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    let Commit { tenant, writes, token } = commit;
    if let Some(token) = token {
        let mut statement = transaction.prepare_cached(REMEMBERED)?;
        let found = statement
            .query_row(params![tenant, token, milliseconds(now)], |row| row.get::<_, Versions>(0));
        if let Some(given) = found.optional()? {
            return Ok(Outcome::Applied(given.0));
        }
    }

    // Nothing is written before everything is decided, so a refusal has nothing to undo.
    let mut decided = Vec::with_capacity(writes.len());
    for (index, write) in writes.iter().enumerate() {
        let current = current(transaction, tenant, write, now)?;
        match write.decide(current.as_ref().map(|(version, counters)| (*version, counters))) {
            Ok(counters) => {
                let (exists, counters) = (current.is_some(), Counters(counters));
                decided.push(Decided { write, exists, counters });
            }
            Err(why) => return Ok(Outcome::Refused { write: index, why }),
        }
    }
    let given = decided
        .iter()
        .map(|decided| set(transaction, versions, tenant, decided))
        .collect::<Result<_, Failure>>()
        .map(Versions)?;
    if let Some(token) = token {
        let forget_at = milliseconds(now + TOKEN_MEMORY);
        let mut statement = transaction.prepare_cached(REMEMBER)?;
        statement.execute(params![tenant, token, given, forget_at])?;
    }
    Ok(Outcome::Applied(given.0))
}

type Current = (Version, BTreeMap<String, i64>);

fn current(
    transaction: &Transaction<'_>,
    tenant: &str,
    write: &Write,
    now: Timestamp,
) -> Result<Option<Current>, Failure> {
    let (collection, id) = write.target();
    let mut statement = transaction.prepare_cached(CURRENT)?;
    let found = statement.query_row(params![tenant, collection, id, milliseconds(now)], |row| {
        Ok((Version(row.get(0)?), row.get::<_, Counters>(1)?.0))
    });
    Ok(found.optional()?)
}

/// A write that was found to be possible.
struct Decided<'a> {
    write: &'a Write,
    exists: bool,
    counters: Counters,
}

/// Does what was decided, and returns the version that the record has then.
fn set(
    transaction: &Transaction<'_>,
    versions: &mut Sequence,
    tenant: &str,
    decided: &Decided<'_>,
) -> Result<Option<Version>, Failure> {
    let Decided { write, exists, counters } = decided;
    let (collection, id) = write.target();
    let (value, expires_at) = match write {
        Write::Delete { .. } => {
            transaction.prepare_cached(DELETE)?.execute(params![tenant, collection, id])?;
            return Ok(None);
        }
        Write::Add { .. } if *exists => {
            let version = versions.next();
            let mut statement = transaction.prepare_cached(COUNT)?;
            statement.execute(params![tenant, collection, id, version.0, counters])?;
            return Ok(Some(version));
        }
        Write::Add { .. } => (&[][..], None),
        Write::Put { value, expires_at, .. } => (&value[..], *expires_at),
    };
    let (version, expires_at) = (versions.next(), expires_at.map(milliseconds));
    let mut statement = transaction.prepare_cached(SET)?;
    statement.execute(params![tenant, collection, id, version.0, counters, value, expires_at])?;
    Ok(Some(version))
}

/// The versions that a transaction gives: read at its beginning, written back at its end.
struct Sequence {
    first: u64,
    last: u64,
}

impl Sequence {
    fn read(transaction: &Transaction<'_>) -> Result<Self, Failure> {
        let mut statement = transaction.prepare_cached(LAST_VERSION)?;
        let last = statement.query_row([], |row| row.get(0))?;
        Ok(Self { first: last, last })
    }

    fn next(&mut self) -> Version {
        self.last += 1;
        Version(self.last)
    }

    fn write(self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.last != self.first {
            transaction.prepare_cached(SET_LAST_VERSION)?.execute(params![self.last])?;
        }
        Ok(())
    }
}
