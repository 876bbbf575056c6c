//! Rate limits: how many requests a tenant or a key may make in a minute, and how many tokens they may use,
//! exact with any number of gateways.
//!
//! | collection | id                                              | holds                                |
//! |------------|-------------------------------------------------|--------------------------------------|
//! | `rates`    | minute, `tenant` or the key, `requests`/`tokens` | the counter `used`, until it expires |
//!
//! A minute is one of the clock's. What a call takes of it is added in the commit that holds its money, with
//! the limit as the ceiling, so no limit is passed however many ask at once. The first call of a process in a
//! minute gives its counters their expiry before; nothing runs in the background, and where no limit is set
//! nothing is written.
//!
//! Tokens are not known before a call has ended. It takes what it is estimated to use, and what it really
//! used takes the place of that in the commit that settles it. An estimate above the limit counts as the
//! limit: a call is large if it needs a minute to itself, not impossible.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Code, Error, Result,
    keys::Caller,
    ports::{Commit, Host, Records, Timestamp, When, Write},
};

const RATES: &str = "rates";
const USED: &str = "used";
/// How long a minute is, in milliseconds.
const MINUTE: u64 = 60_000;
/// How long counters are kept after their minute: the clocks of gateways may differ by so much.
const GRACE: Duration = Duration::from_secs(60);
/// The most counters that a process remembers to have given their expiry. Beyond it, it forgets them all and
/// does so again.
const MAX_OPENED: usize = 4096;

/// How much may be used in a minute. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Tokens of input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Requests,
    Tokens,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Tenant,
    Key,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
        }
    }
}

/// What a call takes of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Take {
    scope: Scope,
    unit: Unit,
    limit: i64,
    amount: i64,
    /// The id of the counter.
    id: String,
}

/// What a call takes of the limits that hold for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taking {
    tenant: String,
    minute: u64,
    takes: Vec<Take>,
}

impl Taking {
    /// The writes that take it. One is refused at its ceiling where that would pass a limit.
    pub fn writes(&self) -> Vec<Write> {
        let write = |take: &Take| {
            Write::add_within(RATES, &take.id, [(USED, take.amount)], (USED, take.limit))
        };
        self.takes.iter().map(write).collect()
    }

    /// The writes that put what was `used`, in tokens, in the place of what was taken. None when the minute
    /// is over: nobody asks any more.
    pub fn corrections(&self, used: u64, now: Timestamp) -> Vec<Write> {
        if now.0 / MINUTE != self.minute {
            return Vec::new();
        }
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        let tokens = self.takes.iter().filter(|take| take.unit == Unit::Tokens);
        let off = tokens.filter(|take| take.amount != used);
        off.map(|take| Write::add(RATES, &take.id, [(USED, used.saturating_sub(take.amount))]))
            .collect()
    }
}

/// The rate limits of a gateway.
#[derive(Clone, Debug)]
pub struct Rates {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    opened: Arc<Mutex<Opened>>,
}

/// The counters of a minute that this process gave their expiry.
#[derive(Debug, Default)]
struct Opened {
    minute: u64,
    counters: BTreeSet<(String, String)>,
}

impl Rates {
    /// Rate limits whose counters are in `records`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>) -> Self {
        Self { records, host, opened: Arc::default() }
    }

    /// What a call of `caller` takes: `requests` and an estimate of `tokens`. `None` if no limit holds for
    /// it, neither of the tenant nor of the key.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the counters cannot be given their expiry.
    pub async fn take(
        &self,
        caller: &Caller,
        of_tenant: Limits,
        requests: u32,
        tokens: u64,
    ) -> Result<Option<Taking>> {
        let minute = self.host.now().0 / MINUTE;
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        let mut takes = Vec::new();
        for (scope, limits) in [(Scope::Tenant, of_tenant), (Scope::Key, caller.limits)] {
            let amounts = [
                (Unit::Requests, limits.requests, requests.into()),
                (Unit::Tokens, limits.tokens, tokens),
            ];
            for (unit, limit, amount) in amounts {
                let Some(limit) = limit.map(i64::from).filter(|_| amount > 0) else { continue };
                let whose = match scope {
                    Scope::Tenant => "tenant".to_owned(),
                    Scope::Key => format!("key/{}", caller.key),
                };
                let id = format!("{minute:012x}/{whose}/{}", unit.as_str());
                takes.push(Take { scope, unit, limit, amount: amount.min(limit), id });
            }
        }
        if takes.is_empty() {
            return Ok(None);
        }
        let taking = Taking { tenant: caller.tenant.clone(), minute, takes };
        self.open(&taking).await?;
        Ok(Some(taking))
    }

    /// Gives the counters their expiry, those that this process has not given it yet. It does not matter
    /// whether another process has: that leaves what they count as it is.
    async fn open(&self, taking: &Taking) -> Result<()> {
        let name = |take: &Take| (taking.tenant.clone(), take.id.clone());
        let new: Vec<_> = {
            let opened = self.opened();
            let known = |take: &&Take| {
                opened.minute == taking.minute && opened.counters.contains(&name(take))
            };
            taking.takes.iter().filter(|take| !known(take)).map(name).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let end = Timestamp((taking.minute + 1).saturating_mul(MINUTE)) + GRACE;
        let write = |(_, id): &(String, String)| Write::put_until(RATES, id, "", end, When::Any);
        self.records.commit(Commit::new(&taking.tenant, new.iter().map(write).collect())).await?;
        let mut opened = self.opened();
        if opened.minute != taking.minute || opened.counters.len() >= MAX_OPENED {
            *opened = Opened { minute: taking.minute, counters: BTreeSet::new() };
        }
        opened.counters.extend(new);
        Ok(())
    }

    /// Why a call is refused, whose write of this place in [`Taking::writes`] was.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if what is left cannot be read.
    pub async fn refusal(&self, taking: Option<&Taking>, place: usize) -> Result<Error> {
        let refused = taking.and_then(|taking| Some((taking, taking.takes.get(place)?)));
        let Some((taking, Take { scope, unit, limit, amount, id })) = refused else {
            return Ok(Error::new(
                Code::Internal,
                "a limit was reached of which nothing was taken",
            ));
        };
        let record = self.records.get(&taking.tenant, RATES, id).await?;
        let used = record.and_then(|record| record.counters.get(USED).copied()).unwrap_or_default();
        let remaining = limit.saturating_sub(used).max(0);
        let end = (taking.minute + 1).saturating_mul(MINUTE);
        let left = Duration::from_millis(end.saturating_sub(self.host.now().0).max(1));
        let (scope, unit) = (scope.as_str(), unit.as_str());
        let message = format!(
            "this {scope} may use {limit} {unit} in a minute and has {remaining} left, of which this request takes {amount}; the next minute begins in {} s",
            left.as_millis().div_ceil(1000)
        );
        let facts = json!({
            "scope": scope,
            "unit": unit,
            "limit": limit,
            "remaining": remaining,
            "required": amount,
            "resets_at": end / 1000,
        });
        let details = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Ok(Error::new(Code::RateLimited, message).with_details(details).retry_after(left))
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
