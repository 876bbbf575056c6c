//! A server that is killed while it works, and started again.

use std::{cell::Cell, collections::BTreeSet};

use futures::future::{join, join_all};
use tokio::sync::Notify;

use super::{Books, Room, applied};

const ROUNDS: usize = 3;
const WRITERS: usize = 16;
/// How many commits are acknowledged before the server dies.
const ACKNOWLEDGED: usize = 60;

pub(super) async fn check(room: &mut Room<'_>) {
    what_was_acknowledged_survives_and_the_rest_is_whole_or_absent(room).await;
}

async fn what_was_acknowledged_survives_and_the_rest_is_whole_or_absent(room: &mut Room<'_>) {
    let books = Books::new(&room.open());
    let mut expected = BTreeSet::new();
    for round in 0..ROUNDS {
        let (acknowledged, unsure) = work_until_death(room, &books, round).await;
        room.site.server.restart().await;

        let kept = books.kept().await;
        expected.extend(acknowledged);
        let lost: Vec<_> = expected.difference(&kept).collect();
        assert!(lost.is_empty(), "clause 12: acknowledged, and lost: {lost:?}");
        let unknown: Vec<_> =
            kept.difference(&expected).filter(|id| !unsure.contains(*id)).collect();
        assert!(unknown.is_empty(), "nobody has asked for {unknown:?}");

        // Tokens survive with what was done under them.
        for id in unsure {
            let again = books.book(&id).await;
            assert!(applied(&again), "the store is back: {again:?}");
            expected.insert(id);
        }
        for id in &expected {
            assert!(applied(&books.book(id).await));
        }
        assert_eq!(books.kept().await, expected, "clause 9: every commit was applied once");
    }
}

/// Commits until the server, which is killed in the middle, is gone. Returns what was acknowledged, and
/// what was not.
async fn work_until_death(
    room: &mut Room<'_>,
    books: &Books,
    round: usize,
) -> (Vec<String>, BTreeSet<String>) {
    let (count, enough) = (Cell::new(0), Notify::new());
    let mut errors = Vec::new();
    let writer = async |writer: usize| {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            let id = format!("{round}-{writer:02}-{number:04}");
            match books.book(&id).await {
                Err(error) => return (acknowledged, id, error),
                result => assert!(applied(&result), "{result:?}"),
            }
            acknowledged.push(id);
            count.set(count.get() + 1);
            if count.get() >= ACKNOWLEDGED {
                enough.notify_one();
            }
        }
        unreachable!("the server dies before numbers run out")
    };
    let server = &mut room.site.server;
    let killer = async {
        enough.notified().await;
        server.kill().await;
    };
    let (ends, ()) = join(join_all((0..WRITERS).map(writer)), killer).await;

    let (mut acknowledged, mut unsure) = (Vec::new(), BTreeSet::new());
    for (ids, id, error) in ends {
        acknowledged.extend(ids);
        unsure.insert(id);
        errors.push(error);
    }
    errors.iter().for_each(|error| room.assert_unavailable(error));
    (acknowledged, unsure)
}
