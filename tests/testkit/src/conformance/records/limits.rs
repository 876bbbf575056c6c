//! Clause 10: limits.

use dormouse_core::{
    Code, Result,
    ports::{Commit, MAX_ID_BYTES, MAX_VALUE_BYTES, MAX_WRITES, Page, Timestamp, When, Write},
};

use super::{Room, THINGS, fresh};

pub(super) async fn check(room: &Room<'_>) {
    the_largest_values_come_back_whole(room).await;
    the_longest_names_are_kept_whole(room).await;
    the_latest_expiry_is_kept(room).await;
    what_is_beyond_a_limit_is_invalid(room).await;
    names_beyond_a_limit_are_invalid(room).await;
    pages_beyond_a_limit_are_invalid(room).await;
}

async fn the_largest_values_come_back_whole(room: &Room<'_>) {
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(MAX_VALUE_BYTES).collect();
    let full: Vec<_> = (0..Commit::MAX_BYTES / MAX_VALUE_BYTES).map(|_| fresh("large")).collect();
    room.apply(full.iter().map(|id| Write::put(THINGS, id, value.clone())).collect()).await;
    for id in &full {
        let record = room.get(id).await.unwrap();
        assert!(record.value == value, "clause 10: the largest value comes back whole");
    }
}

async fn the_longest_names_are_kept_whole(room: &Room<'_>) {
    // Four bytes a character: a store that counts characters would allow four times as much.
    let long = |number: usize| format!("{}{number:04}", "🧀".repeat(MAX_ID_BYTES / 4 - 1));
    let neighbour = room.next_door(long(1));
    neighbour.apply(vec![Write::put(long(2), long(3), "long names")]).await;
    let record = room.records.get(&long(1), &long(2), &long(3)).await.unwrap();
    assert_eq!(record.unwrap().value, "long names", "clause 10: the longest names are kept whole");
    assert_eq!(room.records.get(&long(1), &long(2), &long(4)).await.unwrap(), None, "clause 1");

    let id = fresh("counters");
    let fields = (0..Write::MAX_COUNTERS).map(|number| (long(number), 1));
    room.apply(vec![Write::add(THINGS, &id, fields)]).await;
    assert_eq!(room.counters(&id).await.len(), Write::MAX_COUNTERS, "clause 10: many counters");
}

async fn the_latest_expiry_is_kept(room: &Room<'_>) {
    let id = fresh("latest");
    let latest = Write::LATEST_EXPIRY;
    room.apply(vec![Write::put_until(THINGS, &id, "", latest, When::Any)]).await;
    let kept = room.get(&id).await.unwrap().expires_at;
    assert_eq!(kept, Some(latest), "clause 10: the latest expiry is kept");
}

async fn what_is_beyond_a_limit_is_invalid(room: &Room<'_>) {
    let too_large = vec![0; MAX_VALUE_BYTES + 1];
    let too_late = Timestamp(Write::LATEST_EXPIRY.0 + 1);
    let too_many = (0..=Write::MAX_COUNTERS).map(|number| (format!("{number}"), 1));
    let put = || Write::put(THINGS, fresh("put"), vec![0; MAX_VALUE_BYTES]);
    let puts = |number: usize| (0..number).map(|_| Write::put(THINGS, fresh("put"), "")).collect();
    let too_much = Commit::MAX_BYTES / MAX_VALUE_BYTES + 1;
    for (what, writes) in [
        ("too large a value", vec![Write::put(THINGS, "large", too_large)]),
        ("too late an expiry", vec![Write::put_until(THINGS, "late", "", too_late, When::Any)]),
        ("too many counters", vec![Write::add(THINGS, "many", too_many)]),
        ("a nameless counter", vec![Write::add(THINGS, "many", [("", 1)])]),
        ("a nameless ceiling", vec![Write::add_within(THINGS, "many", [("a", 1)], ("", 1))]),
        ("too many bytes", (0..too_much).map(|_| put()).collect()),
        ("too many writes", puts(MAX_WRITES + 1)),
        ("no write", Vec::new()),
        ("two writes to one", vec![Write::put(THINGS, "a", ""), Write::delete(THINGS, "a")]),
    ] {
        // What is wrong comes last: what precedes it must have no effect.
        let witness = fresh("witness");
        let mut commit = Commit::new(&room.tenant, writes);
        if !commit.writes.is_empty() {
            commit.writes.insert(0, Write::put(THINGS, &witness, ""));
        }
        invalid(what, &room.records.commit(commit).await);
        assert_eq!(room.get(&witness).await, None, "clause 10: {what} leaves no mark");
    }
    for token in [String::new(), "t".repeat(MAX_ID_BYTES + 1), "a\0b".into()] {
        let commit = Commit::new(&room.tenant, puts(1)).with_token(token);
        invalid("a bad token", &room.records.commit(commit).await);
    }
}

async fn names_beyond_a_limit_are_invalid(room: &Room<'_>) {
    for bad in [String::new(), "x".repeat(MAX_ID_BYTES + 1), "a\0b".into()] {
        let good = room.tenant.as_str();
        for (tenant, collection, id) in
            [(bad.as_str(), "c", "i"), (good, &bad, "i"), (good, "c", &bad)]
        {
            let what = format!("({tenant:?}, {collection:?}, {id:?})");
            for write in [
                Write::put(collection, id, ""),
                Write::delete(collection, id),
                Write::add(collection, id, [("n", 1)]),
            ] {
                let commit = Commit::new(tenant, vec![write]);
                invalid(&what, &room.records.commit(commit).await);
            }
            invalid(&what, &room.records.get(tenant, collection, id).await);
            if id != bad {
                invalid(&what, &room.records.page(tenant, collection, Page::default()).await);
            }
        }
    }
}

async fn pages_beyond_a_limit_are_invalid(room: &Room<'_>) {
    let long = || Some("x".repeat(MAX_ID_BYTES + 1));
    for page in [
        Page { limit: 0, ..Page::default() },
        Page { limit: Page::MAX_LIMIT + 1, ..Page::default() },
        Page { after: long(), ..Page::default() },
        Page { before: long(), ..Page::default() },
    ] {
        let what = format!("{page:?}");
        invalid(&what, &room.records.page(&room.tenant, THINGS, page).await);
    }
}

fn invalid<T: std::fmt::Debug>(what: &str, result: &Result<T>) {
    let code = result.as_ref().map_err(dormouse_core::Error::code);
    assert!(
        matches!(code, Err(Code::InvalidRequest)),
        "clause 10: {what} is an invalid request, not {code:?}"
    );
}
