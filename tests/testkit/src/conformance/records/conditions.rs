//! Clause 4: conditions.

use dormouse_core::ports::{Outcome, Refusal, Version, When, Write};
use futures::future::join_all;

use super::{Room, THINGS, fresh};

pub(super) async fn check(room: &Room<'_>) {
    absent_means_that_there_is_none(room).await;
    a_version_means_that_very_state(room).await;
    the_first_write_that_cannot_be_applied_is_named(room).await;
    one_of_many_creators_wins(room).await;
    one_of_many_writers_of_a_version_wins(room).await;
}

async fn absent_means_that_there_is_none(room: &Room<'_>) {
    let id = fresh("absent");
    let create = || vec![Write::put_when(THINGS, &id, "mine", When::Absent)];
    let delete = || vec![Write::delete_when(THINGS, &id, When::Absent)];

    room.applies("clause 4: what is absent can be created", create()).await;
    room.refuses("clause 4: what exists is not absent", create(), 0, Refusal::Condition).await;
    room.refuses("clause 4: not for a delete either", delete(), 0, Refusal::Condition).await;

    room.apply(vec![Write::delete(THINGS, &id)]).await;
    assert_eq!(room.get(&id).await, None, "clause 4: a deleted record is gone");
    let again = room.apply(vec![Write::delete(THINGS, &id)]).await;
    assert_eq!(again, [None], "clause 4: deleting what is gone changes nothing");
    room.applies("clause 4: what is gone is absent", delete()).await;
    room.applies("clause 4: and can be created again", create()).await;

    let counted = fresh("counted");
    room.apply(vec![Write::add(THINGS, &counted, [("count", 0)])]).await;
    let create = vec![Write::put_when(THINGS, &counted, "", When::Absent)];
    room.refuses("clause 4: who only counts exists", create, 0, Refusal::Condition).await;
}

async fn a_version_means_that_very_state(room: &Room<'_>) {
    let id = fresh("version");
    let put = |version| vec![Write::put_when(THINGS, &id, "next", When::Version(version))];
    let delete = |version| vec![Write::delete_when(THINGS, &id, When::Version(version))];
    let stale = async |version| {
        for writes in [put(version), delete(version)] {
            let claim = format!("clause 4: {version:?} is not current");
            room.refuses(&claim, writes, 0, Refusal::Condition).await;
        }
    };
    stale(Version(0)).await;

    let first = room.put(&id, "first").await;
    let second = room.applies("clause 4: the version just read is current", put(first)).await;
    for version in [first, Version(0), Version(u64::MAX)] {
        stale(version).await;
    }
    let counted = room.apply(vec![Write::add(THINGS, &id, [("count", 1)])]).await;
    stale(second[0].unwrap()).await;

    let current = counted[0].unwrap();
    let deleted = room.applies("clause 4: an addition is a new state", delete(current)).await;
    assert_eq!(deleted, [None], "clause 5: a delete gives no version");
    stale(current).await;
}

async fn the_first_write_that_cannot_be_applied_is_named(room: &Room<'_>) {
    let names = ["fine", "over", "taken"].map(fresh);
    room.put(&names[2], "taken").await;
    let fine = Write::put(THINGS, &names[0], "");
    let over = Write::add_within(THINGS, &names[1], [("count", 2)], ("count", 1));
    let taken = Write::put_when(THINGS, &names[2], "", When::Absent);

    for (writes, write, why) in [
        ([&fine, &over, &taken], 1, Refusal::Ceiling),
        ([&fine, &taken, &over], 1, Refusal::Condition),
        ([&taken, &over, &fine], 0, Refusal::Condition),
    ] {
        let writes = writes.map(Clone::clone).into();
        room.refuses("clause 4: the first refusal is the one named", writes, write, why).await;
    }
}

async fn one_of_many_creators_wins(room: &Room<'_>) {
    let id = fresh("race");
    let create = || room.commit(vec![Write::put_when(THINGS, &id, "", When::Absent)]);

    let outcomes = join_all((0..64).map(|_| create())).await;

    assert_eq!(winners(&outcomes), 1, "clause 4: of concurrent creators exactly one wins");
}

async fn one_of_many_writers_of_a_version_wins(room: &Room<'_>) {
    let id = fresh("race");
    let mut version = room.put(&id, "0").await;
    for _ in 0..4 {
        let replace = |number: usize| {
            let (value, when) = (number.to_string().into_bytes(), When::Version(version));
            room.commit(vec![Write::put_when(THINGS, &id, value, when)])
        };

        let outcomes = join_all((0..16).map(replace)).await;

        assert_eq!(winners(&outcomes), 1, "clause 4: of writers of one version exactly one wins");
        let winner = outcomes.iter().position(applied).unwrap();
        let record = room.get(&id).await.unwrap();
        assert_eq!(record.value, winner.to_string(), "clause 4: and what it wrote stays");
        version = record.version;
    }
}

fn applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied(_))
}

fn winners(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| applied(outcome)).count()
}
