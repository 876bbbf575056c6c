//! Clause 8: order.

use dormouse_core::ports::BlobPage;
use futures::future::join_all;

use super::{Shelf, fresh};

/// In byte order, which is neither that of a dictionary nor that of UTF-16.
const NAMES: [&str; 22] = [
    "\u{1}", " ", "!", "%", "%25", "-", ".", "..", "/", "/a", "0", "10", "9", ":", "A", "Z", "_",
    "a", "a/b", "z", "é", "🧀",
];

pub(super) async fn check(shelf: &Shelf<'_>) {
    let shelf = shelf.next_door(fresh("list"));
    let written = join_all(NAMES.iter().rev().map(|name| shelf.put(name, *name))).await;
    assert!(written.iter().all(|written| *written), "clause 3: every name is free");
    names_are_in_byte_order(&shelf).await;
    pages_follow_each_other_without_gap_or_repetition(&shelf).await;
}

fn page(after: Option<&str>, limit: u32) -> BlobPage {
    BlobPage { after: after.map(Into::into), limit }
}

async fn names_are_in_byte_order(shelf: &Shelf<'_>) {
    let all = shelf.names(page(None, 1000)).await;
    assert_eq!(all, NAMES, "clause 8: names are in byte order");
    let first = shelf.names(page(None, 1)).await;
    assert_eq!(first, NAMES[..1], "clause 8: from the first");
    for (at, name) in NAMES.iter().enumerate() {
        let rest = shelf.names(page(Some(name), 1000)).await;
        assert_eq!(rest, NAMES[at + 1..], "clause 8: after {name:?} comes the next one");
    }
    for (after, expected) in [("", "\u{1}"), ("/b", "0"), ("ZZ", "_"), ("b", "z")] {
        let next = shelf.names(page(Some(after), 1)).await;
        assert_eq!(next, [expected], "clause 8: a bound need not be a name");
    }
}

async fn pages_follow_each_other_without_gap_or_repetition(shelf: &Shelf<'_>) {
    let (mut read, mut next) = (Vec::new(), page(None, 5));
    loop {
        let some = shelf.names(next.clone()).await;
        assert!(some.len() <= 5, "clause 8: no more than asked for");
        let Some(last) = some.last() else { break };
        next.after = Some(last.clone());
        read.extend(some);
    }
    assert_eq!(read, NAMES, "clause 8: page by page every name comes once");
}
