//! Clause 7: expiry.

use std::time::Duration;

use dormouse_core::ports::{MAX_WRITES, Page, Record, Refusal, Version, When, Write};

use super::{Room, counters, fresh};

/// Long enough for a slow store to write before it is over, short enough to wait for.
const SOON: Duration = Duration::from_millis(1500);
/// A whole second more, for clocks that count in seconds.
const AFTER: Duration = Duration::from_millis(2500);

/// Commits of records that expire a little before those that are looked at: a store that clears away
/// what has expired whenever it writes shall not have come to these when they are looked at.
const CLUTTER: usize = 12;

/// One collection, so that all of it expires while the suite waits once.
struct Shelf<'a> {
    room: &'a Room<'a>,
    collection: String,
}

pub(super) async fn check(room: &Room<'_>) {
    let shelf = Shelf { room, collection: fresh("expiring") };
    let version = shelf.exists_until_its_time().await;
    room.clock.pass(AFTER).await;
    shelf.is_gone_after_it(version).await;
    shelf.is_created_anew_by_an_addition().await;
    shelf.is_created_anew_by_a_put().await;
    shelf.holds_only_what_lives().await;
}

impl Shelf<'_> {
    async fn get(&self, id: &str) -> Option<Record> {
        self.room.records.get(&self.room.tenant, &self.collection, id).await.unwrap()
    }

    fn put(&self, id: &str, when: When) -> Vec<Write> {
        vec![Write::put_when(&self.collection, id, "new", when)]
    }

    async fn exists_until_its_time(&self) -> Version {
        let (room, collection) = (self.room, &self.collection);
        let sooner = room.clock.now() + SOON;
        for _ in 0..CLUTTER {
            let clutter = || Write::put_until("clutter", fresh("c"), "", sooner, When::Any);
            room.apply((0..MAX_WRITES).map(|_| clutter()).collect()).await;
        }
        let soon = room.clock.now() + SOON + Duration::from_millis(1);
        let fleeting = |id: &str| Write::put_until(collection, id, "old", soon, When::Any);
        room.apply(["a", "b", "c", "d", "e", "f"].map(fleeting).into()).await;
        let count = |id: &str| Write::add(collection, id, [("count", 5)]);
        room.apply(vec![count("b"), count("d"), Write::put(collection, "f", "stays")]).await;
        room.apply(vec![Write::put(collection, "g", "stays")]).await;

        let old = self.get("a").await.unwrap();
        assert_eq!(old.expires_at, Some(soon), "clause 7: a record knows when it expires");
        let all = room.ids(collection, Page::default()).await;
        assert_eq!(all.join(""), "abcdefg", "clause 7: and exists until then");
        let create = self.put("a", When::Absent);
        room.refuses("clause 7: also for conditions", create, 0, Refusal::Condition).await;
        old.version
    }

    async fn is_gone_after_it(&self, version: Version) {
        let room = self.room;
        assert_eq!(self.get("a").await, None, "clause 7: an expired record is not read");
        let left = room.ids(&self.collection, Page { limit: 1, ..Page::default() }).await;
        assert_eq!(left, ["f"], "clause 7: nor does it take a place on a page");
        let stale = self.put("a", When::Version(version));
        room.refuses("clause 7: nor has it a version", stale, 0, Refusal::Condition).await;
        room.applies("clause 7: it is absent", self.put("a", When::Absent)).await;
        let value = self.get("a").await.unwrap().value;
        assert_eq!(value, "new", "clause 7: what replaces it stays");
    }

    async fn is_created_anew_by_an_addition(&self) {
        let add = Write::add_within(&self.collection, "b", [("count", 1)], ("count", 1));
        self.room.applies("clause 7: expired counters are 0", vec![add]).await;

        let record = self.get("b").await.unwrap();
        assert_eq!(record.counters, counters([("count", 1)]), "clause 7: and count from there");
        assert!(record.value.is_empty(), "clause 7: the value does not come back");
        assert_eq!(record.expires_at, None, "clause 7: nor does the expiry");
    }

    async fn is_created_anew_by_a_put(&self) {
        self.room.apply(self.put("d", When::Any)).await;
        let record = self.get("d").await.unwrap();
        assert!(record.counters.is_empty(), "clause 7: a put does not bring the counters back");
    }

    async fn holds_only_what_lives(&self) {
        let (room, collection) = (self.room, &self.collection);
        let gone = room.apply(vec![Write::delete(collection, "e")]).await;
        assert_eq!(gone, [None], "clause 7: deleting what expired changes nothing");
        let now = room.clock.now();
        room.apply(vec![Write::put_until(collection, "h", "", now, When::Any)]).await;
        let left = room.ids(collection, Page::default()).await;
        assert_eq!(left.join(""), "abdfg", "clause 7: there is what was written again, or stays");
    }
}
