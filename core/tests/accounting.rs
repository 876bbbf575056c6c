//! Money: what is held, settled, reclaimed, and never passed.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    accounting::{Booked, Hold, Ledger, Outcome, Reserved},
    chat::Usage,
    keys::Caller,
    memory::MemoryRecords,
    money::{NanoDollars, Price},
    operation::Operation,
    ports::{self, Commit, Page, Record, Records, Version, When, Write},
    rates::Limits,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, future::join_all};

const HOLD_TTL: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

struct Books {
    host: Arc<TestHost>,
    records: Arc<dyn Records>,
    ledger: Ledger,
}

impl Books {
    fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let records: Arc<dyn Records> = Arc::new(MemoryRecords::new(host.clone()));
        let ledger = Ledger::new(records.clone(), host.clone(), HOLD_TTL, DAY);
        Self { host, records, ledger }
    }

    /// Another gateway with the same store.
    fn colleague(&self) -> Ledger {
        Ledger::new(self.records.clone(), self.host.clone(), HOLD_TTL, DAY)
    }

    /// Limit, settled, held.
    fn balance(&self) -> (i64, i64) {
        let balance = at_once(self.ledger.balance("acme", "key", NanoDollars(100))).unwrap();
        (balance.settled.0, balance.held.0)
    }
}

fn caller() -> Caller {
    let budget = Some(NanoDollars(100));
    Caller {
        tenant: "acme".into(),
        key: "key".into(),
        budget,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    }
}

fn reserve(ledger: &Ledger, amount: i64) -> Result<Hold> {
    at_once(ledger.reserve(
        &caller(),
        (Operation::Chat, "provider", "model"),
        NanoDollars(amount),
        Some("id".into()),
    ))
}

fn settle(ledger: &Ledger, hold: &Hold, cost: i64) {
    let mut receipt = hold.draft(Outcome::Completed);
    receipt.cost = NanoDollars(cost);
    at_once(ledger.settle(hold, &receipt)).unwrap();
}

/// Nothing here waits: the store is a map.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

#[test]
fn a_hold_is_replaced_by_the_real_cost() {
    let books = Books::new();
    let hold = reserve(&books.ledger, 80).unwrap();
    assert_eq!(books.balance(), (0, 80));
    settle(&books.ledger, &hold, 30);
    assert_eq!(books.balance(), (30, 0));
}

#[test]
fn settling_again_with_the_same_receipt_books_nothing_more() {
    let books = Books::new();
    let hold = reserve(&books.ledger, 80).unwrap();
    settle(&books.ledger, &hold, 30);
    settle(&books.ledger, &hold, 30);
    assert_eq!(books.balance(), (30, 0));
}

#[test]
fn a_budget_is_never_passed_by_two_gateways() {
    let books = Books::new();
    let colleague = books.colleague();
    let caller = caller();
    let attempts = (0..40).map(|turn| {
        let ledger = if turn % 2 == 0 { &books.ledger } else { &colleague };
        ledger.reserve(&caller, (Operation::Chat, "provider", "model"), NanoDollars(9), None)
    });
    let results = at_once(join_all(attempts));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 11);
    assert_eq!(books.balance(), (0, 99));
}

#[test]
fn over_budget_says_what_is_left_and_when_to_come_back() {
    let books = Books::new();
    reserve(&books.ledger, 70).unwrap();
    let error = reserve(&books.ledger, 31).unwrap_err();
    assert_eq!(error.code(), Code::OverBudget);
    assert!(error.delay().is_some());
    let details = error.details().unwrap();
    assert_eq!(details["scope"], "key");
    assert_eq!(details["remaining"], "0.000000030");
    assert_eq!(details["required"], "0.000000031");
}

#[test]
fn a_call_that_died_with_its_process_frees_its_hold_and_leaves_a_receipt() {
    let books = Books::new();
    let lost = reserve(&books.ledger, 100).unwrap();
    assert!(reserve(&books.ledger, 1).is_err());

    books.host.advance(HOLD_TTL + Duration::from_millis(1));

    let colleague = books.colleague();
    assert!(reserve(&colleague, 100).is_ok(), "whoever needs the money reclaims it");
    assert_eq!(books.balance(), (0, 100));
    let receipt = at_once(books.ledger.receipt("acme", lost.receipt())).unwrap();
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Lost, NanoDollars(0)));
}

#[test]
fn a_call_that_outlives_its_hold_is_booked_all_the_same() {
    let books = Books::new();
    let slow = reserve(&books.ledger, 60).unwrap();
    books.host.advance(HOLD_TTL + Duration::from_millis(1));
    assert_eq!(books.balance(), (0, 0), "its hold was reclaimed");

    settle(&books.ledger, &slow, 25);
    settle(&books.ledger, &slow, 25);

    assert_eq!(books.balance(), (25, 0));
    let receipt = at_once(books.ledger.receipt("acme", slow.receipt())).unwrap();
    assert_eq!(receipt.outcome, Outcome::Completed, "the real receipt replaces the lost one");
}

/// A store whose answers may be lost on the way, and which nobody may ask to remember a commit: a busy
/// gateway would have it remember hundreds each second.
#[derive(Debug)]
struct Lossy {
    records: MemoryRecords,
    /// Whether the next commits are applied and their answers lost.
    losing: Mutex<Vec<bool>>,
}

#[async_trait]
impl Records for Lossy {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.records.page(tenant, collection, page).await
    }

    async fn commit(&self, commit: Commit) -> Result<ports::Outcome> {
        assert_eq!(commit.token, None, "each booking is told apart by what it changes");
        let outcome = self.records.commit(commit).await?;
        match self.losing.lock().unwrap().pop() {
            Some(true) => Err(Error::new(Code::StoreUnavailable, "the answer was lost")),
            _ => Ok(outcome),
        }
    }
}

#[test]
fn a_settlement_whose_answer_was_lost_is_booked_once() {
    // In time, and late; the last of each list is the first commit's.
    for (late, losing) in
        [(false, vec![true]), (false, vec![true, true]), (true, vec![true, false, true])]
    {
        let host = Arc::new(TestHost::new());
        let records = MemoryRecords::new(host.clone());
        let lossy = Arc::new(Lossy { records, losing: Mutex::default() });
        let ledger = Ledger::new(lossy.clone(), host.clone(), HOLD_TTL, Duration::ZERO);
        let hold = reserve(&ledger, 60).unwrap();
        if late {
            host.advance(HOLD_TTL + Duration::from_millis(1));
            at_once(ledger.reclaim("acme")).unwrap();
        }
        let mut receipt = hold.draft(Outcome::Completed);
        receipt.cost = NanoDollars(25);
        *lossy.losing.lock().unwrap() = losing.clone();

        let mut settling = Box::pin(ledger.settle(&hold, &receipt));
        while (&mut settling).now_or_never().is_none() {
            host.advance(Duration::from_secs(1));
        }

        let balance = at_once(ledger.balance("acme", "key", NanoDollars(100))).unwrap();
        assert_eq!((balance.settled.0, balance.held.0), (25, 0), "{late} {losing:?}");
        let booked = at_once(ledger.receipt("acme", hold.receipt())).unwrap();
        assert_eq!(booked.outcome, Outcome::Completed);
        assert_eq!(mem::take(&mut *lossy.losing.lock().unwrap()), [] as [bool; 0]);
    }
}

#[test]
fn a_caller_without_a_budget_still_gets_receipts() {
    let books = Books::new();
    let caller = Caller { budget: None, ..caller() };
    let hold = at_once(books.ledger.reserve(
        &caller,
        (Operation::Chat, "provider", "model"),
        NanoDollars(5),
        None,
    ))
    .unwrap();
    let mut receipt = hold.draft(Outcome::Completed);
    receipt.cost = NanoDollars(3);
    at_once(books.ledger.settle(&hold, &receipt)).unwrap();

    let receipts = at_once(books.ledger.receipts("acme", None, 10)).unwrap();
    assert_eq!(receipts, [receipt]);
    assert!(at_once(books.ledger.receipts("globex", None, 10)).unwrap().is_empty());
}

#[test]
fn every_kind_of_token_has_its_price() {
    let price = Price {
        input: NanoDollars(1_000_000),
        cached_input: Some(NanoDollars(100_000)),
        cache_write: Some(NanoDollars(1_250_000)),
        output: NanoDollars(5_000_000),
        reasoning: Some(NanoDollars(4_000_000)),
    };
    let usage = Usage {
        input: 1000,
        cached_input: 300,
        cache_write: 200,
        output: 100,
        reasoning: 40,
        ..Usage::default()
    };
    assert_eq!(price.of(&usage), NanoDollars(500 + 30 + 250 + 300 + 160));
    assert!(price.at_most(1000, 100) >= price.of(&usage), "a hold covers every way to count");
    let cheap = Price { input: NanoDollars(1), ..Price::default() };
    assert_eq!(cheap.of(&Usage { input: 1, ..Usage::default() }), NanoDollars(1), "rounded up");
}

/// A write beside a hold or a receipt.
fn note(when: When) -> Write {
    Write::put_when("notes", "one", "beside", when)
}

impl Books {
    fn note(&self) -> Option<Version> {
        at_once(self.records.get("acme", "notes", "one")).unwrap().map(|record| record.version)
    }

    fn reserve_with(&self, amount: i64, beside: &[Write]) -> Result<Reserved> {
        let call = (Operation::Chat, "provider", "model");
        let draft = self.ledger.draft(&caller(), call, NanoDollars(amount), None);
        at_once(self.ledger.reserve_with(&caller(), draft.in_conversation("c"), beside))
    }
}

#[test]
fn what_stands_beside_a_hold_is_written_with_it_or_nothing_is_held() {
    let books = Books::new();
    assert_eq!(
        books.reserve_with(101, &[note(When::Absent)]).unwrap_err().code(),
        Code::OverBudget
    );
    assert_eq!(books.note(), None);

    let Reserved::Held(hold, versions) = books.reserve_with(80, &[note(When::Absent)]).unwrap()
    else {
        panic!("nothing stands in the way")
    };
    assert_eq!(versions, [books.note()]);
    assert_eq!(books.balance(), (0, 80));

    let other = Write::put_when("notes", "two", "", When::Absent);
    let refused = books.reserve_with(10, &[other, note(When::Absent)]).unwrap();
    assert_eq!(refused, Reserved::Refused(1), "the second of them is there already");
    assert_eq!(books.balance(), (0, 80));
    assert_eq!(hold.draft(Outcome::Lost).conversation.as_deref(), Some("c"));
}

#[test]
fn what_stands_beside_a_settlement_is_written_with_it_and_keeps_no_call_from_being_booked() {
    let books = Books::new();
    for (when, settled) in [(When::Absent, 30), (When::Absent, 60), (When::Any, 90)] {
        let before = books.note();
        let hold = reserve(&books.ledger, 40).unwrap();
        let mut receipt = hold.draft(Outcome::Completed);
        receipt.cost = NanoDollars(30);
        let booked = at_once(books.ledger.settle_with(&hold, &receipt, &[note(when)])).unwrap();
        match booked {
            Booked::With(versions) => assert_eq!(versions, [books.note()]),
            Booked::Alone => assert_eq!((when, books.note()), (When::Absent, before)),
            Booked::Before => panic!("it was not booked before"),
        }
        assert_eq!(books.balance(), (settled, 0));
    }
}
