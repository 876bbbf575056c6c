//! Connections that break while a commit is under way.

use std::cell::Cell;

use futures::future::{join, join_all};

use super::{Books, Room, applied};
use crate::proxy::Break;

/// How often a connection breaks in each way.
const ROUNDS: usize = 20;
/// An exchange is few pieces long; those of opening a connection are counted, too.
const PIECES: usize = 5;
const WRITERS: usize = 16;

pub(super) async fn check(room: &Room<'_>) {
    a_token_makes_trying_again_safe(room).await;
    without_a_token_nothing_is_tried_again_that_may_have_been_done(room).await;
    cuts_in_a_crowd_apply_nothing_twice(room).await;
}

async fn a_token_makes_trying_again_safe(room: &Room<'_>) {
    let books = Books::new(&room.open());
    for (round, at) in breaks() {
        let id = format!("{round:04}");
        room.proxy.plan(Some(at));
        let first = books.book(&id).await;
        room.proxy.plan(None);
        if let Err(error) = &first {
            room.assert_unavailable(error);
        }

        let again = books.book(&id).await;

        assert!(applied(&again), "after a break at {at:?}: {again:?}");
        if let Ok(first) = &first {
            assert_eq!(again.as_ref().ok(), Some(first), "clause 9: the first outcome is returned");
        }
        assert_eq!(books.kept().await.len(), round + 1, "clause 9: applied once, broken at {at:?}");
    }
}

async fn without_a_token_nothing_is_tried_again_that_may_have_been_done(room: &Room<'_>) {
    let records = room.open();
    for (_, at) in breaks() {
        let books = Books::new(&records);
        assert!(applied(&books.book("before").await));
        room.proxy.plan(Some(at));
        let result = records.commit(books.booking("once")).await;
        room.proxy.plan(None);

        let count = records.get(&books.tenant, "counters", "c").await.unwrap().unwrap();
        let applied_twice = count.counters["count"] > 2;
        assert!(!applied_twice, "a commit without a token was applied twice, broken at {at:?}");
        match &result {
            Ok(_) => assert_eq!(books.kept().await.len(), 2, "an acknowledged commit is there"),
            Err(error) => room.assert_unavailable(error),
        }
    }
}

async fn cuts_in_a_crowd_apply_nothing_twice(room: &Room<'_>) {
    let books = Books::new(&room.open());
    let (done, cuts) = (Cell::new(0), Cell::new(0));
    let writer = async |writer: usize| {
        for number in 0..ROUNDS {
            let id = format!("{writer:02}-{number:02}");
            loop {
                match books.book(&id).await {
                    Err(error) => room.assert_unavailable(&error),
                    result => break assert!(applied(&result), "{result:?}"),
                }
            }
            done.set(done.get() + 1);
        }
    };
    let cutter = async {
        while done.get() < WRITERS * ROUNDS {
            let before = done.get();
            room.proxy.cut();
            cuts.set(cuts.get() + 1);
            while done.get() < (before + WRITERS / 2).min(WRITERS * ROUNDS) {
                tokio::task::yield_now().await;
            }
        }
    };

    join(join_all((0..WRITERS).map(writer)), cutter).await;

    assert!(cuts.get() >= ROUNDS, "the connections were cut {} times", cuts.get());
    assert_eq!(books.kept().await.len(), WRITERS * ROUNDS, "every commit was applied once");
}

/// Breaks of every kind, numbered.
fn breaks() -> impl Iterator<Item = (usize, (Break, usize))> {
    let kinds = (0..PIECES).flat_map(|pieces| [(Break::Reply, pieces), (Break::Request, pieces)]);
    kinds.cycle().take(2 * ROUNDS).enumerate()
}
