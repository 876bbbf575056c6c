//! The reference store against the contract, and what is its own: threads, and forgetting tokens.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{sync::Arc, thread, time::Duration};

use dormouse_core::{
    memory::MemoryRecords,
    ports::{Commit, Outcome, Records, TOKEN_MEMORY, Write},
};
use dormouse_testkit::{conformance, fakes::TestHost};
use futures::FutureExt;

fn store() -> (Arc<TestHost>, Arc<MemoryRecords>) {
    let host = Arc::new(TestHost::new());
    (Arc::clone(&host), Arc::new(MemoryRecords::new(host)))
}

/// Nothing here waits: what is asked of a map is answered at once.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

#[test]
fn memory_records_conform() {
    let (host, records) = store();
    at_once(conformance::records(&*records, &*host));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is the caller here, and has threads")]
fn threads_do_not_pass_a_ceiling_together() {
    let (_, records) = store();
    let spend = |records: Arc<MemoryRecords>| {
        let add = || Write::add_within("budgets", "b", [("spent", 3)], ("spent", 100));
        let commit = || at_once(records.commit(Commit::new("acme", vec![add()]))).unwrap();
        (0..16).filter(|_| matches!(commit(), Outcome::Applied(_))).count()
    };

    let threads: Vec<_> = (0..16)
        .map(|_| Arc::clone(&records))
        .map(|records| thread::spawn(move || spend(records)))
        .collect();
    let applied: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();

    assert_eq!(applied, 33);
    let budget = at_once(records.get("acme", "budgets", "b")).unwrap().unwrap();
    assert_eq!(budget.counters["spent"], 99);
}

#[test]
fn a_token_is_remembered_for_its_time_and_then_forgotten() {
    let (host, records) = store();
    let count = || {
        let write = Write::add("counters", "c", [("count", 1)]);
        let commit = Commit::new("acme", vec![write]).with_token("once");
        at_once(records.commit(commit)).unwrap();
        at_once(records.get("acme", "counters", "c")).unwrap().unwrap().counters["count"]
    };

    assert_eq!(count(), 1);
    host.advance(TOKEN_MEMORY - Duration::from_millis(1));
    assert_eq!(count(), 1);
    host.advance(Duration::from_millis(1));
    assert_eq!(count(), 2);
}
