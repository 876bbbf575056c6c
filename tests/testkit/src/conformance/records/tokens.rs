//! Clause 9: idempotency.

use dormouse_core::ports::{Commit, Outcome, Refusal, When, Write};
use futures::future::join_all;

use super::{Room, THINGS, fresh};

const REFUSED: Outcome = Outcome::Refused { write: 0, why: Refusal::Condition };

pub(super) async fn check(room: &Room<'_>) {
    a_replay_is_not_applied_again(room).await;
    concurrent_replays_are_applied_once(room).await;
    a_refused_commit_is_not_remembered(room).await;
    tokens_belong_to_their_tenant(room).await;
}

/// A commit of three kinds of writes, one of which could not be repeated.
fn commit(room: &Room<'_>, name: &str, token: &str) -> Commit {
    let writes = vec![
        Write::put_when(THINGS, format!("{name}-created"), "", When::Absent),
        Write::add(THINGS, format!("{name}-counted"), [("count", 1)]),
        Write::delete(THINGS, format!("{name}-deleted")),
    ];
    Commit::new(&room.tenant, writes).with_token(token)
}

async fn a_replay_is_not_applied_again(room: &Room<'_>) {
    let (name, token) = (fresh("replay"), fresh("token: ü/%"));
    let first = room.records.commit(commit(room, &name, &token)).await.unwrap();
    assert!(matches!(first, Outcome::Applied(_)), "clause 9: the first is applied: {first:?}");
    room.put(&format!("{name}-deleted"), "written since").await;

    let replay = room.records.commit(commit(room, &name, &token)).await.unwrap();

    assert_eq!(replay, first, "clause 9: a replay returns the first one's outcome");
    let counted = room.counters(&format!("{name}-counted")).await;
    assert_eq!(counted["count"], 1, "clause 9: and is not applied");
    let since = room.get(&format!("{name}-deleted")).await;
    assert!(since.is_some(), "clause 9: nor does it undo what happened since");

    let other = room.records.commit(commit(room, &name, &fresh("other"))).await.unwrap();
    assert_eq!(other, REFUSED, "clause 9: another token is another commit");
}

async fn concurrent_replays_are_applied_once(room: &Room<'_>) {
    let (name, token) = (fresh("stampede"), fresh("token"));

    let outcomes =
        join_all((0..32).map(|_| room.records.commit(commit(room, &name, &token)))).await;

    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(matches!(outcomes[0], Outcome::Applied(_)), "clause 9: one replay is applied");
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "clause 9: for all of them");
    let counted = room.counters(&format!("{name}-counted")).await;
    assert_eq!(counted["count"], 1, "clause 9: concurrent replays are applied once");
}

async fn a_refused_commit_is_not_remembered(room: &Room<'_>) {
    let (name, token) = (fresh("refused"), fresh("token"));
    let taken = format!("{name}-created");
    room.put(&taken, "taken").await;
    let first = room.records.commit(commit(room, &name, &token)).await.unwrap();
    assert_eq!(first, REFUSED, "clause 4: what exists is not absent");

    room.apply(vec![Write::delete(THINGS, &taken)]).await;
    let again = room.records.commit(commit(room, &name, &token)).await.unwrap();

    assert!(matches!(again, Outcome::Applied(_)), "clause 9: a refusal is not remembered");
}

async fn tokens_belong_to_their_tenant(room: &Room<'_>) {
    let (name, token) = (fresh("shared"), fresh("token"));
    let next_door = room.next_door(fresh("tenant"));
    for room in [room, &next_door] {
        room.records.commit(commit(room, &name, &token)).await.unwrap();
        let counted = room.counters(&format!("{name}-counted")).await;
        assert_eq!(counted["count"], 1, "clause 9: another tenant's token is another token");
    }
}
