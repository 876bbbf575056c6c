//! What each call asks of DynamoDB, which is what it costs.

use std::{sync::Arc, time::Duration};

use dormouse_core::ports::{Commit, Host, Outcome, Page, Records, When, Write};
use dormouse_testkit::{fakes::TestHost, ministack::MiniStack};

use super::{open, tap::Tap};

async fn apply(records: &dyn Records, write: Write) {
    let outcome = records.commit(Commit::new("acme", vec![write])).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
}

#[tokio::test]
async fn each_call_is_the_least_that_it_can_be() {
    let server = MiniStack::start().await;
    let tap = Tap::before(server.endpoint()).await;
    let host = Arc::new(TestHost::new());
    let records = open(&tap.endpoint, &host);
    assert!(tap.operations().is_empty(), "nothing is asked for before the first call");
    records.get("acme", "things", "a").await.unwrap();
    assert_eq!(tap.operations().last().unwrap(), "GetItem");

    let soon = host.now() + Duration::from_secs(1);
    for (write, operation) in [
        (Write::put("things", "a", "value"), "UpdateItem"),
        (Write::put_when("things", "b", "value", When::Absent), "PutItem"),
        (Write::add("things", "a", [("count", 1)]), "UpdateItem"),
        (Write::add_within("things", "c", [("count", 1)], ("count", 5)), "UpdateItem"),
        (Write::delete("things", "b"), "DeleteItem"),
        (Write::delete_when("things", "b", When::Absent), "DeleteItem"),
        (Write::put_until("things", "d", "value", soon, When::Any), "UpdateItem"),
    ] {
        apply(&records, write.clone()).await;
        assert_eq!(tap.operations(), [operation], "{write:?}");
    }

    let two = vec![Write::put("things", "a", ""), Write::delete("things", "c")];
    records.commit(Commit::new("acme", two)).await.unwrap();
    assert_eq!(tap.operations(), ["TransactWriteItems"], "several writes are one transaction");
    let token = Commit::new("acme", vec![Write::put("things", "a", "")]).with_token("token");
    for _ in 0..2 {
        records.commit(token.clone()).await.unwrap();
        assert_eq!(
            tap.operations(),
            ["TransactWriteItems"],
            "so is one with a token, and its replay"
        );
    }

    records.page("acme", "things", Page { limit: 1, ..Page::default() }).await.unwrap();
    assert_eq!(tap.operations(), ["Query"], "one record is read once");
    records.page("acme", "things", Page::default()).await.unwrap();
    assert_eq!(tap.operations(), ["Query", "Query"], "several are read until two readings agree");
}

#[tokio::test]
async fn what_has_expired_costs_a_second_write_and_no_more() {
    let server = MiniStack::start().await;
    let tap = Tap::before(server.endpoint()).await;
    let host = Arc::new(TestHost::new());
    let records = open(&tap.endpoint, &host);
    let soon = host.now() + Duration::from_secs(1);
    for id in ["a", "b"] {
        apply(&records, Write::put_until("things", id, "old", soon, When::Any)).await;
        apply(&records, Write::add("things", id, [("count", 5)])).await;
    }
    host.advance(Duration::from_secs(2));
    tap.operations();

    apply(&records, Write::add("things", "a", [("count", 1)])).await;
    assert_eq!(tap.operations(), ["UpdateItem", "PutItem"]);
    apply(&records, Write::put("things", "b", "new")).await;
    assert_eq!(tap.operations(), ["UpdateItem", "PutItem"]);

    let counted = records.get("acme", "things", "a").await.unwrap().unwrap();
    assert_eq!((counted.counters["count"], counted.value.len()), (1, 0));
}

#[tokio::test]
async fn pages_go_on_behind_what_one_query_reads() {
    let server = MiniStack::start().await;
    let tap = Tap::before(server.endpoint()).await;
    let host = Arc::new(TestHost::new());
    let records = open(&tap.endpoint, &host);
    let soon = host.now() + Duration::from_secs(1);
    for number in 0..12 {
        let large = vec![7; 250_000];
        apply(&records, Write::put("large", format!("{number:02}"), large)).await;
        let fleeting = format!("{number:02}");
        apply(&records, Write::put_until("mixed", fleeting, "", soon, When::Any)).await;
    }
    apply(&records, Write::put("mixed", "last", "")).await;
    host.advance(Duration::from_secs(2));

    let large = records.page("acme", "large", Page::default()).await.unwrap();
    assert_eq!(large.len(), 12);
    assert!(
        tap.operations().iter().filter(|name| *name == "Query").count() >= 6,
        "a megabyte a query"
    );
    let one = Page { limit: 1, ..Page::default() };
    let mixed = records.page("acme", "mixed", one).await.unwrap();
    assert_eq!(mixed[0].id, "last", "what has expired takes no place");
    assert_eq!(tap.operations(), ["Query", "Query"], "and is passed in one further query");
}
