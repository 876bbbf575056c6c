//! Clause 8: order.

use dormouse_core::ports::{MAX_WRITES, Page, Write};

use super::{Room, fresh};

/// In byte order, which is neither that of a dictionary nor that of UTF-16.
const IDS: [&str; 24] = [
    "\u{1}", " ", "!", "%", "%25", "'", "*", "/", "/a", "0", "10", "9", ":", ":a", "A", "Z", "[",
    "_", "a", "a/b", "a:b", "z", "é", "\u{ffee}",
];
/// After everything else in bytes, before some of it in UTF-16.
const LAST: &str = "🧀";

pub(super) async fn check(room: &Room<'_>) {
    ids_are_in_byte_order(room).await;
    bounds_and_limits_cut_a_page(room).await;
    pages_follow_each_other_without_gap_or_repetition(room).await;
}

async fn odd_collection(room: &Room<'_>) -> String {
    let collection = fresh("odd: %/'");
    let ids = IDS.iter().rev().chain([&LAST]);
    room.apply(ids.map(|id| Write::put(&collection, *id, *id)).collect()).await;
    collection
}

async fn ids_are_in_byte_order(room: &Room<'_>) {
    let collection = odd_collection(room).await;
    let mut expected: Vec<_> = IDS.into_iter().chain([LAST]).collect();
    expected.sort_unstable();

    let page = room.records.page(&room.tenant, &collection, Page::default()).await.unwrap();
    let ids: Vec<_> = page.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, expected, "clause 8: a page is in the byte order of ids");
    assert!(page.iter().all(|record| record.value == record.id), "clause 8: each with its value");
    for id in &expected {
        let record = room.records.get(&room.tenant, &collection, id).await.unwrap();
        assert!(page.contains(&record.unwrap()), "clause 8: {id:?} can be read on its own");
    }

    expected.reverse();
    let descending = Page { descending: true, ..Page::default() };
    let ids = room.ids(&collection, descending).await;
    assert_eq!(ids, expected, "clause 8: or in its reverse");
}

async fn bounds_and_limits_cut_a_page(room: &Room<'_>) {
    let collection = fresh("cut");
    let letters = ["a", "b", "b/1", "b/2", "c", "d"];
    room.apply(letters.map(|id| Write::put(&collection, id, "")).into()).await;
    // A neighbour on each side, which no bound may let in.
    room.apply(vec![Write::put(format!("{collection} "), "b", "")]).await;
    room.apply(vec![Write::put(&collection[..collection.len() - 1], "b", "")]).await;

    for (after, before, limit, up, down) in [
        (None, None, 100, "a b b/1 b/2 c d", "d c b/2 b/1 b a"),
        (Some("b"), None, 100, "b/1 b/2 c d", "d c b/2 b/1"),
        (None, Some("c"), 100, "a b b/1 b/2", "b/2 b/1 b a"),
        (Some("b/"), Some("b0"), 100, "b/1 b/2", "b/2 b/1"),
        (Some("aa"), Some("cc"), 2, "b b/1", "c b/2"),
        (Some("b"), Some("b/1"), 100, "", ""),
        (Some("c"), Some("b"), 100, "", ""),
        (Some("c"), Some("c"), 100, "", ""),
        (Some("d"), None, 100, "", ""),
        (None, Some("a"), 100, "", ""),
        (Some(""), None, 1, "a", "d"),
        (None, Some(""), 100, "", ""),
        (None, None, 1, "a", "d"),
        (None, None, 1000, "a b b/1 b/2 c d", "d c b/2 b/1 b a"),
    ] {
        for (descending, expected) in [(false, up), (true, down)] {
            let (after, before) = (after.map(Into::into), before.map(Into::into));
            let page = Page { after, before, limit, descending };
            let ids = room.ids(&collection, page.clone()).await;
            assert_eq!(ids.join(" "), expected, "clause 8: {page:?}");
        }
    }
}

async fn pages_follow_each_other_without_gap_or_repetition(room: &Room<'_>) {
    let collection = fresh("long");
    let ids: Vec<_> = (0..4 * MAX_WRITES).map(|number| format!("{number:03}")).collect();
    for some in ids.chunks(MAX_WRITES) {
        room.apply(some.iter().map(|id| Write::put(&collection, id, "")).collect()).await;
    }
    for descending in [false, true] {
        let (mut read, mut page) = (Vec::new(), Page { limit: 7, descending, ..Page::default() });
        loop {
            let some = room.ids(&collection, page.clone()).await;
            let Some(last) = some.last() else { break };
            let bound = if descending { &mut page.before } else { &mut page.after };
            *bound = Some(last.clone());
            read.extend(some);
        }
        if descending {
            read.reverse();
        }
        assert_eq!(read, ids, "clause 8: page by page every record comes once");
    }
}
