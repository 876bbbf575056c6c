//! What the books of a gateway cost on DynamoDB, counted from the records that they write.
//!
//! Units: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html>.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Result,
    accounting::{Ledger, Outcome},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    operation::Operation,
    ports::{self, Commit, Page, Record, Records},
    rates::Limits,
};
use dormouse_testkit::fakes::TestHost;

/// Records that note how many write units their commits would have cost in a table.
#[derive(Debug)]
struct Priced {
    records: MemoryRecords,
    units: Mutex<u64>,
}

#[async_trait]
impl Records for Priced {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.records.page(tenant, collection, page).await
    }

    /// An item costs a unit for each kilobyte begun, as it was or as it is, whichever is larger; in a
    /// transaction, twice that.
    async fn commit(&self, commit: Commit) -> Result<ports::Outcome> {
        let tenant = commit.tenant.clone();
        let targets: Vec<_> = commit
            .writes
            .iter()
            .map(ports::Write::target)
            .map(|(collection, id)| (collection.to_owned(), id.to_owned()))
            .collect();
        let sizes = async || {
            let mut sizes = Vec::new();
            for (collection, id) in &targets {
                let found = self.records.get(&tenant, collection, id).await?;
                sizes.push(found.map_or(0, |record| item_bytes(&tenant, collection, &record)));
            }
            Ok::<_, dormouse_core::Error>(sizes)
        };
        let alone = commit.token.is_none() && commit.writes.len() == 1;
        let before = sizes().await?;
        let outcome = self.records.commit(commit).await?;
        let after = sizes().await?;
        let larger = before.iter().zip(&after).map(|(before, after)| *before.max(after));
        let units: u64 = larger.map(|bytes| bytes.div_ceil(1024).max(1)).sum();
        *self.units.lock().unwrap() += if alone { units } else { 2 * units };
        Ok(outcome)
    }
}

/// The size of a record's item: the names and values of its attributes. A number takes a byte for two of its
/// digits, and one more.
fn item_bytes(tenant: &str, collection: &str, record: &Record) -> u64 {
    let number = |digits: usize| digits.div_ceil(2) + 1;
    let mut bytes = "pk".len() + tenant.len() + 1 + collection.len() + "sk".len() + record.id.len();
    bytes += "ver".len() + number(20);
    if !record.value.is_empty() {
        bytes += "val".len() + record.value.len();
    }
    if record.expires_at.is_some() {
        bytes += "exp".len() + number(13) + "ttl".len() + number(10);
    }
    for (name, value) in &record.counters {
        bytes += "c.".len() + name.len() + number(value.to_string().len());
    }
    u64::try_from(bytes).unwrap()
}

/// The units of a hold, and of its settlement, for a caller with or without a budget.
async fn units(budget: Option<NanoDollars>) -> (u64, u64) {
    let host = Arc::new(TestHost::new());
    let records = MemoryRecords::new(Arc::clone(&host) as _);
    let priced = Arc::new(Priced { records, units: Mutex::default() });
    let day = Duration::from_secs(86_400);
    let ledger = Ledger::new(Arc::clone(&priced) as _, host, day, 90 * day);
    let caller = Caller {
        tenant: "a-tenant-with-a-name".into(),
        key: "0123456789abcdef".into(),
        budget,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    };
    let call = (Operation::Chat, "a-provider", "vendor/a-model-with-quite-a-long-name");
    let correlation = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let spent = || mem::take(&mut *priced.units.lock().unwrap());

    let hold = ledger.reserve(&caller, call, NanoDollars(25_000_000), correlation).await.unwrap();
    let held = spent();
    let mut receipt = hold.draft(Outcome::Completed);
    receipt.cost = NanoDollars(if budget.is_some() { 1_234_567 } else { 0 });
    ledger.settle(&hold, &receipt).await.unwrap();
    (held, spent())
}

#[tokio::test]
async fn a_request_costs_what_the_documentation_says() {
    let (held, settled) = units(Some(NanoDollars(1_000_000_000))).await;
    assert_eq!((held, settled), (4, 6));

    let (held, settled) = units(None).await;
    assert_eq!((held, settled), (1, 4));
}
