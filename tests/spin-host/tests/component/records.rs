//! The contract of the store, kept inside the component on a real SQLite file.

use std::{path::Path, thread};

use crate::host::{Host, database};

#[test]
fn every_clause_of_the_contract_holds() {
    let host = Host::start(&database("contract"));
    let (status, body) = host.post("/conformance/records");
    assert_eq!((status, body.as_str()), (200, "every clause holds"));
}

#[test]
fn every_clause_of_the_queues_contract_holds() {
    let host = Host::start(&database("queue"));
    let (status, body) = host.post("/conformance/queue");
    assert_eq!((status, body.as_str()), (200, "every clause holds"));
}

#[test]
fn a_ceiling_is_never_passed_by_three_processes() {
    let database = database("race");
    let hosts: Vec<_> = (0..3).map(|_| Host::start(&database)).collect();
    let applied: usize = thread::scope(|scope| {
        let races: Vec<_> =
            hosts.iter().map(|host| scope.spawn(|| host.post("/conformance/race/acme"))).collect();
        races.into_iter().map(|race| applied(&race.join().unwrap())).sum()
    });
    assert_eq!(applied, 100);
}

#[test]
fn what_was_acknowledged_survives_a_killed_process() {
    let database = database("durable");
    let before = applied(&Host::start(&database).post("/conformance/race/acme"));
    let again = Host::start(&database);
    let after: usize = (0..2).map(|_| applied(&again.post("/conformance/race/acme"))).sum();
    assert_eq!((before, after), (50, 50), "of 100 in all, those of the killed process count");
}

#[test]
fn a_store_that_cannot_be_opened_is_unavailable() {
    let host = Host::start(Path::new("/nonexistent/folder/store.db"));
    assert_eq!(host.post("/conformance/race/acme").1, "0 applied, 50 failed");
}

/// How many writes a race says it applied; none may have failed otherwise.
pub(crate) fn applied((status, body): &(u16, String)) -> usize {
    assert_eq!(*status, 200, "{body}");
    body.strip_suffix(" applied, 0 failed").expect(body).parse().unwrap()
}
