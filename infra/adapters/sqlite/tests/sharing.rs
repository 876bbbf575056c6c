//! Several gateways on one file.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use dormouse_core::ports::{Commit, Outcome, Records, Write};
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::fakes::TestHost;
use futures::{executor::block_on, future::join_all};
use tempfile::TempDir;

fn open(path: &Path) -> SqliteRecords {
    SqliteRecords::new(path, Arc::new(TestHost::new()))
}

/// Spends sevens until the budget of 1000 is used up, 16 at a time; returns how much.
async fn spend_all(records: &SqliteRecords, spender: usize) -> i64 {
    let spend = async |task: usize| {
        let mut spent = 0;
        loop {
            let receipt = format!("{spender}-{task}-{spent}");
            let writes = vec![
                Write::put("receipts", receipt, ""),
                Write::add_within("budgets", "b", [("spent", 7)], ("spent", 1000)),
            ];
            match records.commit(Commit::new("acme", writes)).await.unwrap() {
                Outcome::Applied(_) => spent += 7,
                Outcome::Refused { .. } => return spent,
            }
        }
    };
    join_all((0..16).map(spend)).await.into_iter().sum()
}

#[test]
fn a_budget_is_never_passed_by_two_gateways() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let (one, other) = (open(&path), open(&path));

    let spent: i64 = thread::scope(|scope| {
        let spenders = [&one, &other]
            .into_iter()
            .enumerate()
            .map(|(spender, records)| scope.spawn(move || block_on(spend_all(records, spender))));
        let spenders: Vec<_> = spenders.collect();
        spenders.into_iter().map(|spender| spender.join().unwrap()).sum()
    });

    assert_eq!(spent, 994);
    for records in [&one, &other] {
        let budget = block_on(records.get("acme", "budgets", "b")).unwrap().unwrap();
        assert_eq!(budget.counters["spent"], 994);
        let page = dormouse_core::ports::Page { limit: 1000, ..Default::default() };
        let receipts = block_on(records.page("acme", "receipts", page)).unwrap();
        assert_eq!(receipts.len(), 142);
    }
}

#[test]
fn what_one_gateway_acknowledged_the_other_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let (one, other) = (open(&path), open(&path));

    for round in 0..50_i64 {
        let add = Write::add("counters", "c", [("count", 1)]);
        block_on(one.commit(Commit::new("acme", vec![add]))).unwrap();
        let seen = block_on(other.get("acme", "counters", "c")).unwrap().unwrap();
        assert_eq!(seen.counters["count"], round + 1);
    }
}

#[test]
fn gateways_that_start_together_create_one_store() {
    for _ in 0..5 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("dormouse.db");
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let records = open(&path);
                    start.wait();
                    let add = Write::add("counters", "c", [("count", 1)]);
                    block_on(records.commit(Commit::new("acme", vec![add]))).unwrap();
                });
            }
        });
        let counted = block_on(open(&path).get("acme", "counters", "c")).unwrap().unwrap();
        assert_eq!(counted.counters["count"], 8);
    }
}
