//! Records in a map: forgotten when the process ends, exact while it lives.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Code, Error, Result,
    ports::{
        Commit, Host, Outcome, Page, Record, Records, TOKEN_MEMORY, Timestamp, Version, Write,
    },
};

/// The most idempotency tokens remembered at once. Beyond it commits that carry one are refused as
/// [`StoreUnavailable`](Code::StoreUnavailable) until the oldest is old enough to be forgotten.
const MAX_TOKENS: usize = 1 << 18;
/// The most expired records, and the most old tokens, that one commit clears away: more than it adds.
const SWEEP: usize = 64;

/// Records of this process only, in a map under a lock that is never held across an `await`.
pub struct MemoryRecords {
    host: Arc<dyn Host>,
    state: Mutex<State>,
}

impl MemoryRecords {
    /// An empty store, in which records expire by the clock of `host`.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self { host, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRecords").finish_non_exhaustive()
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let key = Key::new(tenant, collection, id);
        Ok(self.state().live(&key, self.host.now()).cloned())
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        Ok(self.state().page(tenant, collection, &page, self.host.now()))
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        self.state().commit(commit, self.host.now())
    }
}

/// Tenant, collection and id with a NUL between, which no name holds: so the records of one collection are
/// neighbours, sorted by id. Keys stand in several places; clones share one text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Arc<str>);

impl Key {
    fn new(tenant: &str, collection: &str, id: &str) -> Self {
        Self([tenant, "\0", collection, "\0", id].concat().into())
    }
}

#[derive(Default)]
struct State {
    records: BTreeMap<Key, Record>,
    /// The keys of all records that expire, soonest first.
    expiries: BTreeSet<(Timestamp, Key)>,
    /// What was applied, by tenant and token.
    tokens: BTreeMap<(String, String), Applied>,
    /// The keys of `tokens`, oldest first.
    oldest_tokens: VecDeque<(String, String)>,
    last_version: u64,
}

/// A commit that may be tried again.
struct Applied {
    versions: Vec<Option<Version>>,
    remembered_until: Timestamp,
}

impl State {
    fn live(&self, key: &Key, now: Timestamp) -> Option<&Record> {
        self.records.get(key).filter(|record| lives(record, now))
    }

    fn page(&self, tenant: &str, collection: &str, page: &Page, now: Timestamp) -> Vec<Record> {
        if let (Some(after), Some(before)) = (&page.after, &page.before)
            && after >= before
        {
            return Vec::new();
        }
        let key = |id: &str| Key::new(tenant, collection, id);
        let from = match &page.after {
            Some(after) => Bound::Excluded(key(after)),
            None => Bound::Included(key("")),
        };
        let to = match &page.before {
            Some(before) => key(before),
            // The lowest text above all that begin with the collection and its NUL.
            None => Key([tenant, "\0", collection, "\u{1}"].concat().into()),
        };
        let range = self.records.range((from, Bound::Excluded(to)));
        let found = range.map(|(_, record)| record).filter(|record| lives(record, now));
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        if page.descending {
            found.rev().take(limit).cloned().collect()
        } else {
            found.take(limit).cloned().collect()
        }
    }

    fn commit(&mut self, commit: Commit, now: Timestamp) -> Result<Outcome> {
        self.sweep(now);
        let Commit { tenant, writes, token } = commit;
        let token = token.map(|token| (tenant.clone(), token));
        if let Some(token) = &token {
            if let Some(applied) = self.tokens.get(token)
                && now < applied.remembered_until
            {
                return Ok(Outcome::Applied(applied.versions.clone()));
            }
            if self.tokens.len() >= MAX_TOKENS {
                return Err(Error::new(Code::StoreUnavailable, "too many commits to remember")
                    .retry_after(Duration::from_secs(1)));
            }
        }

        let mut decided = Vec::with_capacity(writes.len());
        for (index, write) in writes.into_iter().enumerate() {
            let (collection, id) = write.target();
            let key = Key::new(&tenant, collection, id);
            let current = self.live(&key, now);
            match write.decide(current.map(|record| (record.version, &record.counters))) {
                Ok(counters) => decided.push((key, write, counters)),
                Err(why) => return Ok(Outcome::Refused { write: index, why }),
            }
        }
        let versions: Vec<_> = decided
            .into_iter()
            .map(|(key, write, counters)| self.apply(key, write, counters, now))
            .collect();
        if let Some(token) = token {
            self.oldest_tokens.push_back(token.clone());
            let remembered_until = now + TOKEN_MEMORY;
            self.tokens.insert(token, Applied { versions: versions.clone(), remembered_until });
        }
        Ok(Outcome::Applied(versions))
    }

    /// Applies a write that was found to be possible.
    fn apply(
        &mut self,
        key: Key,
        write: Write,
        counters: BTreeMap<String, i64>,
        now: Timestamp,
    ) -> Option<Version> {
        let old = self.remove(&key).filter(|record| lives(record, now));
        let (id, value, expires_at) = match write {
            Write::Put { id, value, expires_at, .. } => (id, value, expires_at),
            Write::Add { id, .. } => {
                let (value, expires_at) =
                    old.map(|record| (record.value, record.expires_at)).unwrap_or_default();
                (id, value, expires_at)
            }
            Write::Delete { .. } => return None,
        };
        self.last_version += 1;
        let version = Version(self.last_version);
        if let Some(expiry) = expires_at {
            self.expiries.insert((expiry, key.clone()));
        }
        self.records.insert(key, Record { id, value, counters, version, expires_at });
        Some(version)
    }

    fn remove(&mut self, key: &Key) -> Option<Record> {
        let record = self.records.remove(key)?;
        if let Some(expiry) = record.expires_at {
            self.expiries.remove(&(expiry, key.clone()));
        }
        Some(record)
    }

    fn sweep(&mut self, now: Timestamp) {
        for _ in 0..SWEEP {
            match self.expiries.first() {
                Some((expiry, key)) if *expiry <= now => {
                    let key = key.clone();
                    self.remove(&key);
                }
                _ => break,
            }
        }
        for _ in 0..SWEEP {
            let Some(oldest) = self.oldest_tokens.front() else { break };
            if self.tokens.get(oldest).is_some_and(|applied| now < applied.remembered_until) {
                break;
            }
            self.tokens.remove(oldest);
            self.oldest_tokens.pop_front();
        }
    }
}

fn lives(record: &Record, now: Timestamp) -> bool {
    record.expires_at.is_none_or(|expiry| now < expiry)
}
