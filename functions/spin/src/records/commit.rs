//! What a commit does within its transaction.

use std::collections::BTreeMap;

use dormouse_core::{
    Result,
    ports::{Commit, Outcome, TOKEN_MEMORY, Timestamp, Version, Write},
};
use serde_json::json;
use spin_sdk::sqlite::Value;

use super::{database::Transaction, integer, time, unreadable};

const REMEMBERED: &str = "
    SELECT versions FROM dormouse_tokens WHERE tenant = ?1 AND token = ?2 AND expires_at > ?3";

const REMEMBER: &str = "
    INSERT INTO dormouse_tokens (tenant, token, versions, expires_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, token) DO UPDATE
    SET versions = excluded.versions, expires_at = excluded.expires_at";

const STATE: &str = "
    SELECT version, counters FROM dormouse_records
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3 AND (expires_at IS NULL OR expires_at > ?4)";

const VERSIONS: &str = "UPDATE dormouse_versions SET last = last + ?1 RETURNING last";

const SET: &str = "
    INSERT INTO dormouse_records (tenant, collection, id, value, counters, version, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (tenant, collection, id) DO UPDATE SET value = excluded.value,
      counters = excluded.counters, version = excluded.version, expires_at = excluded.expires_at";

const COUNT: &str = "
    UPDATE dormouse_records SET counters = ?4, version = ?5
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3";

const DELETE: &str =
    "DELETE FROM dormouse_records WHERE tenant = ?1 AND collection = ?2 AND id = ?3";

const SWEEP_RECORDS: &str = "
    DELETE FROM dormouse_records WHERE rowid IN
      (SELECT rowid FROM dormouse_records WHERE expires_at <= ?1 LIMIT 256)";

const SWEEP_TOKENS: &str = "
    DELETE FROM dormouse_tokens WHERE rowid IN
      (SELECT rowid FROM dormouse_tokens WHERE expires_at <= ?1 LIMIT 256)";

/// After how many versions expired records are cleared away: far fewer than one sweep can clear.
const SWEEP_EVERY: u64 = 64;

/// What is to become of the transaction.
pub(super) enum Decision {
    /// It is to be committed.
    Apply(Outcome),
    /// It is to be rolled back.
    Leave(Outcome),
}

/// Does what `commit` asks, or finds that it may not be done.
pub(super) async fn apply(
    transaction: &mut Transaction<'_>,
    commit: &Commit,
    now: Timestamp,
) -> Result<Decision> {
    if let Some(versions) = remembered(transaction, commit, now).await? {
        return Ok(Decision::Leave(Outcome::Applied(versions)));
    }
    let mut decided = Vec::with_capacity(commit.writes.len());
    for (index, write) in commit.writes.iter().enumerate() {
        let place = Place::of(commit, write);
        let state = state(transaction, &place, now).await?;
        let current = state.as_ref().map(|state| (state.version, &state.counters));
        match write.decide(current) {
            Ok(counters) => decided.push((write, place, counters, state.is_some())),
            Err(why) => return Ok(Decision::Leave(Outcome::Refused { write: index, why })),
        }
    }
    let mut version = reserve_versions(transaction, decided.len(), now).await?;
    let mut versions = Vec::with_capacity(decided.len());
    for (write, place, counters, exists) in decided {
        version += 1;
        let counters = json!(counters).to_string();
        change(transaction, write, &place, Change { counters, version, exists }).await?;
        let deleted = matches!(write, Write::Delete { .. });
        versions.push((!deleted).then_some(Version(version)));
    }
    remember(transaction, commit, &versions, now).await?;
    Ok(Decision::Apply(Outcome::Applied(versions)))
}

/// The name of a record, as the first three parameters of a statement.
struct Place([Value; 3]);

impl Place {
    fn of(commit: &Commit, write: &Write) -> Self {
        let (collection, id) = write.target();
        Self([commit.tenant.as_str().into(), collection.into(), id.into()])
    }

    fn and(&self, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
        self.0.iter().cloned().chain(more).collect()
    }
}

/// What a condition may look at.
struct State {
    version: Version,
    counters: BTreeMap<String, i64>,
}

async fn state(
    transaction: &mut Transaction<'_>,
    place: &Place,
    now: Timestamp,
) -> Result<Option<State>> {
    let rows = transaction.run(STATE, &place.and([time(now)])).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let version = Version(row.get(0).ok_or_else(unreadable)?);
    let counters = row.get(1).and_then(|counters| serde_json::from_str(counters).ok());
    Ok(Some(State { version, counters: counters.ok_or_else(unreadable)? }))
}

/// Takes `count` versions that nobody else gets, and returns the one before them.
async fn reserve_versions(
    transaction: &mut Transaction<'_>,
    count: usize,
    now: Timestamp,
) -> Result<u64> {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let rows = transaction.run(VERSIONS, &[integer(count)]).await?;
    let last: u64 = rows.first().and_then(|row| row.get(0)).ok_or_else(unreadable)?;
    let before = last.saturating_sub(count);
    if before / SWEEP_EVERY != last / SWEEP_EVERY {
        transaction.run(SWEEP_RECORDS, &[time(now)]).await?;
        transaction.run(SWEEP_TOKENS, &[time(now)]).await?;
    }
    Ok(before)
}

/// What a record is given, beside what the write says.
struct Change {
    counters: String,
    version: u64,
    exists: bool,
}

async fn change(
    transaction: &mut Transaction<'_>,
    write: &Write,
    place: &Place,
    change: Change,
) -> Result<()> {
    let Change { counters, version, exists } = change;
    let (counters, version) = (Value::from(counters), integer(version));
    let (statement, parameters) = match write {
        Write::Put { value, expires_at, .. } => {
            let value = Value::Blob(value.to_vec());
            let expires_at = expires_at.map_or(Value::Null, time);
            (SET, place.and([value, counters, version, expires_at]))
        }
        Write::Add { .. } if exists => (COUNT, place.and([counters, version])),
        Write::Add { .. } => {
            (SET, place.and([Value::Blob(Vec::new()), counters, version, Value::Null]))
        }
        Write::Delete { .. } => (DELETE, place.and([])),
    };
    transaction.run(statement, &parameters).await?;
    Ok(())
}

/// The outcome of an earlier commit with the same token.
async fn remembered(
    transaction: &mut Transaction<'_>,
    commit: &Commit,
    now: Timestamp,
) -> Result<Option<Vec<Option<Version>>>> {
    let Some(token) = &commit.token else { return Ok(None) };
    let parameters = [commit.tenant.as_str().into(), token.as_str().into(), time(now)];
    let rows = transaction.run(REMEMBERED, &parameters).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let versions: Option<Vec<Option<u64>>> =
        row.get(0).and_then(|versions| serde_json::from_str(versions).ok());
    let versions = versions.ok_or_else(unreadable)?;
    Ok(Some(versions.into_iter().map(|version| version.map(Version)).collect()))
}

async fn remember(
    transaction: &mut Transaction<'_>,
    commit: &Commit,
    versions: &[Option<Version>],
    now: Timestamp,
) -> Result<()> {
    let Some(token) = &commit.token else { return Ok(()) };
    let versions: Vec<_> = versions.iter().map(|version| version.map(|Version(it)| it)).collect();
    let parameters = [
        commit.tenant.as_str().into(),
        token.as_str().into(),
        json!(versions).to_string().into(),
        time(now + TOKEN_MEMORY),
    ];
    transaction.run(REMEMBER, &parameters).await?;
    Ok(())
}
