//! Reserving, settling and reclaiming money.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::{Hold, Outcome, Receipt, hold::Terms};
use crate::{
    Code, Error, Result,
    keys::Caller,
    money::NanoDollars,
    operation::Operation,
    ports::{self, Commit, Host, Page, Record, Records, Refusal, TOKEN_MEMORY, When, Write, hex},
};

const BUDGETS: &str = "budgets";
const HOLDS: &str = "holds";
const RECEIPTS: &str = "receipts";
const COMMITTED: &str = "committed";
const SETTLED: &str = "settled";

/// Every so many reservations of a process, the holds of dead processes are looked for.
const RECLAIM_EVERY: u64 = 256;
/// How many such holds are reclaimed at once.
const RECLAIM_BATCH: u32 = 25;
/// Waits between the attempts to write a settlement that the store does not take.
const SETTLE_RETRIES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// What a caller over budget is told to wait: running requests settle within seconds.
const OVER_BUDGET_RETRY: Duration = Duration::from_secs(5);

/// The books of a gateway.
#[derive(Clone, Debug)]
pub struct Ledger {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    hold_ttl: Duration,
    receipt_retention: Duration,
    reservations: Arc<AtomicU64>,
}

/// The state of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The most that may be spent.
    pub limit: NanoDollars,
    /// What was spent.
    pub settled: NanoDollars,
    /// What is set aside for running calls.
    pub held: NanoDollars,
}

impl Balance {
    /// What may still be held.
    pub fn remaining(&self) -> NanoDollars {
        self.limit.minus(self.settled).minus(self.held)
    }
}

impl Ledger {
    /// Books kept in `records`.
    pub fn new(
        records: Arc<dyn Records>,
        host: Arc<dyn Host>,
        hold_ttl: Duration,
        receipt_retention: Duration,
    ) -> Self {
        Self { records, host, hold_ttl, receipt_retention, reservations: Arc::default() }
    }

    /// Sets `amount` aside for an operation of a provider's model.
    ///
    /// Without money left this is [`OverBudget`](Code::OverBudget), and without a store
    /// [`StoreUnavailable`](Code::StoreUnavailable): a call that cannot be booked is not made.
    pub async fn reserve(
        &self,
        caller: &Caller,
        (operation, provider, model): (Operation, &str, &str),
        amount: NanoDollars,
        correlation_id: Option<String>,
    ) -> Result<Hold> {
        if self.reservations.fetch_add(1, Ordering::Relaxed).is_multiple_of(RECLAIM_EVERY) {
            self.reclaim(&caller.tenant).await?;
        }
        if let Some(hold) = self
            .try_reserve(caller, (operation, provider, model), amount, correlation_id.clone())
            .await?
        {
            return Ok(hold);
        }
        self.reclaim(&caller.tenant).await?;
        match self.try_reserve(caller, (operation, provider, model), amount, correlation_id).await?
        {
            Some(hold) => Ok(hold),
            None => Err(self.over_budget(caller, amount).await?),
        }
    }

    async fn try_reserve(
        &self,
        caller: &Caller,
        (operation, provider, model): (Operation, &str, &str),
        amount: NanoDollars,
        correlation_id: Option<String>,
    ) -> Result<Option<Hold>> {
        let now = self.host.now();
        let random = hex(self.host.random().into_iter().take(10));
        let id = format!("{:012x}-{random}", (now + self.hold_ttl).0);
        let terms = Terms {
            receipt: format!("{:012x}-{random}", now.0),
            tenant: caller.tenant.clone(),
            key: caller.key.clone(),
            operation,
            provider: provider.to_owned(),
            model: model.to_owned(),
            started_at: now,
            capped: caller.budget.is_some(),
            amount: if caller.budget.is_some() { amount } else { NanoDollars::default() },
            correlation_id,
        };
        let mut writes = vec![Write::put_when(HOLDS, &id, json(&terms)?, When::Absent)];
        if let Some(budget) = caller.budget {
            let ceiling = (COMMITTED, budget.0);
            let held = [(COMMITTED, amount.0)];
            writes.push(Write::add_within(BUDGETS, &caller.key, held, ceiling));
        }
        match self.commit(Commit::new(&caller.tenant, writes)).await? {
            ports::Outcome::Applied(versions) => {
                let version = versions.first().copied().flatten().ok_or_else(|| {
                    Error::new(Code::Internal, "the store gave a new hold no version")
                })?;
                Ok(Some(Hold { id, version, terms }))
            }
            ports::Outcome::Refused { why: Refusal::Ceiling, .. } => Ok(None),
            ports::Outcome::Refused { why: Refusal::Condition, .. } => {
                Err(Error::new(Code::Conflict, "the new hold's id is taken: try again"))
            }
        }
    }

    /// Ends `hold` and books `receipt`, in one commit. A store that fails is tried again for about a
    /// second.
    pub async fn settle(&self, hold: &Hold, receipt: &Receipt) -> Result<()> {
        let mut waits = SETTLE_RETRIES.iter();
        loop {
            match (self.try_settle(hold, receipt).await, waits.next()) {
                (Err(error), Some(wait)) if error.code() == Code::StoreUnavailable => {
                    self.host.sleep(*wait).await;
                }
                (result, _) => return result,
            }
        }
    }

    /// Deletes the hold and books the receipt: whoever deletes the hold has booked it, and a second
    /// attempt finds no hold.
    async fn try_settle(&self, hold: &Hold, receipt: &Receipt) -> Result<()> {
        let release = Write::delete_when(HOLDS, &hold.id, When::Version(hold.version));
        let (held, cost) = (hold.terms.amount.0, receipt.cost.0);
        if hold.terms.capped && cost > held {
            let receipt = &receipt.id;
            tracing::warn!(receipt, held, cost, "a call cost more than was held for it");
        }
        let mut writes = vec![release, self.write(receipt, When::Any)?];
        if held != 0 || cost != 0 {
            let fields = [(COMMITTED, cost.saturating_sub(held)), (SETTLED, cost)];
            writes.push(Write::add(BUDGETS, &hold.terms.key, fields));
        }
        match self.commit(Commit::new(&hold.terms.tenant, writes)).await? {
            ports::Outcome::Applied(_) => Ok(()),
            ports::Outcome::Refused { .. } if receipt.outcome == Outcome::Lost => Ok(()),
            ports::Outcome::Refused { .. } => self.book_late(hold, receipt).await,
        }
    }

    /// Books a call without a hold, unless it is booked already: a commit may have been applied though
    /// its answer was lost. If not, the call outlived its hold, which was reclaimed; what it cost is
    /// booked all the same, in the place of the receipt that calls it lost.
    async fn book_late(&self, hold: &Hold, receipt: &Receipt) -> Result<()> {
        let tenant = &hold.terms.tenant;
        let found = self.records.get(tenant, RECEIPTS, &receipt.id).await?;
        let place = match &found {
            Some(record) if read_receipt(record)?.outcome != Outcome::Lost => return Ok(()),
            Some(record) => When::Version(record.version),
            None => When::Absent,
        };
        let fields = [(COMMITTED, receipt.cost.0), (SETTLED, receipt.cost.0)];
        let booked = Write::add(BUDGETS, &hold.terms.key, fields);
        match self.commit(Commit::new(tenant, vec![self.write(receipt, place)?, booked])).await? {
            ports::Outcome::Applied(_) => {
                tracing::warn!(
                    receipt = receipt.id,
                    "a call was settled after its hold had expired"
                );
                Ok(())
            }
            // Nobody else settles this call, so it was an attempt of ours whose answer was lost.
            ports::Outcome::Refused { .. } => Ok(()),
        }
    }

    /// The write of a receipt. By it a repeated settlement is told from a late one, so it is kept for as
    /// long as attempts may be repeated, however short receipts are wanted.
    fn write(&self, receipt: &Receipt, when: When) -> Result<Write> {
        let keep_until = self.host.now() + self.receipt_retention.max(TOKEN_MEMORY);
        Ok(Write::put_until(RECEIPTS, &receipt.id, json(receipt)?, keep_until, when))
    }

    /// Frees what dead processes of `tenant` held, and writes their calls' receipts.
    pub async fn reclaim(&self, tenant: &str) -> Result<()> {
        let now = self.host.now();
        let page = Page {
            before: Some(format!("{:012x}", now.0)),
            limit: RECLAIM_BATCH,
            ..Page::default()
        };
        for record in self.records.page(tenant, HOLDS, page).await? {
            match self.free(record, now).await {
                // One hold that cannot be freed must not keep the others.
                Err(error) if error.code() != Code::StoreUnavailable => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "a hold cannot be freed");
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn free(&self, record: Record, now: ports::Timestamp) -> Result<()> {
        let hold = Hold::read(record)?;
        let mut receipt = hold.draft(Outcome::Lost);
        receipt.duration_ms = now.0.saturating_sub(receipt.started_at.0);
        self.try_settle(&hold, &receipt).await?;
        tracing::warn!(receipt = receipt.id, "a call was lost with its process; its hold is free");
        Ok(())
    }

    /// The store refuses only what the gateway should not have asked of it, so a refusal is no fault
    /// of the caller's.
    async fn commit(&self, commit: Commit) -> Result<ports::Outcome> {
        self.records.commit(commit).await.map_err(|error| match error.code() {
            Code::InvalidRequest => {
                Error::new(Code::Internal, "the books cannot be kept").caused_by(error)
            }
            _ => error,
        })
    }

    /// The state of the budget `limit` of a key.
    pub async fn balance(&self, tenant: &str, key: &str, limit: NanoDollars) -> Result<Balance> {
        self.reclaim(tenant).await?;
        self.read_balance(tenant, key, limit).await
    }

    async fn read_balance(&self, tenant: &str, key: &str, limit: NanoDollars) -> Result<Balance> {
        let counters = self.records.get(tenant, BUDGETS, key).await?.map(|record| record.counters);
        let counter = |name| {
            counters.as_ref().and_then(|counters| counters.get(name)).copied().unwrap_or_default()
        };
        let settled = NanoDollars(counter(SETTLED));
        Ok(Balance { limit, settled, held: NanoDollars(counter(COMMITTED)).minus(settled) })
    }

    /// Reads one receipt.
    pub async fn receipt(&self, tenant: &str, id: &str) -> Result<Receipt> {
        let record = self.records.get(tenant, RECEIPTS, id).await?;
        let record =
            record.ok_or_else(|| Error::new(Code::NotFound, "there is no such receipt"))?;
        read_receipt(&record)
    }

    /// Reads the newest receipts: up to `limit`, those before `before`.
    pub async fn receipts(
        &self,
        tenant: &str,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<Receipt>> {
        let page = Page { before, limit, descending: true, ..Page::default() };
        self.records.page(tenant, RECEIPTS, page).await?.iter().map(read_receipt).collect()
    }

    async fn over_budget(&self, caller: &Caller, amount: NanoDollars) -> Result<Error> {
        let limit = caller.budget.unwrap_or_default();
        let balance = self.read_balance(&caller.tenant, &caller.key, limit).await?;
        let facts = json!({
            "scope": "key",
            "limit": limit.to_string(),
            "remaining": balance.remaining().to_string(),
            "required": amount.to_string(),
        });
        let message = format!(
            "the budget of this key has {} of {limit} dollars left, and this request may cost {amount}",
            balance.remaining()
        );
        let details = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Ok(Error::new(Code::OverBudget, message)
            .with_details(details)
            .retry_after(OVER_BUDGET_RETRY))
    }
}

/// A record's value.
fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(Code::Internal, "a record cannot be stored").caused_by(error))
}

fn read_receipt(record: &Record) -> Result<Receipt> {
    serde_json::from_slice(&record.value).map_err(|error| {
        Error::new(Code::Internal, "a stored receipt cannot be read").caused_by(error)
    })
}
