//! Reserving, settling and reclaiming money.

mod reading;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Hold, Outcome, Receipt,
    hold::{Draft, Terms},
};
pub use reading::Balance;
use reading::read_receipt;

use crate::{
    Code, Error, Result,
    keys::Caller,
    money::NanoDollars,
    operation::Operation,
    ports::{
        self, Commit, Host, Page, Record, Records, Refusal, TOKEN_MEMORY, Version, When, Write, hex,
    },
    rates::{Rates, Taking},
};

const BUDGETS: &str = "budgets";
const HOLDS: &str = "holds";
const RECEIPTS: &str = "receipts";
/// Which receipts belong to a run: `{run}.{step}.{receipt}`, without a value.
const OF_RUNS: &str = "receipts.runs";
const COMMITTED: &str = "committed";
const SETTLED: &str = "settled";

/// Every so many reservations of a process, the holds of dead processes are looked for.
const RECLAIM_EVERY: u64 = 256;
/// How many such holds are reclaimed at once.
const RECLAIM_BATCH: u32 = 25;
/// Waits between the attempts to write a settlement that the store does not take.
const SETTLE_RETRIES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// The books of a gateway.
#[derive(Clone, Debug)]
pub struct Ledger {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    hold_ttl: Duration,
    receipt_retention: Duration,
    reservations: Arc<AtomicU64>,
    rates: Rates,
}

/// What became of a hold that was to be taken with other writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The money is held, and what stands beside it is written: the new version of each write.
    Held(Box<Hold>, Vec<Option<Version>>),
    /// Nothing is held or written: this write beside the hold could not be applied.
    Refused(usize),
}

/// What became of the commit with a hold: the versions of the hold and of what stands beside it, or which
/// write beside it could not be applied.
enum Tried {
    Written(Version, Vec<Option<Version>>),
    Refused(usize),
}

/// What became of a settlement with other writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booked {
    /// It is booked, and what stands beside it is written: the new version of each write.
    With(Vec<Option<Version>>),
    /// It had been booked before, by an attempt whose answer was lost.
    Before,
    /// It is booked, but not what stands beside it: one of the writes could not be applied.
    Alone,
}

impl Ledger {
    /// Books kept in `records`.
    pub fn new(
        records: Arc<dyn Records>,
        host: Arc<dyn Host>,
        hold_ttl: Duration,
        receipt_retention: Duration,
    ) -> Self {
        let rates = Rates::new(Arc::clone(&records), Arc::clone(&host));
        let reservations = Arc::default();
        Self { records, host, hold_ttl, receipt_retention, reservations, rates }
    }

    /// The rate limits, of which a [`Draft`] takes.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Sets `amount` aside for an operation of a provider's model.
    ///
    /// Without money left this is [`OverBudget`](Code::OverBudget), and without a store
    /// [`StoreUnavailable`](Code::StoreUnavailable): a call that cannot be booked is not made.
    pub async fn reserve(
        &self,
        caller: &Caller,
        call: (Operation, &str, &str),
        amount: NanoDollars,
        correlation_id: Option<String>,
    ) -> Result<Hold> {
        self.hold(caller, self.draft(caller, call, amount, correlation_id)).await
    }

    /// Takes a hold that `caller` has [drafted](Self::draft). Fails as [`reserve`](Self::reserve) does, and as
    /// [`RateLimited`](Code::RateLimited) where a limit is reached.
    pub async fn hold(&self, caller: &Caller, draft: Draft) -> Result<Hold> {
        match self.reserve_with(caller, draft, &[]).await? {
            Reserved::Held(hold, _) => Ok(*hold),
            Reserved::Refused(_) => {
                Err(Error::new(Code::Internal, "a write was refused that was not asked for"))
            }
        }
    }

    /// A hold that is yet to be taken.
    pub fn draft(
        &self,
        caller: &Caller,
        (operation, provider, model): (Operation, &str, &str),
        amount: NanoDollars,
        correlation_id: Option<String>,
    ) -> Draft {
        let now = self.host.now();
        let until = now + self.hold_ttl;
        let random = hex(self.host.random().into_iter().take(10));
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
            conversation: None,
            run: None,
            step: None,
        };
        Draft { id: format!("{:012x}-{random}", until.0), until, terms, taking: None }
    }

    /// Takes a hold that `caller` has [drafted](Self::draft), and writes what stands `beside` it in the same
    /// commit. Fails as [`hold`](Self::hold) does.
    pub async fn reserve_with(
        &self,
        caller: &Caller,
        draft: Draft,
        beside: &[Write],
    ) -> Result<Reserved> {
        if self.reservations.fetch_add(1, Ordering::Relaxed).is_multiple_of(RECLAIM_EVERY) {
            self.reclaim(&caller.tenant).await?;
        }
        let tried = match self.try_reserve(caller, &draft, beside).await? {
            None => {
                self.reclaim(&caller.tenant).await?;
                self.try_reserve(caller, &draft, beside).await?
            }
            tried => tried,
        };
        let Draft { id, terms, taking, .. } = draft;
        match tried {
            Some(Tried::Written(version, beside)) => {
                Ok(Reserved::Held(Box::new(Hold { id, version, terms, taking }), beside))
            }
            Some(Tried::Refused(write)) => Ok(Reserved::Refused(write)),
            None => Err(self.over_budget(caller, terms.amount).await?),
        }
    }

    /// `None`: the budget does not allow it.
    async fn try_reserve(
        &self,
        caller: &Caller,
        Draft { id, terms, taking, .. }: &Draft,
        beside: &[Write],
    ) -> Result<Option<Tried>> {
        let mut writes = vec![Write::put_when(HOLDS, id, json(terms)?, When::Absent)];
        if let Some(budget) = caller.budget {
            let ceiling = (COMMITTED, budget.0);
            let held = [(COMMITTED, terms.amount.0)];
            writes.push(Write::add_within(BUDGETS, &caller.key, held, ceiling));
        }
        let money = writes.len();
        writes.extend(taking.iter().flat_map(Taking::writes));
        let own = writes.len();
        writes.extend_from_slice(beside);
        match self.commit(Commit::new(&caller.tenant, writes)).await? {
            ports::Outcome::Applied(mut versions) => {
                let version = versions.first().copied().flatten().ok_or_else(|| {
                    Error::new(Code::Internal, "the store gave a new hold no version")
                })?;
                let beside = versions.split_off(own.min(versions.len()));
                Ok(Some(Tried::Written(version, beside)))
            }
            ports::Outcome::Refused { write, .. } if write >= own => {
                Ok(Some(Tried::Refused(write - own)))
            }
            ports::Outcome::Refused { write, .. } if write >= money => {
                Err(self.rates.refusal(taking.as_ref(), write - money).await?)
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
        self.settle_with(hold, receipt, &[]).await.map(|_| ())
    }

    /// Ends `hold`, books `receipt` and writes what stands `beside` it, in one commit. Where a write beside
    /// it cannot be applied, the call is booked without them. Tries again as [`settle`](Self::settle) does.
    pub async fn settle_with(
        &self,
        hold: &Hold,
        receipt: &Receipt,
        beside: &[Write],
    ) -> Result<Booked> {
        let mut waits = SETTLE_RETRIES.iter();
        loop {
            match (self.try_settle(hold, receipt, beside).await, waits.next()) {
                (Err(error), Some(wait)) if error.code() == Code::StoreUnavailable => {
                    self.host.sleep(*wait).await;
                }
                (result, _) => return result,
            }
        }
    }

    /// Deletes the hold and books the receipt: whoever deletes the hold has booked it, and a second
    /// attempt finds no hold.
    async fn try_settle(&self, hold: &Hold, receipt: &Receipt, beside: &[Write]) -> Result<Booked> {
        let release = Write::delete_when(HOLDS, &hold.id, When::Version(hold.version));
        let (held, cost) = (hold.terms.amount.0, receipt.cost.0);
        if hold.terms.capped && cost > held {
            let receipt = &receipt.id;
            tracing::warn!(receipt, held, cost, "a call cost more than was held for it");
        }
        let mut writes = vec![release];
        writes.extend(self.writes(receipt, When::Any)?);
        if held != 0 || cost != 0 {
            let fields = [(COMMITTED, cost.saturating_sub(held)), (SETTLED, cost)];
            writes.push(Write::add(BUDGETS, &hold.terms.key, fields));
        }
        if let Some(taking) = &hold.taking {
            let used = receipt.usage.input.saturating_add(receipt.usage.output);
            writes.extend(taking.corrections(used, self.host.now()));
        }
        let tenant = &hold.terms.tenant;
        match self.book(tenant, writes, beside).await? {
            Some(booked) => Ok(booked),
            None if receipt.outcome == Outcome::Lost => Ok(Booked::Before),
            None => self.book_late(hold, receipt, beside).await,
        }
    }

    /// Commits `writes` with what stands beside them, or without it if that cannot be. `None`: one of
    /// `writes` could not be applied.
    async fn book(
        &self,
        tenant: &str,
        writes: Vec<Write>,
        beside: &[Write],
    ) -> Result<Option<Booked>> {
        let own = writes.len();
        // Only what stands beside them can make a second commit necessary.
        let again = if beside.is_empty() { Vec::new() } else { writes.clone() };
        let mut all = writes;
        all.extend_from_slice(beside);
        match self.commit(Commit::new(tenant, all)).await? {
            ports::Outcome::Applied(mut versions) => {
                Ok(Some(Booked::With(versions.split_off(own.min(versions.len())))))
            }
            ports::Outcome::Refused { write, .. } if write >= own => {
                let alone = self.commit(Commit::new(tenant, again)).await?;
                Ok(matches!(alone, ports::Outcome::Applied(_)).then_some(Booked::Alone))
            }
            ports::Outcome::Refused { .. } => Ok(None),
        }
    }

    /// Books a call without a hold, unless it is booked already: a commit may have been applied though
    /// its answer was lost. If not, the call outlived its hold, which was reclaimed; what it cost is
    /// booked all the same, in the place of the receipt that calls it lost.
    async fn book_late(&self, hold: &Hold, receipt: &Receipt, beside: &[Write]) -> Result<Booked> {
        let tenant = &hold.terms.tenant;
        let found = self.records.get(tenant, RECEIPTS, &receipt.id).await?;
        let place = match &found {
            Some(record) if read_receipt(record)?.outcome != Outcome::Lost => {
                return Ok(Booked::Before);
            }
            Some(record) => When::Version(record.version),
            None => When::Absent,
        };
        let fields = [(COMMITTED, receipt.cost.0), (SETTLED, receipt.cost.0)];
        let booked = Write::add(BUDGETS, &hold.terms.key, fields);
        let mut writes = self.writes(receipt, place)?;
        writes.push(booked);
        let booked = self.book(tenant, writes, beside).await?;
        if booked.is_some() {
            tracing::warn!(receipt = receipt.id, "a call was settled after its hold had expired");
        }
        // Nobody else settles this call, so if it is booked it was by an attempt of ours whose answer was lost.
        Ok(booked.unwrap_or(Booked::Before))
    }

    /// The writes of a receipt: by its id, and by its run. By the first a repeated settlement is told from a late
    /// one, so it is kept for as long as attempts may be repeated, however short receipts are wanted.
    fn writes(&self, receipt: &Receipt, when: When) -> Result<Vec<Write>> {
        let keep_until = self.host.now() + self.receipt_retention.max(TOKEN_MEMORY);
        let by_id = Write::put_until(RECEIPTS, &receipt.id, json(receipt)?, keep_until, when);
        let by_run = receipt.run.as_ref().map(|run| {
            let id = reading::of_run(run, receipt.step.unwrap_or_default(), &receipt.id);
            Write::put_until(OF_RUNS, id, Vec::new(), keep_until, When::Any)
        });
        Ok([by_id].into_iter().chain(by_run).collect())
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
        self.try_settle(&hold, &receipt, &[]).await?;
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
}

/// A record's value.
fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(Code::Internal, "a record cannot be stored").caused_by(error))
}
