//! Clause 2: all or nothing.

use dormouse_core::ports::{MAX_WRITES, Page, Refusal, When, Write};
use futures::future::{join, join_all};

use super::{Room, THINGS, fresh};

pub(super) async fn check(room: &Room<'_>) {
    a_full_commit_is_applied_in_order(room).await;
    a_refusal_in_the_last_write_undoes_all_others(room).await;
    no_page_shows_half_a_commit(room).await;
    who_has_seen_one_write_sees_the_others(room).await;
}

fn ids(name: &str) -> Vec<String> {
    (0..MAX_WRITES).map(|number| format!("{name}-{number:02}")).collect()
}

async fn a_full_commit_is_applied_in_order(room: &Room<'_>) {
    let ids = ids(&fresh("full"));
    room.put(&ids[1], "to be deleted").await;
    let writes = ids.iter().enumerate().map(|(number, id)| match number {
        1 => Write::delete(THINGS, id),
        2 => Write::add(THINGS, id, [("count", 2)]),
        _ => Write::put(THINGS, id, id.clone()),
    });

    let versions = room.apply(writes.collect()).await;

    assert_eq!(versions.len(), MAX_WRITES, "clause 2: every write has its place in the outcome");
    for (number, (id, version)) in ids.iter().zip(versions).enumerate() {
        assert_eq!(
            room.version(id).await,
            version,
            "clause 2: write {number} is applied, with the version in its place"
        );
        assert_eq!(version.is_none(), number == 1, "clause 2: only a delete leaves no version");
    }
}

async fn a_refusal_in_the_last_write_undoes_all_others(room: &Room<'_>) {
    let ids = ids(&fresh("refused"));
    let (last, others) = ids.split_last().unwrap();
    let kept = room.put(&others[0], "kept").await;
    room.put(&others[1], "not deleted").await;
    room.apply(vec![Write::add(THINGS, &others[2], [("count", 1)])]).await;
    room.put(last, "taken").await;
    let before = join_all(ids.iter().map(|id| room.get(id))).await;

    for (write, why) in [
        (Write::put_when(THINGS, last, "late", When::Absent), Refusal::Condition),
        (Write::delete_when(THINGS, last, When::Version(kept)), Refusal::Condition),
        (Write::add_within(THINGS, last, [("count", 2)], ("count", 1)), Refusal::Ceiling),
    ] {
        let claim = format!("clause 2: after {write:?}");
        let writes = others.iter().enumerate().map(|(number, id)| match number {
            1 => Write::delete(THINGS, id),
            2 => Write::add(THINGS, id, [("count", 1)]),
            _ => Write::put(THINGS, id, "half"),
        });
        room.refuses(&claim, writes.chain([write]).collect(), MAX_WRITES - 1, why).await;

        let after = join_all(ids.iter().map(|id| room.get(id))).await;
        assert_eq!(after, before, "{claim} no write left a mark");
    }
}

async fn no_page_shows_half_a_commit(room: &Room<'_>) {
    let collection = fresh("page");
    let ids = ids("p");
    let write = async |round: usize| {
        let value = || round.to_string().into_bytes();
        room.apply(ids.iter().map(|id| Write::put(&collection, id, value())).collect()).await;
    };
    write(0).await;
    let writer = async {
        for round in 1..=20 {
            write(round).await;
        }
    };
    let reader = async {
        for _ in 0..40 {
            let page = room.records.page(&room.tenant, &collection, Page::default()).await.unwrap();
            let values: Vec<_> = page.iter().map(|record| &record.value).collect();
            assert_eq!(values.len(), MAX_WRITES, "clause 2: a page shows all of a commit");
            assert!(
                values.iter().all(|value| *value == values[0]),
                "clause 2: a page shows one commit or another, not some of each: {values:?}"
            );
        }
    };
    join(writer, reader).await;
}

async fn who_has_seen_one_write_sees_the_others(room: &Room<'_>) {
    let (first, last) = (fresh("first"), fresh("last"));
    let number = async |id: &str| -> u32 {
        let record = room.get(id).await.unwrap();
        std::str::from_utf8(&record.value).unwrap().parse().unwrap()
    };
    let write = async |round: usize| {
        let value = || round.to_string().into_bytes();
        let writes = [&last, &first].map(|id| Write::put(THINGS, id, value()));
        room.apply(writes.into()).await;
    };
    write(0).await;
    let writer = async {
        for round in 1..=40 {
            write(round).await;
        }
    };
    let reader = async {
        for _ in 0..80 {
            let (seen, then) = (number(&first).await, number(&last).await);
            assert!(then >= seen, "clause 2: a commit seen in one record is seen in all");
        }
    };
    join(writer, reader).await;
}
