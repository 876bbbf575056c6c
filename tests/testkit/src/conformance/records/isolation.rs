//! Clauses 1 (isolation), 3 (read your writes) and 11 (absence is a value).

use dormouse_core::ports::{Page, Write};

use super::{Room, THINGS, fresh};

pub(super) async fn check(room: &Room<'_>) {
    what_is_missing_is_none(room).await;
    a_record_comes_back_as_it_was_written(room).await;
    tenants_do_not_meet(room).await;
    collections_do_not_meet(room).await;
}

async fn what_is_missing_is_none(room: &Room<'_>) {
    assert_eq!(room.get(&fresh("nothing")).await, None, "clause 11: a missing record is `None`");
    let page = room.ids(&fresh("nowhere"), Page::default()).await;
    assert!(page.is_empty(), "clause 11: an empty collection is an empty page, not {page:?}");
}

async fn a_record_comes_back_as_it_was_written(room: &Room<'_>) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    for value in [every_byte, Vec::new(), "käse 🧀".into()] {
        let id = fresh("record");
        let version = room.apply(vec![Write::put(THINGS, &id, value.clone())]).await[0];

        let record = room.get(&id).await.unwrap();
        assert_eq!(record.value, value, "clause 3: a value is read as it was written");
        assert_eq!(record.id, id, "clause 3: a record knows its id");
        assert_eq!(Some(record.version), version, "clause 3: and the version it was given");
        assert_eq!(record.expires_at, None, "clause 3: and expires only if told to");
        assert!(record.counters.is_empty(), "clause 3: and has no counters of its own");

        let page = room.records.page(&room.tenant, THINGS, Page::default()).await.unwrap();
        assert!(page.contains(&record), "clause 3: a page shows the same record");
    }
}

/// Names that would meet if a store glued them together.
async fn tenants_do_not_meet(room: &Room<'_>) {
    let mine = room.tenant.as_str();
    let neighbours = [
        (format!("{mine}:a"), "b", "c"),
        (mine.to_owned(), "a:b", "c"),
        (format!("{mine}:a:b"), "c", "c"),
        (mine.to_owned(), "a", "b:c"),
        (format!("{mine}/a"), "b", "c"),
        (mine.to_owned(), "a/b", "c"),
        (format!("{mine}%"), "b", "c"),
        (format!("{mine}{{x}}"), "b", "c"),
        (mine.to_uppercase(), "b", "c"),
        (format!("{mine} "), "b", "c"),
        (format!("{mine}\u{301}"), "b", "c"),
    ];
    for (number, (tenant, collection, id)) in neighbours.iter().enumerate() {
        room.next_door(tenant)
            .apply(vec![Write::put(*collection, *id, number.to_string().into_bytes())])
            .await;
    }
    for (number, (tenant, collection, id)) in neighbours.iter().enumerate() {
        let record = room.records.get(tenant, collection, id).await.unwrap().unwrap();
        assert_eq!(
            record.value,
            number.to_string(),
            "clause 1: ({tenant:?}, {collection:?}, {id:?}) is a record of its own"
        );
        let page = room.records.page(tenant, collection, Page::default()).await.unwrap();
        assert_eq!(page, [record], "clause 1: and alone in its collection");
    }
    let (tenant, collection, id) = &neighbours[0];
    room.next_door(tenant).apply(vec![Write::delete(*collection, *id)]).await;
    for (tenant, collection, id) in &neighbours[1..] {
        let record = room.records.get(tenant, collection, id).await.unwrap();
        assert!(record.is_some(), "clause 1: deleting one tenant's record leaves {tenant:?}'s");
    }
}

async fn collections_do_not_meet(room: &Room<'_>) {
    let id = fresh("twin");
    room.apply(vec![Write::put("left", &id, "l"), Write::put("right", &id, "r")]).await;

    for (collection, value) in [("left", "l"), ("right", "r")] {
        let record = room.records.get(&room.tenant, collection, &id).await.unwrap().unwrap();
        assert_eq!(record.value, value, "clause 1: one id in two collections is two records");
        assert_eq!(
            room.ids(collection, Page::default()).await,
            [id.as_str()],
            "clause 1: a page shows one collection"
        );
    }
}
