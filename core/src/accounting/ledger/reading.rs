//! What the books say: balances and receipts.

use std::time::Duration;

use serde_json::{Map, Value, json};

use futures::{StreamExt, TryStreamExt, stream};

use super::{BUDGETS, COMMITTED, Ledger, OF_RUNS, RECEIPTS, Receipt, SETTLED};
use crate::{
    Code, Error, Result,
    keys::Caller,
    money::NanoDollars,
    ports::{Page, Record},
};

/// What a caller over budget is told to wait: running requests settle within seconds.
const OVER_BUDGET_RETRY: Duration = Duration::from_secs(5);
/// How many receipts of a run are read at once.
const AT_ONCE: usize = 8;

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

    /// Reads the receipts of a run in the order of its steps, the first `limit` of them. Of a run that there is
    /// not there are none.
    pub async fn receipts_of_run(
        &self,
        tenant: &str,
        run: &str,
        limit: u32,
    ) -> Result<Vec<Receipt>> {
        // What has these bytes in front, and nothing else, is between the two.
        let (after, before) = (Some(format!("{run}.")), Some(format!("{run}/")));
        let page = Page { after, before, limit, ..Page::default() };
        let found = self.records.page(tenant, OF_RUNS, page).await?;
        let id = |record: &Record| record.id.rsplit('.').next().unwrap_or_default().to_owned();
        let read = async |id: String| self.records.get(tenant, RECEIPTS, &id).await;
        let reads: Vec<_> = found.iter().map(id).map(read).collect();
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        let mut receipts = Vec::new();
        while let Some(record) = reads.try_next().await? {
            // It may have expired in between.
            receipts.extend(record.as_ref().map(read_receipt).transpose()?);
        }
        Ok(receipts)
    }

    pub(super) async fn over_budget(&self, caller: &Caller, amount: NanoDollars) -> Result<Error> {
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

/// The id by which a receipt is found that belongs to a step of a run. They sort by step, then by time.
pub(super) fn of_run(run: &str, step: u32, receipt: &str) -> String {
    format!("{run}.{step:010}.{receipt}")
}

pub(super) fn read_receipt(record: &Record) -> Result<Receipt> {
    serde_json::from_slice(&record.value).map_err(|error| {
        Error::new(Code::Internal, "a stored receipt cannot be read").caused_by(error)
    })
}
