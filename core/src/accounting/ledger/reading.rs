//! What the books say: balances and receipts.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{BUDGETS, COMMITTED, Ledger, RECEIPTS, Receipt, SETTLED};
use crate::{
    Code, Error, Result,
    keys::Caller,
    money::NanoDollars,
    ports::{Page, Record},
};

/// What a caller over budget is told to wait: running requests settle within seconds.
const OVER_BUDGET_RETRY: Duration = Duration::from_secs(5);

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

pub(super) fn read_receipt(record: &Record) -> Result<Receipt> {
    serde_json::from_slice(&record.value).map_err(|error| {
        Error::new(Code::Internal, "a stored receipt cannot be read").caused_by(error)
    })
}
